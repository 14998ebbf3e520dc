"""Put poison messages back on the requests queue.

    make requeue                                             every message that names its request
    make requeue ARGS="--record msg-<id> --as <requestId>"   one message without a requestId

The environment names the storage: RunStorage, or RunStorage__queueServiceUri and RunStorage__tableServiceUri; and
RUN_REQUESTS_QUEUE and RUNS_TABLE if the app does not use the defaults.
"""

import argparse
import asyncio
import sys
from typing import Final

from shared import wiring
from shared.gateway.requeue import Returned
from shared.kernel.errors import GatewayError

_WHAT_STAYS: Final = (
    "The poison trigger answers these once it is enabled again. Then a request can be put back under an id of your choice:\n"
    '  make requeue ARGS="--record msg-<message id> --as <requestId>"'
)


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="make requeue",
        usage='make requeue [ARGS="--record RECORD --as REQUEST_ID"]',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--record", help="the id under which the poison trigger recorded the message"
    )
    parser.add_argument("--as", dest="request_id", help="the requestId under which to put it back")
    given = parser.parse_args(arguments)
    if (given.record is None) != (given.request_id is None):
        parser.error("--record and --as must be given together")
    try:
        said, code = asyncio.run(_put_back(given.record, given.request_id))
    except GatewayError as error:
        said, code = str(error), 1
    sys.stdout.write(f"{said}\n")
    return code


async def _put_back(record_id: str | None, request_id: str | None) -> tuple[str, int]:
    async with wiring.requeue() as requeue:
        if record_id is None or request_id is None:
            return _report(await requeue.all()), 0
        refusal = await requeue.one(record_id, request_id)
        return (refusal, 1) if refusal else (f"Put back as {request_id}.", 0)


def _report(returned: Returned) -> str:
    """Report how many messages were put back, and what each remaining one is."""
    moved = f"{returned.moved} message{'' if returned.moved == 1 else 's'} put back"
    if not returned.left:
        return f"{moved}."
    stays = f"{len(returned.left)} stay{'s' if len(returned.left) == 1 else ''}"
    lines = (f"  {one.message_id}: {one.what}" for one in returned.left)
    return "\n".join((f"{moved}, {stays}:", *lines, _WHAT_STAYS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
