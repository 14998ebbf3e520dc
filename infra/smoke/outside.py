"""What the smoke test does outside its own process: az, HTTP, and waiting."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# Somebody else's JSON.
type Json = Any
type Az = Callable[..., Json]


class Refused(Exception):
    """az ended with an error; its text is what az wrote."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP; status 0 where none came, and then the text says why."""

    status: int
    text: str

    @property
    def body(self) -> Json:
        """The JSON object that it is, or an empty one."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    @property
    def code(self) -> str:
        """The code of the error that it tells, or an empty text. Synapse's own routes have flat errors."""
        error = self.body.get("error")
        found = error if isinstance(error, dict) else self.body
        return str(found.get("code") or "")

    def said(self) -> str:
        """Tell it in one line."""
        return f"HTTP {self.status} {' '.join(self.text.split())[:600]}".strip()


type Call = Callable[[str, str, Mapping[str, str], bytes | None], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Everything that is not a decision."""

    az: Az
    call: Call
    now: Callable[[], float]  #: seconds since 1970
    sleep: Callable[[float], None]


def az(*arguments: str) -> Json:
    """Run az and read what it writes. Raises `Refused`."""
    command = shutil.which("az")
    if command is None:
        message = "az is not installed: https://learn.microsoft.com/cli/azure/install-azure-cli"
        raise Refused(message)
    done = subprocess.run(
        [command, *arguments, "--output", "json"], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise Refused(" ".join(done.stderr.split())[:1000])
    return json.loads(done.stdout) if done.stdout.strip() else None


def call(method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
    """Make one call; never raises for what the other side or the network does."""
    request = urllib.request.Request(url, content, dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=240) as answer:
            return Answer(answer.status, answer.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read().decode(errors="replace"))
    except OSError as error:  # URLError, a time-out, a broken connection
        return Answer(0, str(error))


REAL = Outside(az=az, call=call, now=time.time, sleep=time.sleep)
