import pytest

from local.synapse.wire import moment, parameter_text, stamp


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1_611_087_069_209_960_000, "2021-01-19T20:11:09.20996Z"),  # TestGet.json, runStart
        (1_611_087_071_885_447_300, "2021-01-19T20:11:11.8854473Z"),  # the same, runEnd
        (1_611_087_071_000_000_000, "2021-01-19T20:11:11Z"),
        (1_611_087_071_000_000_100, "2021-01-19T20:11:11.0000001Z"),
    ],
)
def test_a_time_has_up_to_seven_digits(nanoseconds: int, text: str) -> None:
    """Trailing zeros are dropped, as recorded."""
    assert stamp(nanoseconds) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-01-19T20:11:09.20996Z", "2021-01-19T20:11:09.20996Z"),
        ("2021-01-19T20:11:11.8854473Z", "2021-01-19T20:11:11.8854473Z"),
        ("2021-01-19T21:11:11+01:00", "2021-01-19T20:11:11Z"),
        ("2021-01-19T20:11:11", "2021-01-19T20:11:11Z"),
    ],
)
def test_a_time_is_read_in_any_form_that_clients_send(text: str, expected: str) -> None:
    """An offset counts, and without one it is UTC."""
    assert stamp(moment(text)) == expected


def test_the_bounds_that_the_sdk_sends_can_be_read() -> None:
    """TestQueryRuns.json asks from year 1 to year 9999."""
    assert moment("0001-01-01T00:00:00.0000000Z") < 0 < moment("9999-12-31T23:59:59.9999999Z")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (["exampleoutput.csv"], '["exampleoutput.csv"]'),
        ({"a": 1, "ü": None}, '{"a":1,"ü":null}'),
        (True, "true"),
        (1.5, "1.5"),
    ],
)
def test_a_parameter_comes_back_as_a_string(value: object, text: str) -> None:
    """Everything but a string is encoded as JSON."""
    assert parameter_text(value) == text
