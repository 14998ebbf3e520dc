"""The environment becomes Settings, or every fault by name."""

import re
from pathlib import Path

import pytest

from shared.config.settings import (
    HttpAccess,
    HttpAuth,
    Settings,
    StorageSettings,
    is_loopback,
    read,
    read_http_access,
    read_storage,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "settings.md"
TENANT = "11111111-aaaa-4111-8111-111111111111"
VALID = {
    "SYNAPSE_ENDPOINT": "https://w.dev.azuresynapse.net",
    "RunStorage": "UseDevelopmentStorage=true",
}


def targets(**changes: str) -> set[str | None]:
    outcome = read(VALID | changes)
    assert not isinstance(outcome, Settings)
    return {fault.target for fault in outcome}


def test_two_settings_are_enough() -> None:
    settings = read(VALID)

    assert isinstance(settings, Settings)
    assert (settings.requests_queue, settings.runs_table) == ("run-requests", "runs")
    assert (settings.call_timeout, settings.lease, settings.settle) == (30.0, 90.0, 60.0)


def test_an_identity_needs_both_service_uris() -> None:
    uris = {"RunStorage": "", "RunStorage__queueServiceUri": "https://s.queue.core.windows.net"}

    assert targets(**uris) == {"RunStorage__tableServiceUri"}
    assert isinstance(
        read(VALID | uris | {"RunStorage__tableServiceUri": "https://s.table.core.windows.net"}),
        Settings,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SYNAPSE_ENDPOINT", ""),
        ("SYNAPSE_ENDPOINT", "w.dev.azuresynapse.net"),
        ("SYNAPSE_ENDPOINT", "http://w.dev.azuresynapse.net"),
        ("SYNAPSE_ENDPOINT", "https://w.dev.azuresynapse.net/pipelines"),
        ("SYNAPSE_ENDPOINT", "https://me:pw@w.dev.azuresynapse.net"),
        ("SYNAPSE_ENDPOINT", "https://<workspace>.dev.azuresynapse.net"),  # copied as it stands
        ("SYNAPSE_ENDPOINT", "https://w.dev.azuresynapse.net "),
        ("SYNAPSE_ENDPOINT", "https://w\n.dev.azuresynapse.net"),
        ("SYNAPSE_ENDPOINT", "https://w.dev.azuresynapse.net:abc"),
        ("SYNAPSE_ENDPOINT", "https://w.dev.azuresynapse.net:65536"),
        ("SYNAPSE_ENDPOINT", "https://w.dev.azuresynapse.net?"),
        ("SYNAPSE_ENDPOINT", "https://[::1"),
        ("SYNAPSE_ENDPOINT", "https://w.azuresynapse.net"),  # Synapse Studio's
        ("SYNAPSE_ENDPOINT", "https://w.sql.azuresynapse.net"),
        ("SYNAPSE_ENDPOINT", "https://dev.azuresynapse.net"),  # the tokens' audience
        ("SYNAPSE_ENDPOINT", "https://synapse.example"),
        ("RunStorage", ""),
        ("RUN_REQUESTS_QUEUE", "Run_Requests"),
        ("RUN_REQUESTS_QUEUE", "a" * 57),
        ("RUNS_TABLE", "run-s"),
        ("RUN_RESULTS_ENCODING", "utf8"),
        ("HTTP_AUTH", "Entra"),
        ("ENTRA_TENANT_ID", "contoso.onmicrosoft.com"),  # a token never names the domain
        ("ENTRA_TENANT_ID", "common"),
        ("ENTRA_AUTHORITY", "login.microsoftonline.com"),
        ("ENTRA_AUTHORITY", "http://login.microsoftonline.com"),
        ("ENTRA_AUTHORITY", "https://login.microsoftonline.com/common"),
        ("MAX_ATTEMPTS", "0"),
        ("MAX_CONCURRENT_CALLS", "many"),
        ("UNKNOWN_OUTCOME", "guess"),
        ("RETENTION_DAYS", "-1"),
        ("LEASE_SECONDS", "65.9"),
        ("CALL_TIMEOUT_SECONDS", "0"),
        ("RUN_OUTBOX_QUEUE", "Outbox"),
        ("OUTCOME_TOPIC_ENDPOINT", "topic.westeurope-1.eventgrid.azure.net"),
        ("OUTCOME_TOPIC_ENDPOINT", "http://topic.westeurope-1.eventgrid.azure.net/api/events"),
        ("OUTCOME_TOPIC_ENDPOINT", "https://t.westeurope-1.eventgrid.azure.net/api/events?x=1"),
        ("OUTCOME_TOPIC_ENDPOINT", "https://ns.westeurope-1.eventgrid.azure.net/topics/t:publish"),
        ("PUBLIC_URL", "gateway.example.org"),
        ("PUBLIC_URL", "http://gateway.example.org"),
        ("PUBLIC_URL", f"https://{'h' * 200}"),
    ],
)
def test_one_wrong_setting_is_one_fault_by_name(name: str, value: str) -> None:
    assert targets(**{name: value}) == {name}


