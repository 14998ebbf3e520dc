"""An editor that knows the published schema finds what the gateway itself would find."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from shared.config import gateway_json
from shared.config.gateway_json import GatewayConfig

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "gateway.schema.json").read_text())
SAMPLE = ROOT / "samples" / "gateway.json"


def sample() -> Any:
    return json.loads(SAMPLE.read_text())


@pytest.mark.parametrize("path", [ROOT / "gateway.json", SAMPLE], ids=["own", "sample"])
def test_the_configurations_of_this_repository_are_valid(path: Path) -> None:
    jsonschema_rs.validator_for(SCHEMA).validate(json.loads(path.read_text()))

    assert isinstance(gateway_json.read(path.read_bytes()), GatewayConfig)


@pytest.mark.parametrize(
    "change",
    [
        {"ruls": []},
        {"rules": [{"name": "a"}]},
        {"rules": [{"name": "a b", "pipelineName": "p"}]},
        {"rules": [{"name": "a", "pipelineName": "p", "parameters": {"x": {}}}]},
        {"rules": [{"name": "a", "pipelineName": "p", "parameters": {"x": {"value": 1, "expression": "id"}}}]},
        {"rules": [{"name": "a", "pipelineName": "p", "parameters": {"x": {"value": 1, "type": "number"}}}]},
        {"rules": [{"name": "a", "pipelineName": "p", "notBeforeSeconds": 0}]},
        {"hooks": {"github": {"scheme": "gitlab"}}},
        {"events": {"allowedOrigins": "*"}},
        {"access": [{"principals": [], "pipelines": ["*"], "workspaces": ["*"]}]},
    ],
)  # fmt: skip
def test_both_find_the_same_mistake(change: dict[str, Any]) -> None:
    wrong = sample() | change

    assert not jsonschema_rs.validator_for(SCHEMA).is_valid(wrong)
    assert isinstance(gateway_json.read(json.dumps(wrong).encode()), tuple)
