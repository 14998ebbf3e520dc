"""Starts and ends the servers of the local stack.

Every server is run as `python -m local.X --port N` (0: any free port, which is also taken if N is in use). It calls `end_with_parent()`, and
`announce(port=...)` once it serves: one JSON line on standard output. Everything else goes to standard error.
Two guards hold even if the parent is killed by SIGKILL: on Linux the kernel kills the child with it, and everywhere
the child ends when its standard input closes.
"""

import asyncio
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

# Asks the kernel to kill it with its parent, then becomes the command itself: no extra process stays. A
# preexec_fn would do the same, but Python warns, rightly, about that fork in a process with threads.
LEASH = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]): sys.exit("the parent ended before its child began")
os.execvp(sys.argv[2], sys.argv[2:])
"""
PR_SET_PDEATHSIG = 1
OUTPUT_SHOWN = 4_000
HOST = "127.0.0.1"
BACKLOG = 1024


class NotServing(Exception):
    """A server ended, or announced nothing, before it served."""

    def __init__(self, command: Sequence[str], code: int | None, said: str) -> None:
        super().__init__(f"{' '.join(command)} does not serve (exit code {code}):\n{said}")
        self.said = said  #: the end of what it wrote to standard error


@dataclass(slots=True, kw_only=True)
class Child:
    """A started server; `facts` is what it announced."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]
    facts: Mapping[str, Any] = field(default_factory=dict)
    _said: str = ""

    @property
    def port(self) -> int:
        return int(self.facts["port"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def output(self) -> str:
        """Everything that the server wrote to standard error, also after its end."""
        if self.log.closed:
            return self._said
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), size, 0).decode(errors="replace")

    def kill(self) -> None:
        """Kill it, as a crash does: SIGKILL."""
        self.process.kill()
        self._ended()

    async def stop(self, *, grace: float = 15.0) -> int:
        """Terminate it, and kill it after `grace` seconds; returns its exit code."""
        self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self._ended()

    def _ended(self) -> int:
        self.process.wait()
        self._said = self.output()
        for stream in (self.process.stdin, self.process.stdout, self.log):
            if stream is not None:
                stream.close()
        return self.process.returncode


async def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
    patience: float = 30.0,
) -> Child:
    """Start a server and wait until it serves.

    Call it from a thread that lives as long as the server may: Linux counts the death of the thread that started a
    child as the death of its parent. `env` is added to this process's environment.
    """
    child = _spawn(command, env or {}, cwd, log)
    try:
        child.facts = await _announced(child.process, patience)
    except BaseException as fault:
        child.kill()
        if not isinstance(fault, (ValueError, TimeoutError)):
            raise
        said = child.output()[-OUTPUT_SHOWN:]
        raise NotServing(command, child.process.returncode, said) from fault
    return child


@asynccontextmanager
async def running(command: Sequence[str], **options: Any) -> AsyncIterator[Child]:
    """Start a server as `start` does, and stop it at the end."""
    child = await start(command, **options)
    try:
        yield child
    finally:
        await child.stop()


def module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our own modules as a server with a parent."""
    return [sys.executable, "-m", name, "--with-parent", *arguments]


def free_port(preferred: int = 0) -> int:
    """Return the preferred port if it is free, else another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listen(preferred: int) -> socket.socket:
    """Listen on the preferred port, or on any free one if it is taken (0: any).

    Looking for a free port first and listening later would leave time for another process to take it.
    """
    try:
        return socket.create_server((HOST, preferred), backlog=BACKLOG)
    except OSError:
        return socket.create_server((HOST, 0), backlog=BACKLOG)


def announcer() -> Callable[..., None]:
    """Reserve standard output for the one line of the returned `announce`; prints go to standard error from now on."""
    kept = os.dup(1)
    os.dup2(2, 1)

    def announce(**facts: Any) -> None:
        with os.fdopen(kept, "w") as line:
            line.write(json.dumps(facts) + "\n")

    return announce


def announce(**facts: Any) -> None:
    """Announce, in the server, that it serves."""
    announcer()(**facts)


def end_with_parent() -> None:
    """End this process as soon as its standard input closes, whatever its event loop is doing."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def terminate_with_parent() -> None:
    """Get SIGTERM when the parent ends, even by SIGKILL: for a process that has to end its own children in order."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _spawn(
    command: Sequence[str], env: Mapping[str, str], cwd: Path | None, log: Path | None
) -> Child:
    written = log.open("w+b") if log else tempfile.TemporaryFile()  # noqa: SIM115 (the Child closes it)
    process = subprocess.Popen(
        [*_leash(), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=written,
        env={**os.environ, **env},
        cwd=cwd,
        process_group=0,  # Ctrl-C reaches only the process that started it, which then ends it in order
    )
    return Child(process=process, log=written)


def _leash() -> list[str]:
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", "-c", LEASH, str(os.getpid())]


async def _announced(process: subprocess.Popen[bytes], patience: float) -> dict[str, Any]:
    if process.stdout is None:  # it is a pipe: see start
        raise ValueError
    reading = asyncio.create_task(asyncio.to_thread(process.stdout.readline))
    try:
        line = await asyncio.wait_for(asyncio.shield(reading), patience)
    except BaseException:
        process.kill()  # which also ends the reading thread
        await reading
        raise
    facts: dict[str, Any] = json.loads(line)
    return facts
