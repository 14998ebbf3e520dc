"""Imports go one way, and the app's size stays readable."""

import ast
import re
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


# Started by hand: they stand where function_app.py stands.
COMMANDS = {"triggers/explain.py", "triggers/requeue.py"}


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
def test_only_what_is_started_imports_wiring(path: Path) -> None:
    knows_wiring = any(name.startswith("shared.wiring") for name in imported(path))

    assert not knows_wiring or names(path) in COMMANDS


@pytest.mark.parametrize("path", [path for path in PURE if path.name != "wiring.py"], ids=names)
def test_what_lies_directly_in_shared_knows_no_trigger(path: Path) -> None:
    assert not any(name.startswith("shared.triggers") for name in imported(path))


@pytest.mark.parametrize("path", sorted((SHARED / "adapters").glob("*.py")), ids=names)
def test_adapters_know_ports_and_values_and_not_who_uses_them(path: Path) -> None:
    users = (
        "shared.gateway",
        "shared.gateway.runner",
        "shared.gateway.operations",
        "shared.triggers",
    )

    found = {name for name in imported(path) if name.startswith(users)}
    assert not {name for name in found if not name.startswith("shared.config.gateway_json")}


def test_function_app_imports_no_adapter() -> None:
    found = imported(ROOT / "function_app.py")

    assert not any(name.startswith("shared.adapters") for name in found)


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_the_product_knows_neither_the_local_stack_nor_the_tests(path: Path) -> None:
    assert {name.split(".")[0] for name in imported(path)}.isdisjoint({"local", "tests"})


@pytest.mark.parametrize("path", sorted((SHARED / "triggers").glob("*.py")), ids=names)
def test_triggers_talk_to_the_gateway_and_not_to_ports(path: Path) -> None:
    assert not any(name.startswith("shared.gateway.runner") for name in imported(path))


def test_the_simulator_knows_nothing_of_the_product() -> None:
    for path in (ROOT / "local" / "synapse").rglob("*.py"):
        assert "shared" not in {name.split(".")[0] for name in imported(path)}, path


def test_the_map_for_contributors_names_every_module_and_none_that_is_gone() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"\b[a-z_]+\.py\b", text))
    there = {
        path.name
        for folder in ("shared", "local", "tests")
        for path in (ROOT / folder).rglob("*.py")
    }

    assert {path.name for path in PURE} - {"__init__.py"} - named == set()
    assert named <= there


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
