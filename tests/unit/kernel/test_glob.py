"""Only `*` and `?` have a meaning, and no name takes more than linear time."""

import pytest
from hypothesis import given, strategies as st

from shared.kernel.glob import fits


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("copy", "copy"), ("copy", "*"), ("", "*"), ("copy", "c*y"), ("copy", "c??y"), ("a\nb", "a?b"), ("[a]", "[a]"),
     ("[!a]x", "[!a]*"), ("copy orders", "*or?ers"), ("a.b", "a.b")],
)  # fmt: skip
def test_a_name_fits(name: str, pattern: str) -> None:
    assert fits(name, pattern)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("copy", "cop"), ("copy", "opy"), ("copy", "COPY"), ("copy", "c?y"), ("copy", ""), ("a", "[a]"), ("axb", "a.b"),
     ("copy\n", "copy")],
)  # fmt: skip
def test_a_name_does_not_fit(name: str, pattern: str) -> None:
    assert not fits(name, pattern)


def test_case_is_ignored_where_asked() -> None:
    assert fits("/Subscriptions/A", "/subscriptions/*", ignore_case=True)


@given(st.text())
def test_every_name_fits_itself_and_no_name_raises(name: str) -> None:
    pattern = name.replace("*", "?")

    assert fits(name, pattern)


def test_many_stars_take_no_exponential_time() -> None:
    """With backtracking this would not end."""
    assert not fits("a" * 2000, "a*" * 100 + "b")
