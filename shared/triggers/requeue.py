"""Put messages back that the platform gave up on.

    python -m shared.triggers.requeue                                      every message that names its request
    python -m shared.triggers.requeue --record msg-<id> --as <requestId>   one that named none

It works on the storage that the app settings name: run it with RunStorage (or RunStorage__queueServiceUri and
RunStorage__tableServiceUri) and SYNAPSE_ENDPOINT in the environment.
"""

import argparse
import asyncio
import sys

from shared import wiring
from shared.errors import GatewayError
from shared.requeue import Requeue


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.triggers.requeue",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--record", help="the record that the poison trigger kept it under")
    parser.add_argument("--as", dest="request_id", help="the id under which it goes back")
    given = parser.parse_args(arguments)
    if (given.record is None) != (given.request_id is None):
        parser.error("--record and --as belong together")
    try:
        said, code = asyncio.run(_put_back(given.record, given.request_id))
    except GatewayError as error:
        said, code = str(error), 1
    sys.stdout.write(f"{said}\n")
    return code


async def _put_back(record_id: str | None, request_id: str | None) -> tuple[str, int]:
    app = wiring.app()
    try:
        return await _do(app.requeue, record_id, request_id)
    finally:
        await app.aclose()


async def _do(requeue: Requeue, record_id: str | None, request_id: str | None) -> tuple[str, int]:
    if record_id is None or request_id is None:
        returned = await requeue.all()
        left = f"; {returned.left} stay that name no request" if returned.left else ""
        return f"{returned.moved} messages put back{left}.", 0
    refusal = await requeue.one(record_id, request_id)
    return (refusal, 1) if refusal else (f"Put back as {request_id}.", 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
