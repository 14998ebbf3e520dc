"""The Makefile on machines unlike this one: macOS's tools, a Python version that pyenv hides."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from local.stack import ROOT

MACOS_CP = """#!/bin/sh
case " $* " in *" --"*) echo "cp: illegal option -- -" >&2; exit 64;; esac
exec /bin/cp "$@"
"""
PYENV_SHIM = """#!/bin/sh
echo "pyenv: python3.13: command not found" >&2
exit 127
"""


def command(folder: Path, name: str, text: str) -> dict[str, str]:
    """Put a command before all others of its name; returns the environment."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}


def make(
    folder: Path, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Call make as a shell would: what a make around the tests exports is not passed on."""
    env = {k: v for k, v in (env or os.environ).items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], check=False, cwd=folder, env=env, capture_output=True, text=True
    )


def test_the_tree_for_mutants_is_copied_by_macos_tools_too(tmp_path: Path) -> None:
    """As its files are now, committed or not."""
    copy = tmp_path / "mutants"
    shown = make(ROOT, "--dry-run", "--old-file=.venv/.installed", "mutants", f"MUTANTS={copy}")
    first = shown.stdout.splitlines()[0]
    assert "ls-files" in first

    env = command(tmp_path, "cp", MACOS_CP)
    done = subprocess.run(
        ["sh", "-ec", first], check=False, cwd=ROOT, env=env, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    for name in ("function_app.py", "local/mutants.toml", "tests/local/host_app/host.json"):
        assert (copy / name).read_bytes() == (ROOT / name).read_bytes()


def test_without_python_3_13_the_message_says_how_pyenv_gives_it(tmp_path: Path) -> None:
    """Its shim is on the path and fails where another version is active."""
    for name in ("Makefile", "requirements-dev.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()

    done = make(tmp_path, "run", env=command(bin_folder, "python3.13", PYENV_SHIM))

    assert done.returncode == 2
    assert "Python 3.13 is needed" in done.stdout
    assert "PYENV_VERSION=3.13" in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_help_names_every_target_of_a_first_hour() -> None:
    said = make(ROOT, "help").stdout

    assert {"run", "test", "explain", "requeue", "mutants"} <= set(
        re.findall(r"^\S+", said, re.MULTILINE)
    )


@pytest.mark.parametrize(
    ("target", "arguments", "says"),
    [
        ("explain", "samples/gateway.json samples/events/blob-created.json", "1 run request would"),
        ("requeue", "--help", "usage: make requeue"),
    ],
)
def test_a_command_takes_its_arguments_from_make(target: str, arguments: str, says: str) -> None:
    done = make(ROOT, "--old-file=.venv/.installed", target, f"ARGS={arguments}")

    assert done.returncode == 0, done.stderr
    assert says in done.stdout
