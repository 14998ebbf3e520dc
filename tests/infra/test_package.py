"""The zip that is deployed: what is in it, the same bytes each time, and functions that the platform finds in it."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local import package
from local.stack import ROOT
from tests.served_functions import names

INDEX = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])  # local.host stays in the tree; what it loads comes from the package
from local.host import protos, trace, worker

async def look():
    found = await worker.load(Path(sys.argv[2]))
    call = protos.RpcHttp(method="GET", url="/", headers={}, params={}, query={}, body=protos.TypedData())
    data = protos.TypedData(http=call)
    answer = await worker.invoke(found["openapi"], data, metadata={}, trace=trace.begin())
    return sorted(found), answer.returned.http.body.bytes.decode()

functions, openapi = asyncio.run(look())
import shared
print(json.dumps({"functions": functions, "openapi": openapi, "shared": shared.__path__[0]}))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("package") / "run-gateway.zip"
    package.build(ROOT, target)
    return target


def test_the_package_holds_the_app_and_nothing_else(built: Path) -> None:
    content = zipfile.ZipFile(built).namelist()

    assert {path for path in content if "/" not in path} == {
        "function_app.py",
        "gateway.json",
        "host.json",
        "requirements.txt",
    }
    assert {path.partition("/")[0] for path in content if "/" in path} == {"shared"}
    assert sorted(content) == content
    assert set(content) >= {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "shared").rglob("*.py")
    }


def test_what_git_does_not_track_or_funcignore_names_stays_out(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    shutil.copy(ROOT / ".funcignore", tmp_path)
    for name in ("function_app.py", "secrets.json", "pyproject.toml", "venv", "prod_env"):
        (tmp_path / name).write_text(name)
    tracked = [
        "git",
        "-C",
        str(tmp_path),
        "add",
        "function_app.py",
        "pyproject.toml",
        "venv",
        "prod_env",
        ".funcignore",
    ]
    subprocess.run(tracked, check=True)

    assert package.members(tmp_path) == ["function_app.py"]


def test_two_builds_are_equal_byte_for_byte(built: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tree"
    for path in [".funcignore", *package.members(ROOT)]:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy / path)  # another time, another mode
        (copy / path).chmod(0o600)
    subprocess.run(["git", "init", "--quiet", copy], check=True)
    subprocess.run(["git", "-C", copy, "add", "--all"], check=True)

    package.build(copy, tmp_path / "again.zip")

    assert (tmp_path / "again.zip").read_bytes() == built.read_bytes()


def test_its_requirements_are_exact(built: Path) -> None:
    lines = zipfile.ZipFile(built).read("requirements.txt").decode().splitlines()
    wanted = [line for line in lines if line and not line.lstrip().startswith("#")]

    inexact = [line for line in wanted if not re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==[0-9]", line)]

    assert wanted
    assert inexact == []


def test_the_platforms_library_finds_every_function_in_it_and_the_document_is_served(
    built: Path, tmp_path: Path
) -> None:
    zipfile.ZipFile(built).extractall(tmp_path)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
    }

    done = subprocess.run(
        [sys.executable, "-c", INDEX, str(ROOT), str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )

    found = json.loads(done.stdout.splitlines()[-1])
    assert found["functions"] == sorted(names())
    assert found["openapi"] == (ROOT / "shared" / "api" / "openapi.json").read_text()
    assert Path(found["shared"]).parent == tmp_path.resolve()