def test_all_faults_are_told_at_once_and_none_quotes_a_value() -> None:
    outcome = read({"RUNS_TABLE": "s3cret!", "LEASE_SECONDS": "s3cret", "MAX_ATTEMPTS": "s3cret"})

    assert not isinstance(outcome, Settings)
    assert {fault.target for fault in outcome} == {
        "SYNAPSE_ENDPOINT",
        "RunStorage",
        "RUNS_TABLE",
        "LEASE_SECONDS",
        "MAX_ATTEMPTS",
    }
    assert "s3cret" not in str(outcome)


def test_what_settings_say_together_is_told_beside_their_own_faults() -> None:
    assert targets(LEASE_SECONDS="5", MAX_ATTEMPTS="none") == {"LEASE_SECONDS", "MAX_ATTEMPTS"}


@pytest.mark.parametrize("results", ["run-requests", "run-requests-poison"])
def test_results_never_lie_where_requests_are_taken_from(results: str) -> None:
    """Each would be read as a request and answered, without end."""
    assert targets(RUN_RESULTS_QUEUE=results) == {"RUN_RESULTS_QUEUE"}


@pytest.mark.parametrize(
    "outbox", ["run-requests", "run-requests-poison", "run-results", "requests"]
)
def test_the_outbox_is_a_queue_of_its_own(outbox: str) -> None:
    """An event would be read as a request, and a result or a request would be posted."""
    changes = {"RUN_REQUESTS_QUEUE": "requests-poison"} if outbox == "requests" else {}

    assert targets(RUN_OUTBOX_QUEUE=outbox, **changes) == {"RUN_OUTBOX_QUEUE"}


@pytest.mark.parametrize("path", ["", "/", "/api/events", "/api/events/"])
def test_a_topic_is_named_by_its_endpoint(path: str) -> None:
    host = "https://runs.westeurope-1.eventgrid.azure.net"

    settings = read(VALID | {"OUTCOME_TOPIC_ENDPOINT": host + path})

    assert isinstance(settings, Settings)
    assert settings.outcome_topic == f"{host}/api/events"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, None),
        ({"WEBSITE_HOSTNAME": "runs.azurewebsites.net"}, "https://runs.azurewebsites.net"),
        ({"WEBSITE_HOSTNAME": "localhost:7071"}, "http://localhost:7071"),
        (
            {"PUBLIC_URL": "https://runs.example.org/", "WEBSITE_HOSTNAME": "w.example"},
            "https://runs.example.org",
        ),
    ],
)
def test_the_address_is_the_public_one_or_the_platform_s(
    given: dict[str, str], address: str | None
) -> None:
    settings = read(VALID | given)

    assert isinstance(settings, Settings)
    assert settings.address == address


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://w.dev.azuresynapse.net/",
        "https://W-1.dev.azuresynapse.azure.cn:443",
        "http://[::1]:8400",
        "http://127.0.0.1:8400",
        "https://localhost:8400",
    ],
)
def test_what_can_be_called_is_an_endpoint(endpoint: str) -> None:
    settings = read(VALID | {"SYNAPSE_ENDPOINT": endpoint})

    assert isinstance(settings, Settings)
    assert settings.synapse_endpoint == endpoint.rstrip("/")


