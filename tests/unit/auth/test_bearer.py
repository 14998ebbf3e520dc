"""The token comes from the Authorization header, and from nowhere else."""

import pytest

from shared.auth.bearer import MAX_TOKEN, Reason, challenge, read, unauthenticated
from shared.kernel.cloud_error import CloudError
from tests.unit.builders import as_received

TOKEN = "aGVhZGVy.cGF5bG9hZA.c2lnbmF0dXJl"


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("value", [f"Bearer {TOKEN}", f"bearer   {TOKEN}", f" BEARER {TOKEN} "])
def test_a_bearer_token_is_read(name: str, value: str) -> None:
    assert read(as_received({"accept": "*/*", name: value})) == TOKEN


def test_an_unsigned_token_is_one_for_its_reader_to_refuse() -> None:
    assert read({"authorization": "Bearer aa.bb."}) == "aa.bb."


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, Reason.MISSING),
        ({"authorization": ""}, Reason.MISSING),
        ({"authorization": "  "}, Reason.MISSING),
        ({"x-ms-client-principal-id": "somebody"}, Reason.MISSING),
        ({"x-ms-token-aad-access-token": TOKEN}, Reason.MISSING),
        ({"authorization": "Bearer"}, Reason.MALFORMED),
        ({"authorization": TOKEN}, Reason.MALFORMED),
        ({"authorization": f"Basic {TOKEN}"}, Reason.MALFORMED),
        ({"authorization": f"Bearer{TOKEN}"}, Reason.MALFORMED),
        ({"authorization": "Bearer opaque"}, Reason.MALFORMED),
        ({"authorization": f"Bearer {TOKEN}.more"}, Reason.MALFORMED),
        ({"authorization": f"Bearer {TOKEN},Bearer {TOKEN}"}, Reason.MALFORMED),
        ({"authorization": f"Bearer {TOKEN} {TOKEN}"}, Reason.MALFORMED),
        ({"authorization": f"Bearer\n{TOKEN}"}, Reason.MALFORMED),
        ({"authorization": "Bearer é.é.é"}, Reason.MALFORMED),
        ({"authorization": f"Bearer {'a' * MAX_TOKEN}.b.c"}, Reason.TOO_LARGE),
    ],
)
def test_anything_else_is_none(headers: dict[str, str], reason: Reason) -> None:
    assert read(headers) is reason


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_told_in_a_sentence_that_fits_into_a_header(reason: Reason) -> None:
    error = unauthenticated(reason)
    (value,) = challenge(error).values()

    assert (error.code, error.target) == ("Unauthenticated", "$.headers.authorization")
    assert error.message.isascii()
    assert error.message.isprintable()
    assert '"' not in error.message
    assert value.startswith('Bearer realm="run-gateway"')
    assert ('error="invalid_token"' in value) is (reason is not Reason.MISSING)


def test_a_challenge_says_what_the_error_says() -> None:
    error = CloudError(code="Unauthenticated", message="The token has expired.")

    assert challenge(error) == {
        "WWW-Authenticate": 'Bearer realm="run-gateway", error="invalid_token",'
        ' error_description="The token has expired."'
    }
