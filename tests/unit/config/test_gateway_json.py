"""gateway.json is read as a whole, and every mistake in it is told by its path."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from shared.config.gateway_json import GatewayConfig, read
from shared.config.rule import Parameter
from shared.kernel.cloud_error import CloudError

VALID: dict[str, Any] = {
    "$schema": "./docs/schemas/gateway.json",
    "workspaces": {"sales": {"endpoint": "https://sales.dev.azuresynapse.net/"}},
    "defaultWorkspace": "sales",
    "rules": [
        {
            "name": "blob-created",
            "sources": ["/subscriptions/*/storageAccounts/a"],
            "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
            "subjectBeginsWith": "/blobServices",
            "subjectEndsWith": ".csv",
            "isSubjectCaseSensitive": True,
            "when": "data.api == 'PutBlob'",
            "pipelineName": "copy orders",
            "workspace": "default",
            "parameters": {
                "url": {"expression": "data.url"},
                "folder": {"expression": "data.folder", "required": False, "default": None},
                "nothing": {"value": None},
            },
            "follow": False,
            "notBeforeSeconds": 60,
            "expiresAfterSeconds": 3600,
        },
        {"name": "all", "pipelineName": "p"},
    ],
    "follow": True,
    "events": {"allowedOrigins": ["eventgrid.azure.net", "*.example.com"], "allowedRate": 120},
    "hooks": {
        "github": {"scheme": "github"},
        "billing": {"scheme": "standard-webhooks", "secretsSetting": "BILLING_SECRETS"},
    },
    "access": [{"principals": ["key", "queue", "rule:*", "hook:github"], "pipelines": ["*"], "workspaces": ["*"]}],
}  # fmt: skip


def change(path: str, item: Any) -> dict[str, Any]:
    """Copy the valid configuration with one part set, or taken out with `...`."""
    config: Any = json.loads(json.dumps(VALID))
    part = config
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split("/")]
    for step in steps:
        part = part[step]
    if item is ...:
        del part[last]
    else:
        part[last] = item
    return dict(config)


def read_config(config: dict[str, Any]) -> GatewayConfig:
    found = read(json.dumps(config).encode())
    assert isinstance(found, GatewayConfig), found
    return found


def faults(config: dict[str, Any]) -> list[tuple[str | None, str]]:
    found = read(json.dumps(config).encode())
    assert isinstance(found, tuple), found
    return [(fault.target, fault.message) for fault in found]


def test_a_valid_configuration_is_read() -> None:
    config = read_config(VALID)

    rule, everything = config.rules
    assert rule.included_event_types == ("Microsoft.Storage.BlobCreated",)
    assert rule.parameters["folder"].has_default
    assert not rule.parameters["url"].has_default
    assert everything.sources is None
    assert config.access is not None


def test_an_empty_configuration_is_one() -> None:
    assert read_config({}) == GatewayConfig()


def test_a_hooks_setting_is_named_after_it() -> None:
    config = read_config(change("hooks/my-hook", {"scheme": "github"}))

    assert {name: hook.setting(name) for name, hook in config.hooks.items()} == {
        "github": "HOOK_GITHUB_SECRETS",
        "billing": "BILLING_SECRETS",
        "my-hook": "HOOK_MY_HOOK_SECRETS",
    }


def test_only_event_grid_may_send_where_nothing_is_said() -> None:
    events = read_config({}).events

    assert (events.allowed_origins, events.allowed_rate) == (("eventgrid.azure.net",), None)


def test_the_endpoint_of_the_environment_is_named_default() -> None:
    assert read_config(VALID).endpoints("http://127.0.0.1:8400") == {
        "default": "http://127.0.0.1:8400",
        "sales": "https://sales.dev.azuresynapse.net",
    }


def test_the_configuration_of_this_repository_is_valid() -> None:
    content = (Path(__file__).parents[3] / "gateway.json").read_bytes()

    assert isinstance(read(content), GatewayConfig)


def test_editors_get_a_schema_in_the_words_of_the_file() -> None:
    schema = GatewayConfig.model_json_schema()

    assert set(VALID) == set(schema["properties"])
    assert set(VALID["rules"][0]) == set(schema["$defs"]["Rule"]["properties"])


@pytest.mark.parametrize(
    ("path", "item", "target", "message"),
    [
        # unknown words, with the nearest known one
        ("ruls", [], "$.ruls", "There is no such field here. Did you mean rules?"),
        ("zzzz", [], "$.zzzz", "There is no such field here. Known here: $schema, workspaces, defaultWorkspace, follow, rules, events, hooks, access."),
        ("events/allowedOrigin", [], "$.events.allowedOrigin", "There is no such field here. Did you mean allowedOrigins?"),
        ("hooks/github/secret", "x", "$.hooks.github.secret", "There is no such field here. Did you mean secretsSetting?"),
        ("workspaces/sales/endpont", "x", "$.workspaces.sales.endpont", "There is no such field here. Did you mean endpoint?"),
        ("rules/0/pipeline_name", "x", "$.rules[0].pipeline_name", "There is no such field here. Did you mean pipelineName?"),
        ("rules/0/parameters/url/expresion", "x", "$.rules[0].parameters.url.expresion", "There is no such field here. Did you mean expression?"),
        ("access/0/pipeline", [], "$.access[0].pipeline", "There is no such field here. Did you mean pipelines?"),
        # workspaces
        ("workspaces/sales/endpoint", ..., "$.workspaces.sales.endpoint", "Field required."),
        ("workspaces/sales/endpoint", "http://a.b", "$.workspaces.sales.endpoint", "Value should start with https://."),
        ("workspaces/sales/endpoint", "http://127.0.0.1", "$.workspaces.sales.endpoint", "Value should start with https://."),
        ("workspaces/sales/endpoint", "https://a.b/c", "$.workspaces.sales.endpoint", "Value should name only a host: no path, query or user."),
        ("workspaces/sales/endpoint", "https://sales.azuresynapse.net", "$.workspaces.sales.endpoint", "Value should be the workspace's development endpoint, https://<workspace>.dev.azuresynapse.net."),
        ("workspaces/sales/endpoint", "https://[", "$.workspaces.sales.endpoint", "Invalid IPv6 URL."),
        ("workspaces/sa les", {"endpoint": "https://a.dev.azuresynapse.net"}, '$.workspaces["sa les"]', "String should match pattern '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$'."),
        ("workspaces/default", {"endpoint": "https://a.dev.azuresynapse.net"}, "$.workspaces.default", "This is the name of SYNAPSE_ENDPOINT's workspace: choose another."),
        ("defaultWorkspace", "sale", "$.defaultWorkspace", "There is no workspace of this name. Did you mean sales?"),
        ("rules/0/workspace", "prod", "$.rules[0].workspace", "There is no workspace of this name. Known here: default, sales."),
        # rules
        ("rules", {}, "$.rules", "Input should be a valid array."),
        ("rules/1", 5, "$.rules[1]", "Input should be an object."),
        ("rules/1/name", "blob-created", "$.rules[1].name", "Another rule has this name."),
        ("rules/1/name", ..., "$.rules[1].name", "Field required."),
        ("rules/1/name", "a b", "$.rules[1].name", "String should match pattern '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$'."),
        ("rules/1/name", "a" * 64, "$.rules[1].name", "String should match pattern '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$'."),
        ("rules/1/name", [], "$.rules[1].name", "Input should be a valid string."),
        ("rules/0/sources", [], "$.rules[0].sources", "The list should have at least one item."),
        ("rules/0/sources", [""], "$.rules[0].sources[0]", "String should have at least 1 character."),
        ("rules/0/includedEventTypes", ["All"], "$.rules[0].includedEventTypes", "There is no event type All: omit the field to include every type."),
        ("rules/0/isSubjectCaseSensitive", "true", "$.rules[0].isSubjectCaseSensitive", "Input should be a valid boolean."),
        ("rules/0/when", "data.", "$.rules[0].when", "The expression can't be read at character 6."),
        ("rules/0/pipelineName", "a/b", "$.rules[0].pipelineName", "String should match pattern '^[A-Za-z0-9_][^<>*#.%&:\\\\+?/]*$'."),
        ("rules/0/parameters/url/expression", "basenam(a)", "$.rules[0].parameters.url.expression", "There is no function basenam(). Did you mean basename()?"),
        ("rules/0/parameters/url", {}, "$.rules[0].parameters.url", "Give either a value or an expression."),
        ("rules/0/parameters/url/value", 1, "$.rules[0].parameters.url", "Give either a value or an expression."),
        ("rules/0/parameters/nothing/required", False, "$.rules[0].parameters.nothing", "The fields required and default belong to an expression."),
        ("rules/0/parameters", {f"p{n}": {"value": n} for n in range(51)}, "$.rules[0].parameters", "There should be at most 50 items."),
        ("rules/0/parameters/nothing/type", "string", "$.rules[0].parameters.nothing", "The value should be a string, as type says."),
        ("rules/0/parameters/folder/type", "int", "$.rules[0].parameters.folder", "The default should be an int, as type says."),
        ("rules/0/parameters/url/type", "text", "$.rules[0].parameters.url.type", "Input should be 'string', 'int', 'float', 'bool', 'array' or 'object'."),
        ("rules/0/notBeforeSeconds", 3600, "$.rules[0]", "The value of expiresAfterSeconds should be greater than that of notBeforeSeconds."),
        ("rules/0/expiresAfterSeconds", 0, "$.rules[0].expiresAfterSeconds", "Input should be greater than or equal to 1."),
        # events and hooks
        ("events/allowedRate", 0, "$.events.allowedRate", "Input should be greater than or equal to 1."),
        ("hooks/git hub", {"scheme": "github"}, '$.hooks["git hub"]', "String should match pattern '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$'."),
        ("hooks/github/scheme", "gitlab", "$.hooks.github.scheme", "Input should be 'standard-webhooks' or 'github'."),
        ("hooks/github/secretsSetting", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "$.hooks.github.secretsSetting", "Value should be the name of an app setting, such as HOOK_GITHUB_SECRETS; never a secret."),
        # access
        ("access", None, "$.access", "Omit the section to disable it; an empty list permits nothing."),
        ("access/0/workspaces", ..., "$.access[0].workspaces", "Field required."),
        ("access/0/principals", [], "$.access[0].principals", "The list should have at least one item."),
        ("access/0/principals", ["keys"], "$.access[0].principals[0]", "Value should be key, queue, rule:<name>, hook:<name>, or an object or application id (GUID)."),
        ("access/0/principals", ["*"], "$.access[0].principals[0]", "Value should be key, queue, rule:<name>, hook:<name>, or an object or application id (GUID)."),
        ("access/0/principals", ["rule:"], "$.access[0].principals[0]", "Value should be key, queue, rule:<name>, hook:<name>, or an object or application id (GUID)."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_its_path(path: str, item: Any, target: str, message: str) -> None:
    assert faults(change(path, item)) == [(target, message)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Not JSON at line 1, column 1: Expecting value."),
        (b"\xff", "The content is not UTF-8 (byte 0)."),
        (b"[]", "The content is JSON, but not an object."),
        (b'{"rules": [], "rules": []}', "An object names the same field twice."),
    ],
)
def test_what_is_no_json_object_is_one_fault(content: bytes, message: str) -> None:
    assert read(content) == (CloudError(code="InvalidConfiguration", message=message, target="$"),)


def test_every_mistake_is_told_at_once() -> None:
    config = change("rules/0/when", "data.")
    config |= {"defaultWorkspace": "sale", "access": None, "ruls": []}

    assert {target for target, _ in faults(config)} == {
        "$.rules[0].when", "$.defaultWorkspace", "$.access", "$.ruls",
    }  # fmt: skip


def test_no_value_is_quoted() -> None:
    """A constant may be a secret that somebody has put where it does not belong."""
    config = change("rules/0/parameters/url", {"value": "hunter22", "expression": "hunter22("})

    assert "hunter22" not in str(faults(config))


def test_the_id_of_a_principal_is_kept_in_lower_case() -> None:
    config = read_config(change("access/0/principals", ["1111111A-AAAA-BBBB-CCCC-222222222222"]))

    assert config.access
    assert config.access[0].principals == ("1111111a-aaaa-bbbb-cccc-222222222222",)


def test_a_constant_keeps_its_type() -> None:
    config = read_config(change("rules/1/parameters", {"n": {"value": [1, 2.5, True, None, {}]}}))

    assert config.rules[1].parameters["n"] == Parameter(value=[1, 2.5, True, None, {}])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
PATHS = st.sampled_from(
    ["$schema", "workspaces", "workspaces/sales", "workspaces/sales/endpoint", "workspaces/x", "defaultWorkspace",
     "rules", "rules/0", "rules/0/name", "rules/0/sources", "rules/0/when", "rules/0/parameters", "rules/0/workspace",
     "rules/0/parameters/url", "rules/0/parameters/url/expression", "rules/0/parameters/url/value", "rules/1/name",
     "access", "access/0", "access/0/principals", "access/0/x", "x"]
)  # fmt: skip


@given(PATHS, JSON_VALUES)
def test_any_mutation_is_read_or_told_by_a_path(path: str, item: Any) -> None:
    found = read(json.dumps(change(path, item)).encode())

    if isinstance(found, tuple):
        assert found
        assert all(fault.message and str(fault.target).startswith("$") for fault in found)


@given(st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    assert isinstance(read(content), GatewayConfig | tuple)
