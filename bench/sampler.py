"""Samples where a process uses its CPU: the stack of its main thread at each tick of its CPU time (SIGPROF).

Unlike cProfile, it makes nothing slower, counts no waiting, and gives what C code takes to the Python function that
called it. The kernel's tick, 1 to 10 ms, is its resolution: a thousand samples tell shares to about two percent.
"""

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

TICK = 0.001
PACKAGES = "site-packages/"


class Sampler:
    """Samples while it is entered, and then writes {"samples", "own", "within", "packages"} to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._samples = 0
        self._own: Counter[str] = Counter()
        self._within: Counter[str] = Counter()
        self._packages: Counter[str] = Counter()

    def __enter__(self) -> Self:
        signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, TICK, TICK)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        found = {
            "samples": self._samples,
            "own": dict(self._own),
            "within": dict(self._within),
            "packages": dict(self._packages),
        }
        self._path.write_text(json.dumps(found))

    def _take(self, _: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self._samples += 1
        self._own[_named(frame)] += 1
        seen: set[str] = set()
        package = ""
        while frame is not None:
            package = package or _package(frame.f_code.co_filename)
            seen.add(_named(frame))
            frame = frame.f_back
        self._within.update(seen)
        self._packages[package or "standard library"] += 1


def _named(frame: FrameType) -> str:
    """Name a function by its file, from the package on, and its qualified name."""
    file = frame.f_code.co_filename
    return f"{_short(file)}:{frame.f_code.co_qualname}"


def _short(file: str) -> str:
    if PACKAGES in file:
        return file.rpartition(PACKAGES)[2]
    root = next((path for path in sys.path if path and file.startswith(path + "/")), "")
    return file[len(root) + 1 :] if root else file


def _package(file: str) -> str:
    """Return the package of a file, or of the app; "" for the standard library, which counts for its caller."""
    short = _short(file)
    if PACKAGES in file:
        parts = short.split("/")
        return "/".join(parts[:3] if parts[0] == "azure" else parts[:1])
    if short.startswith(("shared/", "local/", "bench/", "function_app")):
        return short.partition("/")[0]
    return ""
