"""A fake cloud for one test: az, azd and what else a script would call, before all others on the path."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.infra.fake_azure import ADDRESS, ROOT, SETTINGS, State

EMPTY: Final[State] = {
    "signedIn": False,
    "azdSignedIn": False,
    "subscription": "",
    "bicep": False,
    "groups": {},
    "workspaces": {},
    "deployed": False,
    "azd": {},
    "assignments": [],
    "settings": SETTINGS,
    "functions": [],
    "host": "gateway.example",
    "key": "the-function-key",
    "storage": "",
    "tokens": {},
    "fails": {},  # commands that end with an error, and what they say
}
#: One workspace that this machine may reach, and somebody who is signed in.
READY: Final[State] = EMPTY | {
    "signedIn": True,
    "subscription": "s",
    "workspaces": {"contoso": {"addresses": [ADDRESS], "roles": [], "pipelines": []}},
}


class Cloud:
    """The folder that the fake tools keep their cloud in."""

    def __init__(self, folder: Path, state: State) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        (folder / "calls.jsonl").touch()
        self.state = state
        for tool in ("az", "azd"):
            self.put(tool, f'exec {sys.executable} -m tests.infra.fake_cloud {tool} "$@"')
        self.put("sleep", f'echo "$1" >> {folder}/slept')

    def put(self, name: str, script: str, *, shell: str = "sh") -> None:
        """Put a command before all others of its name."""
        path = self.bin / name
        path.write_text(f"#!/usr/bin/env {shell}\n{script}\n")
        path.chmod(0o755)

    @property
    def state(self) -> State:
        found: State = json.loads((self.folder / "state.json").read_text())
        return found

    @state.setter
    def state(self, value: State) -> None:
        (self.folder / "state.json").write_text(json.dumps(value))

    def change(self, **fields: Any) -> None:
        """Change fields of the state."""
        self.state = self.state | fields

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.bin}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), "FAKE_CLOUD": str(self.folder), "PYTHONPATH": str(ROOT)}  # fmt: skip

    @property
    def calls(self) -> list[list[str]]:
        """Every command that was called, in order."""
        lines = (self.folder / "calls.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def slept(self) -> list[str]:
        file = self.folder / "slept"
        return file.read_text().split() if file.exists() else []

    def run(
        self, *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in this cloud."""
        return subprocess.run(
            command,
            check=False,
            cwd=cwd,
            env=self.environment | dict(env or {}),
            capture_output=True,
            text=True,
        )
