"""What would become of an event is told, and nothing is done."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from shared.commands import explain

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "samples"
CONFIG = SAMPLES / "gateway.json"
EVENTS = SAMPLES / "events"
AT = ["--at", "2017-06-26T19:00:00Z"]


def run(capsys: Any, *arguments: str | Path) -> tuple[int, str]:
    code = explain.main([*map(str, arguments)])
    return code, capsys.readouterr().out


def written(folder: Path, value: Any) -> Path:
    path = folder / "file.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_a_created_blob_and_its_request_are_told(capsys: Any) -> None:
    code, said = run(capsys, CONFIG, EVENTS / "blob-created.json")

    assert code == 0
    assert "  blob-created: matches. rule:blob-created may start this:" in said
    assert '"fileName": "new-file.txt"' in said
    assert "  push: no match. The source matches none of sources." in said
    assert said.endswith("1 run request would be enqueued. No run was started.\n")


def test_settling_and_staleness_are_told_for_a_time(capsys: Any) -> None:
    code, said = run(capsys, CONFIG, EVENTS / "custom-topic.json", *AT)

    assert code == 0
    assert '"notBefore": "2017-06-26T18:46:00.958410+00:00"' in said
    assert '"expiresAt": "2017-06-27T18:41:00.958410+00:00"' in said


DOCUMENTED = re.findall(
    r'\$ make explain ARGS="(.*)"\n([^$`]*)', (ROOT / "docs/events.md").read_text()
)


@pytest.mark.parametrize(("command", "shown"), DOCUMENTED, ids=[one for one, _ in DOCUMENTED])
def test_the_documentation_shows_what_is_told(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, command: str, shown: str
) -> None:
    monkeypatch.chdir(ROOT)

    _, said = run(capsys, *command.split())

    lines = [line for line in shown.splitlines() if "…" not in line]
    assert len(lines) > 10
    assert set(lines) <= set(said.splitlines())


@pytest.mark.parametrize(
    ("hook", "file", "told"),
    [
        ("github", "github-push.json", "push: matches. hook:github may start this:"),
        ("billing", "standard-webhook.json", "contact: matches. hook:billing may start this:"),
    ],
)
def test_a_hooks_payload_is_told(capsys: Any, hook: str, file: str, told: str) -> None:
    code, said = run(capsys, CONFIG, EVENTS / file, "--hook", hook)

    assert (code, told in said) == (0, True)


def test_what_access_forbids_is_told(capsys: Any, tmp_path: Path) -> None:
    config = json.loads(CONFIG.read_text()) | {"access": []}

    code, said = run(capsys, written(tmp_path, config), EVENTS / "blob-created.json")

    assert code == 1
    assert "matches, but access does not let rule:blob-created start this:" in said
    assert said.endswith("0 run requests would be enqueued. No run was started.\n")


def test_what_comes_too_late_is_told(capsys: Any) -> None:
    code, said = run(capsys, CONFIG, EVENTS / "custom-topic.json")

    assert code == 1
    assert (
        "  vehicle: matches, but the event is too late. This request has expired when it arrives:"
        in said
    )
    assert said.endswith("0 run requests would be enqueued. No run was started.\n")


def test_without_access_a_rule_may_start_everything(capsys: Any, tmp_path: Path) -> None:
    config = {
        name: part for name, part in json.loads(CONFIG.read_text()).items() if name != "access"
    }

    _, said = run(capsys, written(tmp_path, config), EVENTS / "blob-created.json")

    assert "matches. Without an access section, rule:blob-created may start this:" in said


def test_a_rule_without_a_request_is_told_with_its_reasons(capsys: Any, tmp_path: Path) -> None:
    parameters = {"p": {"expression": "data.missing"}}
    config = {"rules": [{"name": "r", "pipelineName": "p", "parameters": parameters}]}

    code, said = run(capsys, written(tmp_path, config), EVENTS / "blob-created.json")

    assert code == 1
    assert "r: matches, but makes no request. Rule r makes no request of this event" in said
    assert "    $.rules[0].parameters.p: The expression finds nothing" in said


@pytest.mark.parametrize("event", ["hello", {"id": "1"}])
def test_what_is_no_event_is_told(capsys: Any, tmp_path: Path, event: Any) -> None:
    code, said = run(capsys, CONFIG, written(tmp_path, event))

    assert code == 1
    assert said.startswith("Not an event: ")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"ruls": []}, "$.ruls: There is no such field here. Did you mean rules?"),
        ("{", "Not JSON at line 1"),
    ],
)
def test_mistakes_of_the_configuration_are_told(
    capsys: Any, tmp_path: Path, config: Any, told: str
) -> None:
    code, said = run(capsys, written(tmp_path, config), EVENTS / "blob-created.json")

    assert (code, told in said) == (2, True)


def test_a_file_that_is_missing_is_named(capsys: Any) -> None:
    code, said = run(capsys, CONFIG, "nowhere.json")

    assert (code, said) == (2, "nowhere.json: No such file or directory\n")


def test_a_hook_that_is_missing_is_named(capsys: Any) -> None:
    code, said = run(capsys, CONFIG, EVENTS / "github-push.json", "--hook", "gitlab")

    assert (code, "has no hook gitlab" in said) == (2, True)


def test_a_time_needs_its_offset(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        explain.main([str(CONFIG), "x", "--at", "2026-11-24T08:00:00"])

    assert "a time needs a UTC offset" in capsys.readouterr().err
