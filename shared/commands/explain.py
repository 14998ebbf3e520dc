"""Show what the rules of a configuration make of an event. No run is made, and nothing is sent anywhere.

    make explain ARGS="gateway.json event.json"
    make explain ARGS="gateway.json push.json --hook github --type push"

event.json holds what arrives: an event in Event Grid's schema or as a CloudEvent, an array of them, or with --hook
the payload of a signed webhook. Exit code 0: at least one request would be enqueued; 1: none; 2: a file is wrong.
"""

import argparse
import sys
from datetime import datetime
from pathlib import Path

from shared import wiring
from shared.config import gateway_json
from shared.config.gateway_json import GatewayConfig
from shared.events import envelope, webhook_event
from shared.events.dry_run import tell
from shared.events.envelope import Item


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        config = gateway_json.read(given.config.read_bytes())
        body = given.event.read_bytes()
    except OSError as error:
        return _end(f"{error.filename}: {error.strerror}", 2)
    if isinstance(config, tuple):
        faults = "\n".join(f"{fault.target}: {fault.message}" for fault in config)
        return _end(f"{given.config} has mistakes:\n{faults}", 2)
    if given.hook is not None and given.hook not in config.hooks:
        return _end(f"{given.config} names no hook {given.hook}.", 2)
    items = _items(config, body, given)
    principal = None if given.hook is None else f"hook:{given.hook}"
    said, requests = tell(config, items, given.at or wiring.now(), principal)
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
    parser.add_argument("config", type=Path, help="the configuration, as gateway.json")
    parser.add_argument("event", type=Path, help="the event or events, as they arrive")
    parser.add_argument("--hook", help="the event is the payload of this hook's webhook")
    parser.add_argument("--type", default="push", help="what GitHub's X-GitHub-Event says")
    parser.add_argument("--at", type=_time, help="when it arrives, with offset (default: now)")
    return parser


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        msg = "a time needs its offset, as 2026-11-24T08:30:00Z"
        raise argparse.ArgumentTypeError(msg)
    return time


def _end(said: str, code: int) -> int:
    sys.stdout.write(f"{said}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
