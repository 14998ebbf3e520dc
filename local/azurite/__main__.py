"""Install Azurite, or run it until the process ends: `python -m local.azurite install|run`."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from local.azurite import install, server
from local.process import NotServing


async def run(arguments: argparse.Namespace) -> int:
    ended = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, ended.set)
    async with server.running(
        queue_port=arguments.queue_port,
        table_port=arguments.table_port,
        location=arguments.location,
    ) as azurite:
        print(azurite.connection_string, flush=True)
        await ended.wait()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="local.azurite", description=__doc__)
    parser.add_argument("what", choices=("install", "run"))
    parser.add_argument("--queue-port", type=int, default=10001)
    parser.add_argument("--table-port", type=int, default=10002)
    parser.add_argument(
        "--location", type=Path, help="directory to keep the data in (else in memory)"
    )
    arguments = parser.parse_args()
    if arguments.what == "install":
        return install.install()
    if arguments.location:
        arguments.location.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(run(arguments))
    except NotServing as fault:
        sys.exit(fault.said.strip())


sys.exit(main())
