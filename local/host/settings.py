"""Reads app settings: the environment's, else those of the settings file, as Core Tools does."""

import json
import os
import re
from pathlib import Path

DEFAULT_CONNECTION = "AzureWebJobsStorage"
EMULATOR = "UseDevelopmentStorage=true"
EXPRESSION = re.compile(r"%([^%]+)%")


class SettingMissing(Exception):
    """A binding names a setting that doesn't exist."""


class SettingsInvalid(Exception):
    """The settings file is no JSON object, or its Values are none."""


def load(path: Path) -> None:
    """Add the file's Values to the environment; what is set there already wins."""
    if not path.is_file():
        return
    try:
        values = dict(json.loads(path.read_text(encoding="utf-8-sig")).get("Values", {}))
    except (ValueError, TypeError, AttributeError) as fault:
        msg = f"{path}: {fault}"
        raise SettingsInvalid(msg) from fault
    for name, value in values.items():
        os.environ.setdefault(name, str(value))


def resolve(text: str) -> str:
    """Replace each %NAME% by its setting."""

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in os.environ:
            msg = f"'%{name}%' does not resolve to a value"
            raise SettingMissing(msg)
        return os.environ[name]

    return EXPRESSION.sub(value, text)


def is_disabled(function: str) -> bool:
    """Tell whether a setting keeps a function from running (learn, azure-functions/disable-function)."""
    return os.environ.get(f"AzureWebJobs.{function}.Disabled", "").lower() in {"true", "1"}


def connection_string(name: str | None) -> str:
    """Return the connection string that a binding's connection names."""
    wanted = resolve(name or DEFAULT_CONNECTION)
    for candidate in (f"AzureWebJobs{wanted}", wanted):  # the platform looks for the prefix first
        if value := os.environ.get(candidate):
            return value
    msg = f"no setting '{wanted}' holds a connection string (identity connections need the real platform)"
    raise SettingMissing(msg)
