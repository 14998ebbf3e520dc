"""What callers get while the gateway can't answer."""

import json

import azure.functions as func
import pytest

from shared.kernel.errors import GatewayError, Misconfigured, RecordUnreadable, StorageUnavailable
from shared.triggers import outage

SECRET = "table runs in the account of somebody"


async def failing(error: GatewayError) -> func.HttpResponse:
    raise error


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (StorageUnavailable(SECRET), "5"),
        (Misconfigured(SECRET), "5"),
        (RecordUnreadable("The column status is missing."), None),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_can_t_be_answered_is_503(error: GatewayError, again: str | None) -> None:
    """An operator has to look at a record that nobody understands: another try would not help."""
    response = await outage.guard(lambda: failing(error))

    assert response.status_code == 503
    assert json.loads(response.get_body())["error"]["code"] == "GatewayUnavailable"
    assert response.headers.get("Retry-After") == again


async def test_a_stranger_learns_only_that_it_may_ask_again() -> None:
    concealed = outage.concealed(await outage.guard(lambda: failing(StorageUnavailable(SECRET))))
    answer = func.HttpResponse(b"{}", status_code=404)

    assert (concealed.status_code, concealed.headers["Retry-After"]) == (503, "5")
    assert SECRET not in concealed.get_body().decode()
    assert outage.concealed(answer) is answer
