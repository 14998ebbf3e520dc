"""Every check of infra/ by its name."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from tests.infra import (
    checks_of_alerts as alerts,
    checks_of_contract as contract,
    checks_of_language as language,
)
from tests.infra.bicep_source import Fault
from tests.infra.scenarios import World, expand

_OF_THE_LANGUAGE: Final[dict[str, Callable[[World], Iterator[str]]]] = {
    "references": language.references,
    "types": language.types,
    "versions": language.versions,
    "use": language.use,
    "parameters": language.parameters,
    "linter": language.linter,
}
_OF_THE_CONTRACT: Final[dict[str, Callable[[World], Iterator[str]]]] = {
    "settings": contract.settings,
    "names": contract.names,
    "roles": contract.roles,
    "secrets": contract.secrets,
    "flex": contract.flex,
    "hardening": contract.hardening,
    "events": contract.events,
    "order": contract.order,
    "alerts": alerts.alerts,
    "queries": alerts.queries,
    "azd": contract.azd,
    "suppressions": contract.suppressions,
}
CHECKS: Final = ("syntax", *_OF_THE_LANGUAGE, *_OF_THE_CONTRACT)


@cache
def findings(root: Path) -> dict[str, list[str]]:
    """What each check finds in the tree at root. What can't be read is checked no further."""
    found = {"syntax": list(language.syntax(root))}
    if found["syntax"]:
        return found
    try:
        world = expand(root)
    except Fault as fault:
        return found | {"references": [str(fault)]}
    found |= {name: list(check(world)) for name, check in _OF_THE_LANGUAGE.items()}
    if found["references"]:  # what is missing then is missing everywhere
        return found
    return found | {name: list(check(world)) for name, check in _OF_THE_CONTRACT.items()}
