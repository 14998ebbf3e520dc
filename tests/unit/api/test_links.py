"""The addresses that callers are sent to."""

import pytest

from shared.api.links import Links


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://runs.example", "https://runs.example/api/runs/order-17"),
        (None, "/api/runs/order-17"),
    ],
)
def test_a_request_is_below_the_public_address(address: str | None, url: str) -> None:
    assert Links(address=address).request("order-17") == url


def test_an_outcome_has_an_address_for_each_kind_of_poller() -> None:
    assert Links(address="https://runs.example").poll("t-1") == {
        "Location": "https://runs.example/api/outcomes/t-1",
        "Operation-Location": "https://runs.example/api/operations/t-1",
    }