def test_entra_needs_a_tenant_and_an_audience() -> None:
    assert targets(HTTP_AUTH="entra") == {"ENTRA_TENANT_ID", "ENTRA_AUDIENCES"}

    settings = read(
        VALID | {"HTTP_AUTH": "entra", "ENTRA_TENANT_ID": TENANT, "ENTRA_AUDIENCES": "a, b"}
    )
    assert isinstance(settings, Settings)
    assert (settings.http_auth, settings.entra_audiences) == (HttpAuth.ENTRA, ("a", "b"))


def test_a_wrong_tenant_is_one_fault() -> None:
    entra = {"HTTP_AUTH": "entra", "ENTRA_TENANT_ID": "t", "ENTRA_AUDIENCES": "a"}

    outcome = read(VALID | entra)

    assert not isinstance(outcome, Settings)
    assert [fault.target for fault in outcome] == ["ENTRA_TENANT_ID"]


def test_what_callers_have_to_prove_is_read_apart_from_the_rest() -> None:
    """Who asks what is wrong with the other settings has to prove it too."""
    entra = {"HTTP_AUTH": "entra", "ENTRA_TENANT_ID": TENANT.upper(), "ENTRA_AUDIENCES": "a"}

    access = read_http_access(entra | {"MAX_ATTEMPTS": "many"})

    assert isinstance(access, HttpAccess)
    assert (access.entra_tenant_id, access.entra_audiences) == (TENANT, ("a",))
    assert access.entra_authority == "https://login.microsoftonline.com"


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"HTTP_AUTH": "both"}, "HTTP_AUTH"),
        ({"HTTP_AUTH": "entra", "ENTRA_AUDIENCES": "a"}, "ENTRA_TENANT_ID"),
        (
            {"HTTP_AUTH": "entra", "ENTRA_TENANT_ID": TENANT, "ENTRA_AUDIENCES": ","},
            "ENTRA_AUDIENCES",
        ),
    ],
)
def test_what_is_wrong_with_it_is_told_by_name(changes: dict[str, str], target: str) -> None:
    outcome = read_http_access(changes)

    assert not isinstance(outcome, HttpAccess)
    assert [fault.target for fault in outcome] == [target]


def test_a_lease_that_covers_two_calls_is_taken() -> None:
    assert isinstance(read(VALID | {"LEASE_SECONDS": "66"}), Settings)
    assert isinstance(read(VALID | {"LEASE_SECONDS": "2.2", "CALL_TIMEOUT_SECONDS": "1"}), Settings)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("example.org", False),
        (None, False),
    ],
)
def test_loopback(host: str | None, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MAX_CONCURENT_CALLS", "MAX_CONCURRENT_CALLS"),
        ("RETENTION_DAY", "RETENTION_DAYS"),
        ("UNKNOWN_OUTCOMES", "UNKNOWN_OUTCOME"),
        ("Http_Auth", "HTTP_AUTH"),
        ("RUN_STORAGE", "RunStorage"),
        ("RunStorage_queueServiceUri", "RunStorage__queueServiceUri"),
    ],
)
def test_a_name_that_is_nearly_a_settings_is_a_fault(name: str, meant: str) -> None:
    """Its value would be passed over, and the default stand."""
    outcome = read(VALID | {name: "1"})

    assert not isinstance(outcome, Settings)
    assert [(fault.target, fault.message) for fault in outcome] == [
        (name, f"There is no such setting. Did you mean {meant}?")
    ]


