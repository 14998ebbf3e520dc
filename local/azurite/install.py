"""Installs Azurite into .local/azurite."""

import sys
from pathlib import Path

from local import npm

INSTALLED = npm.LOCAL / "azurite"


class NotInstalled(Exception):
    """Azurite is not installed."""


def installed() -> Path:
    """Return the directory whose node_modules has Azurite."""
    if not (INSTALLED / "node_modules" / "azurite").is_dir():
        msg = (
            f"Azurite is not installed: run `{Path(sys.executable).name} -m local.azurite install`"
        )
        raise NotInstalled(msg)
    return INSTALLED


def install() -> int:
    """Install the version that package-lock.json names."""
    return npm.install(Path(__file__).parent)
