"""Describes a mistake in gateway.json: its JSON path and the nearest valid word, quoting no value."""

import json
import re
from collections.abc import Iterator
from typing import Any

from shared.config.settings import DEFAULT_WORKSPACE
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.validation import nearest

Location = tuple[int | str, ...]


def fault(location: Location, message: str) -> CloudError:
    """Return one mistake, at its place in gateway.json."""
    return CloudError(code=Code.INVALID_CONFIGURATION, message=message, target=json_path(location))


def json_path(location: Location) -> str:
    """Return a place in the configuration as a JSON path."""
    return "$" + "".join(_step(step) for step in location if step != "[key]")


def _step(step: int | str) -> str:
    if isinstance(step, str) and re.fullmatch(r"[$\w-]+", step):
        return f".{step[:100]}"
    return f"[{json.dumps(step if isinstance(step, int) else step[:100], ensure_ascii=False)}]"


def across(raw: dict[str, Any]) -> Iterator[CloudError]:
    """Yield the mistakes that concern several fields, read from the raw file so that all are reported together."""
    named = raw.get("workspaces")
    named = named if isinstance(named, dict) else {}
    if DEFAULT_WORKSPACE in named:
        yield fault(
            ("workspaces", DEFAULT_WORKSPACE),
            "This is the name of SYNAPSE_ENDPOINT's workspace: choose another.",
        )
    if "access" in raw and raw["access"] is None:
        # A section lost by mistake must not permit everything.
        text = "Omit the section to disable it; an empty list permits nothing."
        yield fault(("access",), text)
    known = [DEFAULT_WORKSPACE, *named]
    yield from _workspace(raw, ("defaultWorkspace",), known)
    yield from _rules(raw.get("rules"), known)


def _rules(rules: object, known: list[str]) -> Iterator[CloudError]:
    seen: set[str] = set()
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(rule, dict):
            continue
        yield from _workspace(rule, ("rules", index, "workspace"), known)
        name = str(rule.get("name", f"rule {index}"))
        if name in seen:
            yield fault(("rules", index, "name"), "Another rule has this name.")
        seen.add(name)


def _workspace(
    section: dict[str, Any], location: Location, known: list[str]
) -> Iterator[CloudError]:
    name = section.get(str(location[-1]))
    if isinstance(name, str) and name not in known:
        yield fault(location, f"There is no workspace of this name.{nearest(name, known)}")
