"""The map is true, the app's size stays readable, imports go one way, and a cold start pays for nothing slow."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.kernel.cloud_error import CloudError, Code

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def test_the_map_for_contributors_names_every_module_and_none_that_is_gone() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"\b[a-z_]+\.py\b", text))
    there = {
        path.name
        for folder in ("shared", "local", "tests")
        for path in (ROOT / folder).rglob("*.py")
    }
    # The map ends at these folders, each of them a sentence.
    folders = {"triggers", "storage"}
    mapped = {
        path.name
        for path in (ROOT / "shared").rglob("*.py")
        if path.name != "__init__.py" and path.parent.name not in folders
    }

    assert mapped - named == set()
    assert named - {"function_app.py"} <= there


@pytest.mark.parametrize(
    ("module", "wrong", "contract"),
    [
        ("kernel/glob.py", "from shared.gateway import throttle", "Rooms import downwards"),
        ("kernel/glob.py", "from shared.kernel import work", None),
        ("gateway/poison.py", "from shared.adapters import clock", "Rooms import downwards"),
        ("runs/caller.py", "import httpx", "Only adapters and the composition root touch the world"),
        ("ports.py", "from local import process", "The product knows neither the local stack nor the tests"),
    ],
)  # fmt: skip
def test_an_import_in_the_wrong_direction_is_found(
    tmp_path: Path, module: str, wrong: str, contract: str | None
) -> None:
    for folder in ("shared", "local"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "shared" / module
    path.write_text(f"{path.read_text()}\n{wrong}\n")

    done = subprocess.run(
        [LINT_IMPORTS, "--no-cache"], check=False, cwd=tmp_path, capture_output=True, text=True
    )

    assert done.returncode == (0 if contract is None else 1), done.stdout
    broken = re.findall(r"^(.*?) BROKEN", done.stdout, re.MULTILINE)
    assert contract is None or contract in broken


def test_little_lies_beside_the_rooms() -> None:
    beside = {path.name for path in (ROOT / "shared").glob("*.py")}

    assert beside == {
        "__init__.py",
        "composition.py",
        "following_ports.py",
        "ports.py",
        "wiring.py",
    }


@pytest.mark.parametrize("folder", ["shared", "local"])
def test_no_module_asks_what_it_is(folder: str) -> None:
    """A docstring's first line answers."""
    asking = [
        path
        for path in (ROOT / folder).rglob("*.py")
        if re.match(r'r?"""[^\n]*\?("""|\n)', path.read_text())
    ]

    assert asking == []


def test_the_gateways_own_codes_are_written_once() -> None:
    """A bare text would pass the type checker even with a typo, and be answered as 502."""
    bare = {
        (path.relative_to(ROOT), node.value)
        for path in (ROOT / "shared").rglob("*.py")
        if path.name != "cloud_error.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in set(Code)
    }
    typed = {
        (path.relative_to(ROOT), node.lineno)
        for path in (ROOT / "shared").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == CloudError.__name__
        and any(
            each.arg == "code" and isinstance(each.value, ast.Constant) for each in node.keywords
        )
    }

    assert bare == set()
    assert typed == set()


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_the_triggers_stay_short() -> None:
    assert lines(ROOT / "function_app.py") <= 190


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


def test_single_entities_and_messages_need_no_library_of_azures() -> None:
    """What is rare does, and imports it then: the first answer does not wait for that."""
    slow = ("azure.core", "azure.data", "azure.identity", "azure.storage", "httpx")
    code = f"import shared.adapters.storage.clients, sys; print([m for m in {slow} if m in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True
    )

    assert done.stdout.strip() == "[]"
