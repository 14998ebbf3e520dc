"""Serve storage in memory: `python -m bench.stand_in`; announces its ports."""

import argparse
import asyncio
import signal
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

from bench.stand_in.server import StandIn, listening
from local.process import announce, end_with_parent
from local.storage_proxy.operation import Service


async def _serve(given: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    tls = None
    if given.tls_cert is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(given.tls_cert, given.tls_key)
    async with AsyncExitStack() as stack:
        stand_in = StandIn()
        announce(
            queuePort=await listening(stack, stand_in, Service.QUEUE, tls),
            tablePort=await listening(stack, stand_in, Service.TABLE, tls),
            port=await listening(stack, stand_in, Service.TABLE),  # for control
        )
        await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.stand_in", description=__doc__)
    parser.add_argument("--with-parent", action="store_true", help="end when stdin closes")
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    given = parser.parse_args()
    if given.with_parent:
        end_with_parent()
    asyncio.run(_serve(given))


if __name__ == "__main__":
    main()
