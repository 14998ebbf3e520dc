"""Run a function app: `python -m local.host --port 7071 --app DIR`; see `--help`."""

import argparse
import asyncio
import logging
import os
import signal
import ssl
import sys
from pathlib import Path

from local import process
from local.host import host_json, logs, ncrontab, routes, settings, worker
from local.host.host import Host

FAULTS = (
    host_json.HostJsonInvalid,
    ncrontab.ScheduleInvalid,
    routes.RouteInvalid,
    settings.SettingMissing,
    settings.SettingsInvalid,
    worker.IndexingFailed,
    OSError,
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.host", description=__doc__)
    parser.add_argument("--port", type=int, default=7071, help="0 takes any free port")
    parser.add_argument("--app", type=Path, default=Path(), help="directory with function_app.py")
    parser.add_argument("--settings", type=Path, help="default: local.settings.json of the app")
    parser.add_argument("--queue-lease", type=int, default=600, metavar="SECONDS")
    parser.add_argument(
        "--keys", default="", help="function keys, comma-separated; without, none is asked"
    )
    parser.add_argument("--grace", type=float, default=10.0, metavar="SECONDS", help="to end in")
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    return parser.parse_args()


async def serve(given: argparse.Namespace) -> bool:
    """Serve until told to end; says whether everything that ran came to its end."""
    announce = process.announcer()
    ended = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, ended.set)
    app = given.app.resolve()
    settings.load(given.settings or app / "local.settings.json")
    numbers = host_json.load(app / "host.json")
    logs.begin(default=numbers.default_level, function=numbers.function_level)
    tls = _tls(given)
    functions = await worker.load(app)
    host = Host(
        {name: one for name, one in functions.items() if not settings.is_disabled(name)},
        numbers=numbers,
        lease=given.queue_lease,
        keys=_keys(given),
        grace=given.grace,
    )
    announce(port=await host.start(given.port, tls))
    await host.wait(ended)
    drained = await host.stop()
    # The app's own clients are still open, as on the platform, whose worker simply ends: no news for the log.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    return drained


def _keys(given: argparse.Namespace) -> frozenset[str]:
    return frozenset(filter(None, given.keys.split(",")))


def _tls(given: argparse.Namespace) -> ssl.SSLContext | None:
    if given.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(given.tls_cert, given.tls_key)
    return context


def main() -> int:
    given = arguments()
    if given.with_parent:
        process.end_with_parent()
    try:
        drained = asyncio.run(serve(given))
    except FAULTS as fault:
        print(f"{type(fault).__name__}: {fault}", file=sys.stderr)
        return 1
    if not drained:
        os._exit(0)  # a thread of the app still runs, and Python would wait for it
    return 0


sys.exit(main())
