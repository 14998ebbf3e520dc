"""Reads the query of an HTTP call: names in any case, and an empty value is an absent one.

The platform's host drops empty values on the way to a Python worker (azure-functions-host,
RpcMessageConversionExtensions); Synapse's own example of createRun ends in `referencePipelineRunId=`. So that a call
means the same by whichever way it comes, every route reads its query here.
"""

from collections.abc import Iterable


def present(pairs: Iterable[tuple[str, str]], names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs that have a value, each under the known name that it spells, if any.

    Args:
        pairs: names and values as they came.
        names: the names that the route knows.
    """
    known = {name.lower(): name for name in names}
    return [(known.get(name.lower(), name), value) for name, value in pairs if value]
