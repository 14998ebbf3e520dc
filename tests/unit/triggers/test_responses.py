"""How a value becomes an HTTP answer."""

import json

import pytest

from shared.kernel.cloud_error import CloudError, Code
from shared.triggers import responses

# The gateway's own codes: section "Run result" of the design.
CODES = [
    "InvalidJson",
    "InvalidRequest",
    "RequestTooLarge",
    "UnsupportedMediaType",
    "UnknownWorkspace",
    "Unauthenticated",
    "NotPermitted",
    "RequestIdConflict",
    "RequestExpired",
    "RequestCancelled",
    "Throttled",
    "RetriesExhausted",
    "OutcomeUnknown",
    "DeliveryExhausted",
    "UnreadableResponse",
    "GatewayUnavailable",
    "InvalidState",
    "NotFound",
]


def test_every_code_of_our_own_is_in_the_table() -> None:
    assert set(responses.STATUS) == set(Code)


def test_every_documented_code_has_a_status_but_one() -> None:
    """Synapse's refusal keeps its status, also if its body has no code."""
    assert {code for code in CODES if not responses.STATUS[code]} == {"UnreadableResponse"}


@pytest.mark.parametrize("code", Code)
def test_a_code_is_written_as_text(code: Code) -> None:
    error = CloudError(code=code, message="It.")

    assert type(error.code) is str
    assert error.code == code == CloudError.model_validate_json(error.model_dump_json()).code


@pytest.mark.parametrize(
    ("given", "answered"), [(400, 400), (499, 499), (308, 502), (500, 502), (202, 502), (None, 502)]
)
@pytest.mark.parametrize("code", ["BadThing", "UnreadableResponse"])
def test_a_refusal_of_synapse_s_keeps_a_status_that_a_caller_can_use(
    code: str, given: int | None, answered: int
) -> None:
    response = responses.refusal(CloudError(code=code, message="It."), given)

    assert response.status_code == answered


def test_the_gateway_s_own_token_is_no_fault_of_the_caller_s() -> None:
    """Who reads 401 looks for the fault in its own proof, and some clients fetch another token and ask again."""
    response = responses.refusal(CloudError(code="Unauthorized", message="It."), 401)

    assert response.status_code == 403
    assert "WWW-Authenticate" not in response.headers


def test_a_refusal_is_one_error_body() -> None:
    error = CloudError(code="InvalidState", message="It.", target="$.x")

    response = responses.refusal(error, retry_after=3, status=412)

    assert json.loads(response.get_body()) == {"error": error.model_dump()}
    assert (response.status_code, response.mimetype) == (412, "application/json")
    assert response.headers["Retry-After"] == "3"


def test_a_text_is_no_longer_than_it_was() -> None:
    """Escaped, 500 KB of "é" would be 3 MB."""
    response = responses.refusal(CloudError(code="BadThing", message="Größe 😀"))

    assert "Größe 😀".encode() in response.get_body()
