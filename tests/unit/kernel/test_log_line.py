"""What a log line looks like where Microsoft's worker has sent it: shared/kernel/log_line.py."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from shared.kernel import log_line

FIELD = re.compile(r' ([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^ "]+)')


@pytest.fixture
def sent() -> Iterator[io.StringIO]:
    """Take records as the worker's handler does: by `format`, without a formatter of its own.

    workers/proxy_worker/dispatcher.py of azure-functions-python-worker, `AsyncLoggingHandler.emit`.
    """
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("run_gateway")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield stream
    logger.setLevel(level)
    logger.removeHandler(handler)


def test_the_fields_are_in_what_the_worker_sends(sent: io.StringIO) -> None:
    log_line.write(
        logging.INFO, "delivery_ended", requestId="order-17", status="Started", code=None
    )

    assert sent.getvalue() == "run_gateway.delivery_ended requestId=order-17 status=Started\n"


def test_what_is_below_the_level_is_not_written(sent: io.StringIO) -> None:
    log_line.write(logging.DEBUG, "delivery_ended", requestId="order-17")

    assert sent.getvalue() == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("copy", "copy"),
        (3, "3"),
        (1.5, "1.5"),
        (True, "true"),
        ("", '""'),
        ("my pipe", '"my pipe"'),
        ('a"b', r'"a\"b"'),
        ("a=b", '"a=b"'),
        ("a\\b", r'"a\\b"'),
        ("ö日😀", "ö日😀"),
        ("a\nb", r'"a\nb"'),
        ("\x1b[31mred", r'"\u001b[31mred"'),
        ("a\u2028b", r'"a\u2028b"'),
        ("a\x85b\x7f", r'"a\u0085b\u007f"'),
        ("\udc80", r'"\udc80"'),
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 299 + "…"),
    ],
)
def test_a_value_can_be_told_from_what_stands_beside_it(value: object, shown: str) -> None:
    assert log_line.text("e", name=value) == f"run_gateway.e name={shown}"


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_values_come_back_from_one_line(values: list[str]) -> None:
    names = ["a", "b", "c", "d", "e"]
    line = log_line.text("event", limit=10**6, **dict(zip(names, values, strict=False)))

    assert line.isprintable()
    found = FIELD.findall(line)
    read = [json.loads(value) if value.startswith('"') else value for _, value in found]
    assert read == values
    assert [name for name, _ in found] == names[: len(values)]
