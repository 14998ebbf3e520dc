"""What the configuration and the settings permit together."""

import json

import pytest

from shared.auth.policy import Policy
from shared.config.gateway_json import GatewayConfig
from tests.scenarios.world import some_settings

ID = "11111111-2222-4333-8444-555555555555"
USER = f"{ID} through {ID}"


def configured(*, access: list[dict[str, list[str]]] | None = None, **environment: str) -> Policy:
    config = {} if access is None else {"access": access}
    return Policy.configured(
        GatewayConfig.model_validate_json(json.dumps(config)), some_settings(**environment)
    )


@pytest.mark.parametrize(("principal", "permitted"), [("queue", True), (USER, False)])
def test_without_access_a_user_of_the_tenant_may_start_nothing(
    principal: str, permitted: bool
) -> None:
    policy = configured(HTTP_AUTH="entra", ENTRA_TENANT_ID=ID, ENTRA_AUDIENCES="api://gateway")

    assert policy.permits(principal, "copy", "default") is permitted
    assert policy.permits_any(principal, "default") is permitted
    assert policy.names(principal) is permitted
    assert policy.is_restricted(principal) is not permitted


def test_with_access_its_entries_count() -> None:
    policy = configured(
        access=[{"principals": ["key"], "pipelines": ["copy*"], "workspaces": ["sales"]}]
    )

    assert policy.permits("key", "copyBlob", "sales")
    assert not policy.permits("key", "load", "sales")
    assert [policy.permits_any("key", name) for name in ("sales", "default")] == [True, False]
