"""Rules about values that meet a declaration, and what came up on the way."""

from dataclasses import dataclass, field

from tests.infra.bicep_source import Fault
from tests.infra.bicep_values import Module, Resource, Value, kind


@dataclass
class Seen:
    """What came up while templates were expanded, over all scenarios."""

    faults: list[str] = field(default_factory=list)
    expressions: set[tuple[str, int, int]] = field(default_factory=set)
    names: set[tuple[str, str]] = field(default_factory=set)


def expect_kind(value: Value, wanted: str, what: str) -> None:
    """Raise `Fault` unless a value is, or may be, of the type that is declared."""
    found = kind(value)
    if found not in {None, wanted}:
        raise Fault(f"{what} should be of type {wanted}, and is of type {found}.")


def depended_on(place: str, given: dict[str, Value]) -> tuple[str, ...]:
    """Name what a body's dependsOn waits for. Raises `Fault` where that can't be waited for."""
    found = []
    for value in given.get("dependsOn", []):
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, Resource | Module):
                raise Fault(f"{place}: dependsOn holds what can't be waited for.")
            found.append(one.symbol)
    return tuple(found)
