"""Reads the numbers of host.json that this host obeys, with the platform's defaults."""

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

LOCAL_POLLING_CAP = 2.0  # the platform's own, for development
OVERRIDES = "AzureFunctionsJobHost"
DURATION = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)")
LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 10,
}


class HostJsonInvalid(Exception):
    """host.json says something that the platform would refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """extensions.queues."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    retry_delay: int = 0
    max_polling_interval: float = LOCAL_POLLING_CAP
    encoding: Literal["none", "base64"] = "base64"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostJson:
    """host.json."""

    queues: Queues = field(default_factory=Queues)
    route_prefix: str = "api"
    default_level: int = logging.INFO
    function_level: int = logging.INFO


def load(path: Path) -> HostJson:
    """Read the file, with what the environment says instead; without a file, the platform's defaults."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}
        return read(overridden(content, os.environ))
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        msg = f"{path}: {fault!r}"
        raise HostJsonInvalid(msg) from fault


def overridden(content: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Lay the settings AzureFunctionsJobHost__path__to__value over the file, as the platform does.

    learn, azure-functions/functions-host-json: "Override host.json values".
    """
    for name, value in environment.items():
        prefix, *path = name.split("__")
        if prefix == OVERRIDES and path:
            part = content
            for step in path[:-1]:
                part = part.setdefault(step, {})
            part[path[-1]] = value
    return content


def read(content: dict[str, Any]) -> HostJson:
    """Read what the file holds."""
    extensions = content.get("extensions", {})
    levels = content.get("logging", {}).get("logLevel", {})
    default = LEVELS[levels.get("default", "Information").lower()]
    return HostJson(
        queues=_queues(extensions.get("queues", {})),
        route_prefix=extensions.get("http", {}).get("routePrefix", "api").strip("/"),
        default_level=default,
        function_level=LEVELS[levels["Function"].lower()] if "Function" in levels else default,
    )


def seconds(duration: str) -> float:
    """Read `[d.]hh:mm:ss[.fff]`."""
    found = DURATION.fullmatch(duration)
    if found is None:
        msg = f"'{duration}' is no duration"
        raise ValueError(msg)
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _queues(content: dict[str, Any]) -> Queues:
    batch = int(content.get("batchSize", 16))
    processors = os.process_cpu_count() or 1
    threshold = int(content.get("newBatchThreshold", batch // 2 * processors))
    tries = int(content.get("maxDequeueCount", 5))
    encoding = content.get("messageEncoding", "base64").lower()
    possible = 1 <= batch <= 32 and threshold >= 0 and tries >= 1
    if not possible or encoding not in {"none", "base64"}:
        msg = (
            f"extensions.queues is invalid: batchSize {batch}, newBatchThreshold {threshold},"
            f" maxDequeueCount {tries}, messageEncoding {encoding}"
        )
        raise ValueError(msg)
    longest = seconds(content.get("maxPollingInterval", "00:01:00"))
    return Queues(
        batch_size=batch,
        new_batch_threshold=threshold,
        max_dequeue_count=tries,
        retry_delay=int(seconds(content.get("visibilityTimeout", "00:00:00"))),
        max_polling_interval=min(longest, LOCAL_POLLING_CAP),
        encoding=encoding,
    )
