"""What the `access` section of gateway.json permits a principal.

A principal is `key` (a function key), `queue`, `rule:<name>`, `hook:<name>`, or an object or application
id of Entra. If gateway.json has an `access` section, only what an entry names is permitted.
"""

from collections.abc import Collection, Iterable
from typing import Final

from shared.config.gateway_json import Access
from shared.kernel.glob import fits
from shared.runs.caller import Caller

_EVERYTHING: Final = Access(principals=("key",), pipelines=("*",), workspaces=("*",))


def entries(
    access: Collection[Access] | None, principal: str, *, default: bool
) -> Collection[Access]:
    """Return the entries that name a principal.

    Args:
        access: the section; None without it.
        principal: the caller as a record keeps it; an application of Entra has two names.
        default: without the section, whether everything is permitted or nothing. False for users of a tenant, all of
            whom can get a token.
    """
    if access is None:
        return (_EVERYTHING,) if default else ()
    # Ids are compared in lower case, as the configuration keeps them; names of rules and hooks as written.
    names = [one if ":" in one else one.lower() for one in Caller.read(principal).principals]
    return [entry for entry in access if any(_fits_any(name, entry.principals) for name in names)]


def permits(granted: Iterable[Access], pipeline: str, workspace: str) -> bool:
    """Return whether one of these entries names the pipeline and the workspace, as the configuration calls it."""
    return any(
        _fits_any(pipeline, entry.pipelines) and _fits_any(workspace, entry.workspaces)
        for entry in granted
    )


def permits_any(granted: Iterable[Access], workspace: str) -> bool:
    """Return whether one of these entries permits anything in the workspace."""
    return any(_fits_any(workspace, entry.workspaces) for entry in granted)


def is_restricted(granted: Iterable[Access]) -> bool:
    """Return whether no single one of these entries permits everything."""
    return not any("*" in entry.pipelines and "*" in entry.workspaces for entry in granted)


def _fits_any(name: str, patterns: Iterable[str]) -> bool:
    return any(fits(name, pattern) for pattern in patterns)
