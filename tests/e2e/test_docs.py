"""The commands of the pages, played in a newcomer's shell against the running stack, answer as the pages show."""

import asyncio
import os
import re
import shlex
import subprocess
from dataclasses import dataclass

import pytest

from local import run, stack
from local.stack import ROOT
from tests.e2e.curl import needs_curl

URL, SIMULATOR, STORAGE = (
    "http://127.0.0.1:7071",
    "http://127.0.0.1:8400",
    "UseDevelopmentStorage=true",
)
PLAYED = ("curl ", "URL=", "RUN=", ".venv/bin/python ")
# What of a reply is the same each time.
TOLD = re.compile(r'"(?:status|outcome|code|events|requests|generation)": ?"?\w[\w ]*"?')


@dataclass(frozen=True, slots=True)
class Example:
    """A command of a page, and the reply that is shown."""

    command: str
    shown: str


def examples(page: str) -> list[Example]:
    """Read the page's console blocks: the commands that a newcomer's machine has, with what follows each."""
    found = []
    for block in re.findall(
        r"^```console\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL
    ):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            end = next(end for end in range(1, len(lines) + 1) if is_whole(lines[:end]))
            found.append(Example("\n".join(lines[:end]), "\n".join(lines[end:])))
    return [one for one in found if one.command.startswith(PLAYED)]


def is_whole(lines: list[str]) -> bool:
    """Say whether the lines are a whole command, as a shell would."""
    if "<<'END'" in lines[0]:
        return lines[-1] == "END"
    try:
        shlex.split("\n".join(lines))
    except ValueError:
        return False
    return not lines[-1].endswith("\\")


def replied(text: str) -> set[str]:
    """Return the status line, and the words of a reply that stay the same."""
    status = re.findall(r"^HTTP/1.1 \d+", text, re.MULTILINE)
    return {*status, *(one.replace(" ", "") for one in TOLD.findall(text))}


def shell(running: stack.Stack, found: list[Example]) -> list[str]:
    """Play the commands one after the other, in one shell; returns what each has written."""
    line = "=== the next command ==="
    script = f"\necho '{line}'\n".join(one.command for one in found)
    for given, real in (
        (URL, running.url),
        (SIMULATOR, running.synapse.url),
        (STORAGE, running.storage),
    ):
        script = script.replace(given, real)
    done = subprocess.run(
        ["sh", "-c", script],
        check=False,
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": "/"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.split(line)


@needs_curl
@pytest.mark.parametrize(
    "page",
    ["README.md", "docs/requests.md", "docs/http.md", "docs/events.md", "docs/orchestrators.md"],
)
async def test_the_commands_of_a_page_answer_as_it_shows(page: str) -> None:
    found = examples(page)
    assert found

    # What takes a minute takes three seconds here, and ends are told as quickly as by `make run`.
    async with stack.running(env={"SETTLE_SECONDS": "3"} | run.QUICK) as running:
        outputs = await asyncio.to_thread(shell, running, found)

    assert len(outputs) == len(found)
    for example, output in zip(found, outputs, strict=True):
        assert replied(example.shown) <= replied(output), f"{example.command}\n{output}"
