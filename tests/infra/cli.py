"""A command of az or azd, read by the table of options that the tools themselves gave (`local.cli_options`)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

TABLE: Final = Path(__file__).with_name("cli_options.json")


class Wrong(Exception):
    """The tool has no such command or option, or lacks one that it needs."""


@dataclass(slots=True)
class Command:
    """A command with what it was given; an option stands under each of its names that was used."""

    name: str  #: "az group create"
    options: dict[str, list[str]] = field(default_factory=dict)
    positionals: list[str] = field(default_factory=list)

    def __getitem__(self, option: str) -> str:
        """Return the value of an option that was given."""
        return self.options[option][0]

    def get(self, option: str, default: str = "") -> str:
        """Return the value of an option, or what stands for it."""
        return self.options.get(option, [default])[0]


@cache
def table() -> dict[str, Any]:
    """Return the options of each command."""
    commands: dict[str, Any] = json.loads(TABLE.read_text())["commands"]
    return commands


def read(words: Sequence[str]) -> Command:
    """Read the words of a command line, the tool's name first. Raises `Wrong`."""
    found = next((n for n in range(len(words), 1, -1) if " ".join(words[:n]) in table()), None)
    if found is None:
        message = f"no command in the table begins {' '.join(words[:4])!r}"
        raise Wrong(message)
    command = Command(" ".join(words[:found]))
    options = table()[command.name]["options"]
    rest = list(words[found:])
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            command.positionals.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in options:
            message = f"{command.name}: unrecognized arguments: {name}"
            raise Wrong(message)
        given = [value] if equals else _taken(rest, options[name])
        command.options[name] = _valid(command.name, name, given, options[name])
    _complete(command)
    return command


def _taken(rest: list[str], takes: str | list[str]) -> list[str]:
    if takes == "none":
        return []
    found: list[str] = []
    while rest and not rest[0].startswith("--") and (not found or str(takes).startswith("several")):
        found.append(rest.pop(0))
    return found


def _valid(command: str, name: str, given: list[str], takes: str | list[str]) -> list[str]:
    if takes == "none":
        if given:
            message = f"{command}: {name} takes no value"
            raise Wrong(message)
        return ["yes"]
    if not given and not str(takes).endswith("?"):
        message = f"{command}: {name}: expected one argument"
        raise Wrong(message)
    if isinstance(takes, list) and given[0] not in takes:
        message = f"{command}: {name} is one of {', '.join(takes)}, not {given[0]!r}"
        raise Wrong(message)
    return given


def _complete(command: Command) -> None:
    for names in table()[command.name]["required"]:
        if not command.options.keys() & set(names):
            message = f"{command.name}: {' or '.join(names)} is required"
            raise Wrong(message)
    most = table()[command.name]["positionals"]
    if len(command.positionals) > most and command.name.startswith("az "):
        message = f"{command.name}: unrecognized arguments: {' '.join(command.positionals)}"
        raise Wrong(message)
