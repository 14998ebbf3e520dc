"""Airflow's own environment: made once, in .local/airflow."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from local.stack import ROOT

DIRECTORY = ROOT / ".local" / "airflow"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
VERSION = "3.12"
CHECK = f"import sys; sys.exit(sys.version_info[:2] != ({VERSION.replace('.', ', ')}))"


class PythonMissing(Exception):
    """There is no Python of the version that Airflow installs on."""


def interpreter() -> Path:
    """Give the Python that has Airflow, after installing it where it isn't yet."""
    python = DIRECTORY / "bin" / "python"
    stamp = DIRECTORY / ".installed"
    wanted = REQUIREMENTS.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Installing Airflow into .local/airflow (first time only, two to three minutes) ...")
        subprocess.run([_find(), "-m", "venv", "--clear", DIRECTORY], check=True)
        install = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run([*install, "--requirement", str(REQUIREMENTS)], check=True)
        stamp.write_text(wanted)
    return python


def _find() -> str:
    for candidate in _candidates():
        answer = subprocess.run([candidate, "-c", CHECK], capture_output=True, check=False)
        if answer.returncode == 0:
            return candidate
    msg = (
        f"Python {VERSION} is needed for Airflow's provider, and none was found: install it so that "
        f"`python{VERSION}` starts it, or name it: make airflow AIRFLOW_PYTHON=/path/to/python{VERSION}"
    )
    raise PythonMissing(msg)


def _candidates() -> Iterator[str]:
    if named := os.environ.get("AIRFLOW_PYTHON"):
        yield named
    if found := shutil.which(f"python{VERSION}"):
        yield found
    # A version manager has versions that are not on the path until somebody asks for them.
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(map(str, root.glob(f"versions/{VERSION}*/bin/python")), reverse=True)
