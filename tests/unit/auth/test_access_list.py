"""Where there is an access section, only what an entry names is permitted."""

from typing import Any

import pytest

from shared.auth import access_list
from shared.config.gateway_json import Access
from shared.runs.caller import Caller

USER = "11111111-aaaa-bbbb-cccc-222222222222"
APP = "33333333-aaaa-bbbb-cccc-444444444444"


Section = tuple[Access, ...] | None


def permits(
    access: Section, principal: str, pipeline: str, workspace: str, *, default: bool
) -> bool:
    granted = access_list.entries(access, principal, default=default)
    return access_list.permits(granted, pipeline, workspace)


def permits_any(access: Section, principal: str, workspace: str, *, default: bool) -> bool:
    return access_list.permits_any(
        access_list.entries(access, principal, default=default), workspace
    )


def names(access: Section, principal: str, *, default: bool) -> bool:
    return bool(access_list.entries(access, principal, default=default))


def is_restricted(access: Section, principal: str, *, default: bool) -> bool:
    return access_list.is_restricted(access_list.entries(access, principal, default=default))


def an_entry(**changes: Any) -> Access:
    fields = {"principals": ("key",), "pipelines": ("copy*",), "workspaces": ("default",)}
    return Access.model_validate(fields | changes)


@pytest.mark.parametrize("default", [True, False])
def test_without_a_section_the_default_holds(default: bool) -> None:
    assert permits(None, "key", "copy", "default", default=default) is default


@pytest.mark.parametrize("default", [True, False])
def test_with_an_empty_section_nobody_is_permitted(default: bool) -> None:
    assert not permits((), "key", "copy", "default", default=default)


@pytest.mark.parametrize(
    ("principal", "pipeline", "workspace", "permitted"),
    [
        ("key", "copy", "default", True),
        ("key", "copyBlob", "default", True),
        ("queue", "copy", "default", False),  # another principal
        ("key", "Copy", "default", False),  # case counts
        ("key", "recopy", "default", False),
        ("key", "copy", "sales", False),
        ("key:x", "copy", "default", False),
        ("rule:key", "copy", "default", False),
        ("*", "copy", "default", False),  # a wildcard is one in the configuration alone
        ("", "copy", "default", False),
    ],
)
def test_all_three_must_fit(principal: str, pipeline: str, workspace: str, permitted: bool) -> None:
    assert permits((an_entry(),), principal, pipeline, workspace, default=True) is permitted


@pytest.mark.parametrize(
    ("named", "principal", "permitted"),
    [
        ("queue", "queue", True),
        ("rule:blob-created", "rule:blob-created", True),
        ("rule:*", "rule:blob-created", True),
        ("rule:*", "hook:github", False),
        ("hook:git*", "hook:github", True),
        ("rule:blob", "rule:Blob", False),
        (USER, USER, True),
        (USER.upper(), USER, True),
        (USER, USER.upper(), True),
        (USER, APP, False),
    ],
)
def test_a_principal_is_named(named: str, principal: str, permitted: bool) -> None:
    entry = an_entry(principals=(named,))

    assert permits((entry,), principal, "copy", "default", default=True) is permitted


@pytest.mark.parametrize(
    ("principals", "permitted"), [((USER, APP), True), ((APP, USER), True), ((USER, USER), False)]
)
def test_one_of_several_principals_is_enough(principals: tuple[str, str], permitted: bool) -> None:
    """An application is known by its service principal's id and by its own."""
    entry = an_entry(principals=(APP,))

    kept = Caller.application(*principals, None).principal
    assert permits((entry,), kept, "copy", "default", default=True) is permitted


def test_two_entries_are_not_mixed() -> None:
    """What one permits in its workspace does not hold in another's."""
    entries = (an_entry(), an_entry(pipelines=("load",), workspaces=("sales",)))

    assert permits(entries, "key", "load", "sales", default=False)
    assert not permits(entries, "key", "load", "default", default=False)
    assert not permits(entries, "key", "copy", "sales", default=False)


@pytest.mark.parametrize(
    ("kept", "permitted"),
    [
        (Caller.application(USER, APP, None), True),
        (Caller.user(USER, APP, "Ada"), False),  # through the application, and not the application
        (Caller.user(APP, USER, None), True),
    ],
)
def test_a_caller_is_known_by_what_a_record_keeps(kept: Caller, permitted: bool) -> None:
    """A request that waits is judged again when its time has come."""
    entry = an_entry(principals=(APP,))

    assert permits((entry,), kept.principal, "copy", "default", default=True) is permitted


@pytest.mark.parametrize(
    ("principal", "workspace", "permitted"),
    [
        ("key", "sales-eu", True),
        ("key", "default", False),
        ("queue", "default", True),
        ("queue", "sales-eu", False),
        (USER, "default", False),
    ],
)
def test_a_workspace_counts_in_which_anything_may_be_started(
    principal: str, workspace: str, permitted: bool
) -> None:
    access = (
        an_entry(principals=("key",), pipelines=("copy",), workspaces=("sales-*",)),
        an_entry(principals=("queue",), workspaces=("default",)),
    )

    assert permits_any(access, principal, workspace, default=True) is permitted
    assert permits_any(None, principal, workspace, default=permitted) is permitted


@pytest.mark.parametrize("default", [True, False])
def test_without_a_section_the_default_says_who_is_named_and_what_is_barred(default: bool) -> None:
    assert names(None, "key", default=default) is default
    assert is_restricted(None, "key", default=default) is not default


@pytest.mark.parametrize("principal", ["key", "queue", USER])
def test_with_a_section_an_entry_names_a_principal(principal: str) -> None:
    assert names((an_entry(principals=("rule:*", principal)),), principal, default=False)
    assert not names((an_entry(principals=(APP,)),), principal, default=True)
    assert not names((), principal, default=True)


@pytest.mark.parametrize(
    ("changes", "barred"),
    [
        ({"pipelines": ("*",), "workspaces": ("*",)}, False),
        ({"pipelines": ("copy", "*"), "workspaces": ("default", "*")}, False),
        ({"pipelines": ("*",)}, True),
        ({"workspaces": ("*",)}, True),
        ({"pipelines": ("*",), "workspaces": ("*",), "principals": ("queue",)}, True),
    ],
)
def test_nothing_is_barred_by_one_entry_for_everything(
    changes: dict[str, Any], barred: bool
) -> None:
    assert is_restricted((an_entry(), an_entry(**changes)), "key", default=True) is barred
