"""Decides whether principals may start a pipeline in a workspace.

A principal is `key` (a function key), `queue`, `rule:<name>`, `hook:<name>`, or an object or application
id of Entra. If gateway.json has an `access` section, only what an entry names is permitted.
"""

from collections.abc import Collection, Iterator

from shared.config.gateway_json import Access
from shared.kernel.glob import fits
from shared.runs.caller import Caller


def permits(
    access: Collection[Access] | None,
    principals: str | Collection[str],
    pipeline: str,
    workspace: str,
    *,
    default: bool,
) -> bool:
    """Return whether an entry names one of the principals with the pipeline and the workspace.

    Args:
        access: the entries; None without the section.
        principals: the caller as a record keeps it, or each of its names; an application of Entra has two.
        pipeline: the pipeline's name.
        workspace: the workspace's name in the configuration; `default` is SYNAPSE_ENDPOINT's.
        default: the answer without the section. False for users of a tenant, all of whom can get a token.
    """
    if access is None:
        return default
    return any(
        any(fits(pipeline, pattern) for pattern in entry.pipelines)
        and any(fits(workspace, pattern) for pattern in entry.workspaces)
        for entry in _entries(access, principals)
    )


def permits_any(
    access: Collection[Access] | None,
    principals: str | Collection[str],
    workspace: str,
    *,
    default: bool,
) -> bool:
    """Return whether the principals may start anything in this workspace; otherwise like `permits`."""
    if access is None:
        return default
    return any(
        any(fits(workspace, pattern) for pattern in entry.workspaces)
        for entry in _entries(access, principals)
    )


def names(
    access: Collection[Access] | None, principals: str | Collection[str], *, default: bool
) -> bool:
    """Return whether an entry names one of the principals, whatever it permits; otherwise like `permits`."""
    return default if access is None else any(True for _ in _entries(access, principals))


def bars(
    access: Collection[Access] | None, principals: str | Collection[str], *, default: bool
) -> bool:
    """Return whether anything may be forbidden to the principals: no single entry permits them everything."""
    if access is None:
        return not default
    return not any(
        "*" in entry.pipelines and "*" in entry.workspaces for entry in _entries(access, principals)
    )


def _entries(access: Collection[Access], principals: str | Collection[str]) -> Iterator[Access]:
    asking = Caller.read(principals).principals if isinstance(principals, str) else principals
    return (entry for entry in access if any(_is(principal, entry) for principal in asking))


def _is(principal: str, entry: Access) -> bool:
    # Ids are compared in lower case, as the configuration keeps them; names of rules and hooks as written.
    name = principal if ":" in principal else principal.lower()
    return any(fits(name, pattern) for pattern in entry.principals)