PLATFORM = """
APPINSIGHTS_INSTRUMENTATIONKEY APPLICATIONINSIGHTS_CONNECTION_STRING APPLICATIONINSIGHTS_AUTHENTICATION_STRING
AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID AZURE_AUTHORITY_HOST AZURE_TOKEN_CREDENTIALS AZURE_FUNCTIONS_ENVIRONMENT
AzureWebJobs.answer_poison.Disabled AzureWebJobsStorage AzureWebJobsStorage__accountName AzureWebJobsStorage__queueServiceUri
AzureWebJobsRunStorage APPSETTING_SYNAPSE_ENDPOINT APPSETTING_RunStorage__queueServiceUri CUSTOMCONNSTR_RunStorage CONTAINER_NAME
DEPLOYMENT_STORAGE_CONNECTION_STRING ENABLE_ORYX_BUILD FUNCTIONS_EXTENSION_VERSION FUNCTIONS_WORKER_RUNTIME HOME HOSTNAME
FUNCTIONS_WORKER_RUNTIME_VERSION HOOK_GITHUB_SECRETS HTTP_PROXY HTTPS_PROXY http_proxy NO_PROXY IDENTITY_ENDPOINT IDENTITY_HEADER
MSI_ENDPOINT MSI_SECRET OTEL_EXPORTER_OTLP_ENDPOINT PATH PYTHONPATH PYTHON_ENABLE_INIT_INDEXING REGION_NAME
RunStorage__blobServiceUri RunStorage__credential RunStorage__accountName RunStorage__managedIdentityResourceId
MyStorage__queueServiceUri SCM_DO_BUILD_DURING_DEPLOYMENT TERM USER WEBSITE_AUTH_ENABLED WEBSITE_AUTH_ENCRYPTION_KEY
WEBSITE_CONTENTAZUREFILECONNECTIONSTRING WEBSITE_HOSTNAME WEBSITE_INSTANCE_ID WEBSITE_RUN_FROM_PACKAGE WEBSITE_SITE_NAME
"""


def test_the_platforms_own_settings_and_others_are_passed_over() -> None:
    assert isinstance(read(VALID | dict.fromkeys(PLATFORM.split(), "1")), Settings)


def test_where_the_storage_is_is_read_apart_from_the_rest() -> None:
    storage = read_storage({"RunStorage": "x", "RUNS_TABLE": "mine", "MAX_ATTEMPTS": "many"})

    assert isinstance(storage, StorageSettings)
    assert (storage.storage_connection, storage.runs_table) == ("x", "mine")


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"RunStorage": ""}, "RunStorage"),
        ({"RUNS_TABLE": "run-s"}, "RUNS_TABLE"),
        ({"RUN_REQUEST_QUEUE": "orders"}, "RUN_REQUEST_QUEUE"),
    ],
)
def test_what_is_wrong_with_the_storage_is_told_by_name(
    changes: dict[str, str], target: str
) -> None:
    outcome = read_storage({"RunStorage": "x"} | changes)

    assert not isinstance(outcome, StorageSettings)
    assert [fault.target for fault in outcome] == [target]


def test_the_page_has_each_setting_with_its_default() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    shown = {name: default for names, default in rows for name in re.findall("`([^`]+)`", names)}

    for field in Settings.model_fields.values():
        if field.alias != "RunStorage__clientId":  # named beside the addresses
            expected = field.default if isinstance(field.default, (str, int)) else None
            assert field.alias in shown
            assert expected is None or shown[field.alias].strip("`") == str(expected)


def test_an_empty_value_means_something_for_the_queue_of_outcomes_alone() -> None:
    unset, empty = read(VALID), read(VALID | {"RUN_OUTCOMES_QUEUE": " ", "RUN_RESULTS_QUEUE": ""})

    assert isinstance(unset, Settings)
    assert isinstance(empty, Settings)
    assert (unset.outcomes_queue, empty.outcomes_queue) == ("run-outcomes", "")
    assert empty.results_queue == "run-results"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUN_OUTCOMES_QUEUE", "run-requests"),
        ("RUN_OUTCOMES_QUEUE", "run-requests-poison"),
        ("RUN_OUTCOMES_QUEUE", "Outcomes"),
        ("FOLLOW_RUNS", "some"),
        ("FOLLOW_SECONDS", "0"),
        ("FOLLOW_SECONDS", "301"),
        ("FOLLOW_RUN", "all"),
    ],
)
def test_a_mistake_in_a_setting_of_following(name: str, value: str) -> None:
    assert targets(**{name: value}) == {name}
