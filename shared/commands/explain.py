"""Show which requests the rules of a configuration make from an event. Nothing is started or sent.

    make explain ARGS="gateway.json event.json"
    make explain ARGS="gateway.json push.json --hook github --type push"

event.json holds an event in Event Grid's schema or as a CloudEvent, an array of them, or with --hook the payload of a
signed webhook. Exit code 0: at least one request would be enqueued; 1: none would; 2: a file can't be read.
"""

import argparse
import sys
from datetime import datetime
from pathlib import Path

from shared.adapters.clock import SystemClock
from shared.config import gateway_json
from shared.config.gateway_json import GatewayConfig
from shared.events import envelope, webhook_event
from shared.events.dry_run import describe
from shared.events.envelope import Item


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        config = gateway_json.read(given.config.read_bytes())
        body = given.event.read_bytes()
    except OSError as error:
        return _end(f"{error.filename}: {error.strerror}", 2)
    if isinstance(config, tuple):
        faults = "\n".join(f"{fault.target}: {fault.message}" for fault in config)
        return _end(f"{given.config} is not valid:\n{faults}", 2)
    if given.hook is not None and given.hook not in config.hooks:
        return _end(f"{given.config} has no hook {given.hook}.", 2)
    items = _items(config, body, given)
    principal = None if given.hook is None else f"hook:{given.hook}"
    said, requests = describe(config, items, given.at or SystemClock().now(), principal)
    return _end(said, 0 if requests else 1)


def _items(config: GatewayConfig, body: bytes, given: argparse.Namespace) -> tuple[Item, ...]:
    if given.hook is None:
        return envelope.unpack({}, body)
    headers = {"x-github-event": given.type}
    return (webhook_event.read(given.hook, config.hooks[given.hook], "example", headers, body),)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make explain",
        usage='make explain ARGS="CONFIG EVENT [--hook HOOK [--type TYPE]] [--at AT]"',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, help="the configuration, in the form of gateway.json")
    parser.add_argument(
        "event", type=Path, help="a file with the event or events, as they are sent"
    )
    parser.add_argument("--hook", help="read the event as a payload for this hook")
    parser.add_argument(
        "--type", default="push", help="the value of GitHub's X-GitHub-Event header (default: push)"
    )
    parser.add_argument(
        "--at", type=_time, help="when the event arrives, with UTC offset (default: now)"
    )
    return parser


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        msg = "a time needs a UTC offset, as in 2026-11-24T08:30:00Z"
        raise argparse.ArgumentTypeError(msg)
    return time


def _end(said: str, code: int) -> int:
    sys.stdout.write(f"{said}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
