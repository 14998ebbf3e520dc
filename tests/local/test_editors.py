"""What editors and pre-commit are given agrees with the Makefile and the tree."""

import json
import re
import subprocess
from dataclasses import astuple
from typing import Any

import yaml

from local import run
from local.stack import ROOT

#: A tool of the environment, with its command if it has several.
TOOL = re.compile(r"(?:\$\(ENV\)|\.venv/bin)/([a-z-]+(?: [a-z]+)?)")


def devcontainer() -> dict[str, Any]:
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    found = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert isinstance(found, dict)
    return found


def test_pre_commit_runs_what_make_lint_runs() -> None:
    """ruff mends in place before a commit what `make lint` would only report."""
    recipe = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    entries = "\n".join(hook["entry"] for hook in repository["hooks"])

    assert set(TOOL.findall(entries)) == set(TOOL.findall(recipe))
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}


def test_the_container_has_the_python_of_the_tree_and_the_ports_of_make_run() -> None:
    given = devcontainer()

    assert given["image"].endswith(f":{(ROOT / '.python-version').read_text().strip()}")
    assert sorted(given["forwardPorts"]) == sorted(astuple(run.PORTS))
    assert given["postCreateCommand"] == "make lint"


def test_the_tree_is_as_the_editor_is_told() -> None:
    """Every text ends in one line break of Unix, and none of its lines in spaces."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], check=True, cwd=ROOT, capture_output=True, text=True
    )

    for name in filter(None, listed.stdout.split("\0")):
        content = (ROOT / name).read_bytes()
        assert not content or content.endswith(b"\n"), name
        assert b"\r" not in content, name
        assert not re.search(rb"[ \t]$", content, re.MULTILINE), name
