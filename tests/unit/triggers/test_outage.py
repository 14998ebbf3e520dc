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
    "error",
    [
        StorageUnavailable(SECRET),
        Misconfigured(SECRET),
        RecordUnreadable("The column status is missing."),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_can_t_be_answered_is_503(error: GatewayError) -> None:
    """Without Retry-After: on the wire route that would say that nothing was started."""
    response = await outage.guard(lambda: failing(error))

    assert response.status_code == 503
    assert json.loads(response.get_body())["error"]["code"] == "GatewayUnavailable"
    assert "Retry-After" not in response.headers


async def test_who_only_looked_may_look_again() -> None:
    looked = outage.again(await outage.guard(lambda: failing(StorageUnavailable(SECRET))))
    known = func.HttpResponse(status_code=503, headers={"Retry-After": "30"})
    found = func.HttpResponse(status_code=404)

    assert looked.headers["Retry-After"] == "5"
    assert outage.again(known).headers["Retry-After"] == "30"
    assert "Retry-After" not in outage.again(found).headers


async def test_a_stranger_learns_only_that_it_may_ask_again() -> None:
    concealed = outage.concealed(await outage.guard(lambda: failing(StorageUnavailable(SECRET))))
    answer = func.HttpResponse(b"{}", status_code=404)

    assert (concealed.status_code, concealed.headers["Retry-After"]) == (503, "5")
    assert SECRET not in concealed.get_body().decode()
    assert outage.concealed(answer) is answer
