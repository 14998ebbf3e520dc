"""Builds the zip that is deployed: the tracked files that .funcignore does not exclude.

The same tree always gives the same bytes: names are sorted, times and modes fixed, and contents stored, not deflated,
because versions of zlib compress to different bytes. `make package` writes it and prints its SHA-256.
"""

import argparse
import hashlib
import subprocess
import zipfile
from pathlib import Path
from typing import Final

import pathspec

from local.stack import ROOT

PACKAGE: Final = ROOT / ".local" / "package" / "run-gateway.zip"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can store
_UNIX: Final = 3
_REGULAR_644: Final = 0o100644 << 16


def members(root: Path) -> list[str]:
    """Return the sorted paths in the package. Untracked files are never part of it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    ).stdout
    ignored = pathspec.GitIgnoreSpec.from_lines((root / ".funcignore").read_text().splitlines())
    tracked = listed.removesuffix("\0").split("\0")
    return sorted(path for path in tracked if not ignored.match_file(path))


def build(root: Path, target: Path) -> str:
    """Write the package of the tree at root, and return its SHA-256 in hexadecimal."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
        for path in members(root):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = _REGULAR_644
            package.writestr(entry, (root / path).read_bytes())
    return hashlib.sha256(target.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the zip that is deployed.")
    parser.add_argument("--target", type=Path, default=PACKAGE)
    target = parser.parse_args().target
    digest = build(ROOT, target)
    print(f"{digest}  {target} ({len(members(ROOT))} files, {target.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
