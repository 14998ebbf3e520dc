"""Stands for az and azd: takes what they take, records it, and answers in their shapes.

`python -m tests.infra.fake_cloud az group list`, with FAKE_CLOUD naming a folder. A command or an option that the tool
lacks is refused by the table of `local.cli_options`.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.infra import cli, fake_azd, fake_azure
from tests.infra.cli import Command
from tests.infra.fake_azure import Refused, State


def main() -> int:
    """Take one command."""
    folder = Path(os.environ["FAKE_CLOUD"])
    state: State = json.loads((folder / "state.json").read_text())
    words = sys.argv[1:]
    with (folder / "calls.jsonl").open("a") as calls:
        calls.write(f"{json.dumps(words)}\n")
    try:
        command = cli.read(words)
        answer = _answer(state, command)
    except (cli.Wrong, Refused) as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return 2 if isinstance(error, cli.Wrong) else 1
    (folder / "state.json").write_text(json.dumps(state))
    _write(answer, command)
    return 0


def _answer(state: State, command: Command) -> Any:
    if command.name in state["fails"]:
        raise Refused(state["fails"][command.name])
    return (fake_azure.ANSWERS | fake_azd.ANSWERS)[command.name](state, command)


def _write(answer: Any, command: Command) -> None:
    if "--query" in command.options:
        import jmespath  # noqa: PLC0415 - many commands of many processes need none

        answer = jmespath.search(command["--query"], answer)
    form = command.get("--output") or command.get("-o") or "json"
    if answer is None or form == "none":
        return
    if form == "json":
        sys.stdout.write(f"{json.dumps(answer)}\n")
    else:  # tsv
        lines = answer if isinstance(answer, list) else [answer]
        sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
