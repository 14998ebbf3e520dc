"""How much of each part is measured, and the shape of every part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bench.apps import App
from bench.progress import Progress

WARM_UP: Final = 64
AGAIN: Final = (
    16  #: requests before each round: connections may have been closed while others had their turn
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How often, and how much each time."""

    rounds: int
    requests: int
    warm_up: int = WARM_UP  #: requests before the first that counts
    thorough: bool = True  #: with what takes long and can be left out


class Part(Protocol):
    """Measures one thing, and returns it as it goes into the JSON file."""

    async def __call__(
        self, apps: Sequence[App], size: Size, progress: Progress
    ) -> Mapping[str, Any]: ...


def turned[T](items: Sequence[T], by: int) -> Sequence[T]:
    """Begin each round with another one, so that none always follows the same."""
    start = by % len(items)
    return (*items[start:], *items[:start])
