"""What is read of the environment before there are Settings."""

import pytest

from shared import wiring


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_setting_is_none_for_the_trigger_as_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, blank: str | None
) -> None:
    monkeypatch.delenv("RUN_REQUESTS_QUEUE", raising=False)
    if blank is not None:
        monkeypatch.setenv("RUN_REQUESTS_QUEUE", blank)

    assert wiring.requests_queue() == "run-requests"


def test_a_queue_that_is_named_is_the_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_REQUESTS_QUEUE", "orders")

    assert wiring.requests_queue() == "orders"
