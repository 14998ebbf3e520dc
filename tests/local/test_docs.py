"""The pages name commands and files that are there."""

import importlib.util
import re
from pathlib import Path

import pytest

from local.stack import ROOT

# The changelog says what was so at its time.
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("samples/**/*.md")}
    - {ROOT / "CHANGELOG.md"}
)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_make_target_of_a_page_is_there(page: Path) -> None:
    named = set(re.findall(r"(?:`|\$ |^    )make ([a-z-]+)", page.read_text(), re.MULTILINE))

    assert named <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_python_command_of_a_page_runs_in_the_environment(page: Path) -> None:
    """Outside it a newcomer's Python has none of the packages; the app's own modules may move."""
    found = re.findall(r"(\S*)python -m ([\w.]+)", page.read_text())

    for before, module in found:
        assert before.endswith(".venv/bin/"), f"python -m {module}"
        assert not module.startswith("shared")
        assert importlib.util.find_spec(module) is not None, module


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def anchors(page: Path) -> set[str]:
    """Name the page's headings as GitHub's links do: small letters, dashes for spaces, no other signs."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_to_a_heading(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text())

    there = {link: anchors(page.parent / link if link else page) for link, _ in links}
    assert [(link, to) for link, to in links if to not in there[link]] == []
