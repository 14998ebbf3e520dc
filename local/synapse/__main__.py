"""Serve a simulated workspace: python -m local.synapse --port 0 --pipelines FILE."""

import argparse
import asyncio
import logging
import signal
import ssl
import sys
from pathlib import Path

from pydantic import ValidationError

from local.process import announce, end_with_parent
from local.synapse.pipelines import Catalogue
from local.synapse.server import serving
from local.synapse.simulation import IDENTITY_HEADER, Simulation


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.synapse", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--pipelines", type=Path, required=True)
    parser.add_argument("--with-parent", action="store_true", help="end when stdin closes")
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of faults with a probability")
    parser.add_argument("--identity-header", default=IDENTITY_HEADER)
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    tls = None
    if arguments.tls_cert is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    simulation = Simulation(
        _catalogue(arguments.pipelines),
        seed=arguments.seed,
        identity_header=arguments.identity_header,
    )
    async with serving(simulation, port=arguments.port, tls=tls) as server:
        plain = {} if tls is None else {"plainPort": server.plain_port}
        announce(port=server.port, **plain)
        await stopped.wait()


def _catalogue(path: Path) -> Catalogue:
    """Read the pipelines; what is wrong with them ends the program in one sentence for each."""
    try:
        return Catalogue.read(path)
    except ValidationError as error:
        faults = (
            f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors()
        )
        sys.exit("\n".join(faults))


def main() -> None:
    arguments = _arguments()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    if arguments.with_parent:
        end_with_parent()
    asyncio.run(_serve(arguments))


if __name__ == "__main__":
    main()
