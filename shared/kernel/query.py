"""Query parameters of an HTTP call: names in any case; an empty value counts as absent.

The platform's host drops empty values on the way to a Python worker (azure-functions-host,
RpcMessageConversionExtensions); Synapse's own example of createRun ends in `referencePipelineRunId=`. Every route
reads its query here, so that a call means the same on every route.
"""

from collections.abc import Iterable


def present(pairs: Iterable[tuple[str, str]], names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs that have a value; a name that differs from one of `names` only in case becomes that one."""
    known = {name.lower(): name for name in names}
    return [(known.get(name.lower(), name), value) for name, value in pairs if value]
