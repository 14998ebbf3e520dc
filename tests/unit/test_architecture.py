"""Imports go one way, and the app's size stays readable."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "shared"
MODULES = sorted(SHARED.rglob("*.py"))
PURE = sorted(SHARED.glob("*.py"))

# What touches the world, or is slow to import: only adapters and the composition root may know it.
WORLDLY = {
    "aiohttp",
    "azure",
    "httpx",
    "httpx_aiohttp",
    "jwt",
    "os",
    "pathlib",
    "random",
    "socket",
    "time",
}
# `triggers` know the platform's own types; wiring knows everything.
ALLOWED = {"wiring.py": WORLDLY}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def names(path: Path) -> str:
    return str(path.relative_to(SHARED))


@pytest.mark.parametrize("path", PURE, ids=names)
def test_what_lies_directly_in_shared_does_no_io(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)}

    assert roots & WORLDLY <= ALLOWED.get(path.name, set())


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_only_wiring_imports_adapters(path: Path) -> None:
    knows_adapters = any(name.startswith("shared.adapters") for name in imported(path))

    assert not knows_adapters or path.name == "wiring.py" or path.parent.name == "adapters"


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_the_product_knows_neither_the_local_stack_nor_the_tests(path: Path) -> None:
    assert {name.split(".")[0] for name in imported(path)}.isdisjoint({"local", "tests"})


@pytest.mark.parametrize("path", sorted((SHARED / "triggers").glob("*.py")), ids=names)
def test_triggers_talk_to_the_gateway_and_not_to_ports(path: Path) -> None:
    assert not any(name.startswith("shared.runner") for name in imported(path))


def test_the_simulator_knows_nothing_of_the_product() -> None:
    for path in (ROOT / "local" / "synapse").rglob("*.py"):
        assert "shared" not in {name.split(".")[0] for name in imported(path)}, path


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_the_triggers_stay_short() -> None:
    assert lines(ROOT / "function_app.py") < 150


@pytest.mark.parametrize("folder", ["shared", "local", "tests"])
def test_no_module_is_longer_than_four_hundred_lines(folder: str) -> None:
    assert [path for path in (ROOT / folder).rglob("*.py") if lines(path) > 400] == []


def test_indexing_the_app_imports_nothing_slow() -> None:
    """A cold start pays for every import; Azure's SDKs, aiohttp and jwt come with their first use."""
    slow = (
        "aiohttp",
        "azure.data",
        "azure.identity",
        "azure.storage",
        "cryptography",
        "httpx",
        "jwt",
    )
    code = f"import function_app, sys; print([m for m in {slow} if m in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True
    )

    assert done.stdout.strip() == "[]"
