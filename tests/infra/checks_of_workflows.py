"""What the workflows promise: pinned actions, least rights, no secret, one package from check to deployment."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from local import package
from shared import wiring
from tests.infra import engine_facts

_USES: Final = re.compile(r"uses: ([\w./-]+)@([0-9a-f]{40}) # (v[\d.]+)$", re.MULTILINE)
_EXPRESSION: Final = re.compile(r"\$\{\{(.*?)\}\}")
_RIGHTS: Final = ({"contents": "read"}, {"id-token": "write"})
DOCUMENT: Final = Path("docs", "releases.md")

type Job = dict[str, Any]


def _files(root: Path) -> list[Path]:
    return sorted((root / ".github" / "workflows").glob("*.yml"))


def _jobs(root: Path) -> Iterator[tuple[str, str, Job]]:
    for path in _files(root):
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            yield path.name, name, job


def _steps(root: Path) -> list[Job]:
    return [step for _, _, job in _jobs(root) for step in job.get("steps", ())]


def schema(root: Path) -> Iterator[str]:
    """GitHub's schema of workflows, as check-jsonschema brings it."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]  # fmt: skip
    done = subprocess.run(
        [*command, *_files(root)], check=False, capture_output=True, text=True, cwd=wiring.ROOT
    )
    if done.returncode:
        yield done.stdout + done.stderr


def actions(root: Path) -> Iterator[str]:
    """Each action is named by the commit of the version beside it, and given inputs that it has."""
    for path in _files(root):
        text = path.read_text()
        pinned = _USES.findall(text)
        own = re.findall(r"uses: \./(\S+)$", text, re.MULTILINE)
        yield from (f"There is no {one}." for one in own if not (root / one).is_file())
        if len(pinned) + len(own) != text.count("uses: "):
            yield f"{path.name}: an action is not pinned by its commit, or does not say its version."
        for name, commit, version in pinned:
            if engine_facts.ACTIONS.get(name, ())[:2] != (commit, version):
                yield f"{name}: {commit} is not {version}."
    for step in _steps(root):
        name = step.get("uses", "").partition("@")[0]
        inputs = engine_facts.ACTIONS[name][2] if name in engine_facts.ACTIONS else set()
        yield from (f"{name} has no input {one}." for one in step.get("with", {}).keys() - inputs)


def rights(root: Path) -> Iterator[str]:
    """A workflow has no right; a job has the one that it needs, and keeps no token in its checkout."""
    for path in _files(root):
        if yaml.safe_load(path.read_text()).get("permissions") != {}:
            yield f"{path.name} has rights of its own."
    for file, name, job in _jobs(root):
        if job.get("permissions") not in _RIGHTS:
            yield f"{file}: {name} has the rights {job.get('permissions')}."
        if job.get("permissions") == {"id-token": "write"} and not job.get("environment"):
            yield f"{file}: {name} can be Azure's identity without an environment that guards it."
    for step in _steps(root):
        checkout = step.get("uses", "").startswith("actions/checkout@")
        if checkout and step.get("with", {}).get("persist-credentials") is not False:
            yield "A checkout keeps the token."


def expressions(root: Path) -> Iterator[str]:
    """Nothing is taken into a shell, no secret is read, and each variable is told of in the documentation."""
    told = set(re.findall(r"^\| `(\w+)` \|", (wiring.ROOT / DOCUMENT).read_text(), re.MULTILINE))
    used: set[str] = set()
    for path in _files(root):
        text = path.read_text()
        inside = [*_EXPRESSION.findall(text), *re.findall(r"^ +if: (.+)$", text, re.MULTILINE)]
        for context, name in re.findall(r"\b([a-z]+)\.(\w+)", " ".join(inside)):
            if context not in {"github", "vars"}:
                yield f"{path.name} reads {context}.{name}."
            elif context == "vars":
                used.add(name)
    yield from (f"{name} is not a variable of {DOCUMENT}, or not used." for name in used ^ told)
    for step in _steps(root):
        if _EXPRESSION.search(step.get("run", "")):
            yield "A command is made of an expression."


def order(root: Path) -> Iterator[str]:
    """Each job waits for what it needs, and nothing is deployed unchecked."""
    needs = {(file, name): job.get("needs", []) for file, name, job in _jobs(root)}
    for (file, name), wanted in needs.items():
        for one in [wanted] if isinstance(wanted, str) else wanted:
            if (file, one) not in needs:
                yield f"{file}: {name} needs {one}, which is not there."
    if needs.get(("deploy.yml", "deploy")) != "check":
        yield "It is deployed unchecked."


def delivery(root: Path) -> Iterator[str]:
    """What was checked and packed is what is deployed, built on Azure for its own Linux."""
    if [step["run"] for step in _steps(root) if "run" in step] != [".ci/run", "make package"]:
        yield "Something else than .ci/run and make package is run."
    uploads = _given(root, "actions/upload-artifact")
    downloads = _given(root, "actions/download-artifact")
    deploys = _given(root, "Azure/functions-action")
    if uploads.get("name") != downloads.get("name"):
        yield "Another artifact is taken than was kept."
    if uploads.get("path") != package.PACKAGE.relative_to(wiring.ROOT).as_posix():
        yield "What is kept is not the package."
    if deploys.get("package") != package.PACKAGE.name:
        yield "What is deployed is not the package."
    if (deploys.get("sku"), deploys.get("remote-build")) != ("flexconsumption", True):
        yield "It is not deployed as Flex Consumption takes it: requirements.txt is installed by Azure."


def _given(root: Path, action: str) -> Job:
    found = [step["with"] for step in _steps(root) if step.get("uses", "").startswith(f"{action}@")]
    return found[0] if len(found) == 1 else {}
