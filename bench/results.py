"""A file of results: what was measured, where and when, with which versions."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from local import stack

DIRECTORY: Final = stack.ROOT / "bench" / "results"
PACKAGES: Final = (
    *("azure-functions", "azure-functions-runtime", "azure-identity", "azure-core"),
    *("azure-data-tables", "azure-storage-queue", "azure-synapse-artifacts"),
    *("aiohttp", "httpx", "httpx-aiohttp", "pydantic"),
)


def machine() -> dict[str, Any]:
    """Describe this machine."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in info if line.startswith("model name"))
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": next(models, "unknown"),
        "cores": len(os.sched_getaffinity(0)),
        "memoryGb": round(pages / 2**30, 1),
        "loadBefore": os.getloadavg()[0],
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of what was measured."""
    return {
        "python": platform.python_version(),
        "commit": _commit(),
        **{name: metadata.version(name) for name in PACKAGES},
    }


def begin(command: str) -> dict[str, Any]:
    """Begin a file."""
    return {
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "parts": {},
    }


def write(found: Mapping[str, Any], path: Path | None) -> Path:
    """Write a file of results; without a path, one that is named by its date."""
    name = found["date"][:16].replace(":", "")
    path = path or DIRECTORY / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
    return path


def read(path: Path) -> dict[str, Any]:
    """Read a file of results."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=9"]
    done = subprocess.run(command, cwd=stack.ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
