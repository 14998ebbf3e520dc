"""docs/deploy.md followed literally, and every command of az and azd on every page."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import pytest

from infra.smoke import __main__ as smoke
from tests.infra import cli
from tests.infra.clouds import EMPTY, Cloud
from tests.infra.fake_azure import PRINCIPAL, ROOT

PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {ROOT / "CHANGELOG.md"})
SCRIPTS = [ROOT / "infra" / "grant_synapse_roles.sh", ROOT / "infra" / "postprovision.sh"]
FIRST = ["Names", "A workspace to try it with"]
AFTERWARDS = ["Look whether it works", "The Synapse roles"]
WAYS = {"azd": "First way: azd", "az": "Second way: az and Bicep"}


def blocks(page: Path) -> dict[str, list[str]]:
    """The shell of each section."""
    found: dict[str, list[str]] = {}
    for section in re.split(r"^## ", page.read_text(), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        found[title] = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """An empty subscription; what the page calls beside az and azd only says that it was called."""
    cloud = Cloud(tmp_path, deepcopy(EMPTY))
    cloud.put("python3", f'[ "$1" = -c ] && exec /usr/bin/env -i "{sys.executable}" "$@"\necho "$*" >> {tmp_path}/smoked')  # fmt: skip
    return cloud


def follow(
    cloud: Cloud, sections: list[str], old: str = "", new: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the page's own text, in a clone; a test may break it."""
    page = blocks(ROOT / "docs" / "deploy.md")
    clone = cloud.folder / "clone"
    clone.mkdir()
    (clone / "infra").symlink_to(ROOT / "infra")
    git = subprocess.run(
        ["git", "rev-parse", "--absolute-git-dir"], check=True, cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()  # fmt: skip
    text = "".join(block for title in sections for block in page[title])
    assert old in text
    script = f"set -eu\n{text.replace(old, new) if old else text}"
    env = {"GIT_DIR": git, "TMPDIR": str(cloud.folder)}
    return cloud.run("sh", "-c", script, env=env, cwd=clone)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_leads_from_an_empty_subscription_to_a_checked_gateway(
    cloud: Cloud, way: str
) -> None:
    done = follow(cloud, [*FIRST, WAYS[way], *AFTERWARDS])

    assert done.returncode == 0, done.stdout + done.stderr
    state = cloud.state
    assert state["deployed"]
    assert {one["principalId"] for one in state["workspaces"]["contoso-orders"]["roles"]} == {PRINCIPAL}  # fmt: skip
    assert len(state["workspaces"]["contoso-orders"]["roles"]) == 3
    assert "Nothing is missing." in done.stdout
    assert cloud.slept == ["60", "300"]
    assert ("azd" in {call[0] for call in cloud.calls}) == (way == "azd")


@pytest.mark.parametrize("way", WAYS)
def test_the_smoke_test_is_called_as_it_can_be(cloud: Cloud, way: str) -> None:
    follow(cloud, [*FIRST, WAYS[way], *AFTERWARDS])

    called = (cloud.folder / "smoked").read_text().splitlines()
    assert len(called) == 2
    for line in called:
        words = shlex.split(line)
        assert words[:2] == ["-m", "infra.smoke"]
        assert smoke.arguments(words[2:]).resource_group == "rg-orders-dev"


@pytest.mark.parametrize("section", [*FIRST, *WAYS.values()])
def test_no_section_can_be_left_out(cloud: Cloud, section: str) -> None:
    """The fake cloud refuses what comes too early, so an order that passes is one that works."""
    everything = [*FIRST, WAYS["az"] if section != WAYS["azd"] else WAYS["azd"], *AFTERWARDS]
    done = follow(cloud, [one for one in everything if one != section])

    assert done.returncode != 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("--build-remote true", "--remote-build true"),
        ("synapseEndpoint=", "endpoint="),
        ("az bicep install\n", ""),
        ("--file-system workspace", "--file-system lake"),
        ('"$MY_ADDRESS"', "198.51.100.1"),
        ("[0].principalId", "[0].clientId"),
        ("--name smoke", "--pipeline-name smoke"),
    ],
)
def test_one_thing_broken_on_the_page_is_found(cloud: Cloud, old: str, new: str) -> None:
    done = follow(cloud, [*FIRST, WAYS["az"], *AFTERWARDS], old, new)

    assert done.returncode != 0


def test_the_package_is_what_funcignore_lets_through() -> None:
    text = "".join(blocks(ROOT / "docs" / "deploy.md")[WAYS["az"]])
    named = re.findall(r"^git archive .* HEAD (.*)$", text, re.MULTILINE)[0].split()

    def tracked(*arguments: str) -> set[str]:
        command = ["git", "ls-files", "--cached", *arguments]
        done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
        return set(done.stdout.splitlines())

    ignored = tracked("--ignored", "--exclude-from=.funcignore")
    assert tracked("--", *named) == tracked() - ignored


def shell(page: Path) -> Iterator[str]:
    """The commands of a page's blocks, of its prose, or of a script, continued lines joined."""
    text = page.read_text().replace("\\\n", " ")
    if page.suffix != ".md":
        yield from text.splitlines()
        return
    for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from (line.removeprefix("$ ") for line in block.splitlines())
    yield from re.findall(r"`(az[d]? [^`]+)`", text)


def commands(page: Path) -> list[list[str]]:
    """Every command of az and azd, also those inside $( ), as words; of "$@" a script knows when it runs."""
    starts = re.compile(r"(?:^\s*|\$\(|\|\| )(?=azd? )")
    found = [_words(line[at.end() :]) for line in shell(page) for at in starts.finditer(line)]
    return [words[: words.index("$@")] if "$@" in words else words for words in found]


def _words(text: str) -> list[str]:
    """Up to where the command ends."""
    text = re.sub(r'"?\$\([^()]*(?:\([^()]*\)[^()]*)*\)"?', "nested", text).split(" 2>")[0]
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";|)")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    with suppress(ValueError):  # a quotation that was opened around a command substitution
        for word in lexer:
            if word[0] in ";|)#":
                break
            words.append(word)
    return words


@pytest.mark.parametrize("page", [*PAGES, *SCRIPTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_exists_with_those_options(page: Path) -> None:
    for words in commands(page):
        cli.read(words)


def test_the_commands_are_found() -> None:
    found = {" ".join(words[:2]) for words in commands(ROOT / "docs" / "deploy.md")}

    assert {"az login", "az synapse", "az identity", "az deployment", "azd up", "azd env"} <= found


@pytest.mark.parametrize(
    "wrong",
    [
        "az group make --name x",
        "az group create --nam x --location y",
        "az group create --name x",
        "az group create --name --location y",
        "az group create x --name x --location y",
        "az synapse role assignment create --workspace-name w --role r --item-type credential --item x",
        "az account show --output csv",
        "az bicep install --version",
        "azd up --region westeurope",
        "azd environment new x",
    ],
)
def test_a_wrong_command_is_found(wrong: str) -> None:
    with pytest.raises(cli.Wrong):
        cli.read(shlex.split(wrong))
