"""A caller is kept as one text, and read back from it."""

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from shared.runs.caller import KEY, MAX_NAME, Caller

OBJECT = "aaaaaaaa-0000-4000-8000-000000000001"
APP = "bbbbbbbb-0000-4000-8000-000000000002"


def test_a_function_key_has_no_owner() -> None:
    assert (KEY.principal, KEY.principals, KEY.object_id) == ("key", ("key",), None)


def test_a_user_is_known_by_the_object_id_alone() -> None:
    """Anyone can get a token through a public application: its id proves nothing of a person."""
    ada = Caller.user(OBJECT, APP, "Ada Lovelace")

    assert ada.principals == (OBJECT,)
    assert ada.principal == f"{OBJECT} through {APP} (Ada Lovelace)"


def test_an_application_is_known_by_both_ids() -> None:
    app = Caller.application(OBJECT, APP, None)

    assert app.principals == (OBJECT, APP)
    assert app.principal == f"{OBJECT} of {APP}"


@pytest.mark.parametrize("make", [Caller.user, Caller.application])
@given(name=st.none() | st.text(max_size=150))
def test_the_text_gives_the_caller_back(
    make: Callable[[str, str, str | None], Caller], name: str | None
) -> None:
    caller = make(OBJECT, APP, name)

    assert Caller.read(caller.principal) == caller
    assert caller.principal.isprintable()


@pytest.mark.parametrize("text", ["key", "queue", "rule:blob-created", "hook:github", OBJECT, ""])
def test_any_other_principal_is_its_own_name(text: str) -> None:
    assert Caller.read(text) == Caller(principals=(text,))
    assert Caller.read(text).principal == text


@pytest.mark.parametrize(
    "name", [f"x) of {APP} (y", f"{APP}", "key", f"a) through {APP} (b", "queue"]
)
def test_a_name_makes_no_principal(name: str) -> None:
    caller = Caller.user(OBJECT, APP, name)

    assert Caller.read(caller.principal).principals == (OBJECT,)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("  Ada \r\n Lovelace\x00", "Ada Lovelace"),
        ("\u202eevil", "evil"),
        (" \t ", None),
        ("", None),
        ("a" * 500, "a" * MAX_NAME),
    ],
)
def test_a_name_is_kept_on_one_line(given_name: str, kept: str | None) -> None:
    assert Caller.user(OBJECT, APP, given_name).name == kept
