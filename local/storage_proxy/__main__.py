"""Serve a proxy before a storage service: python -m local.storage_proxy --queue-url … --table-url …

Announces {"port": N, "queuePort": N, "tablePort": M}; tests control it on either port.
"""

import argparse
import asyncio
import logging
import signal
import sys

from local.process import announce, end_with_parent
from local.storage_proxy.server import serving


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.storage_proxy", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="for queues; 0: any free port")
    parser.add_argument("--table-port", type=int, default=0, help="for tables; 0: any free port")
    parser.add_argument("--queue-url", required=True, help="http://host:port/account")
    parser.add_argument("--table-url", required=True, help="http://host:port/account")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin closes")
    parser.add_argument("--seed", type=int, default=0, help="of faults with a probability")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    async with serving(
        queue_url=arguments.queue_url,
        table_url=arguments.table_url,
        queue_port=arguments.port,
        table_port=arguments.table_port,
        seed=arguments.seed,
    ) as server:
        announce(port=server.queue_port, queuePort=server.queue_port, tablePort=server.table_port)
        await stopped.wait()


def main() -> None:
    arguments = _arguments()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    if arguments.with_parent:
        end_with_parent()
    asyncio.run(_serve(arguments))


if __name__ == "__main__":
    main()
