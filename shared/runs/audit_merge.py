"""Merges the entries of several shards, each newest first, into one order.

A shard's rows arrive in pieces. The next row of all is known only while every shard that has not ended has a row
at hand; the caller asks which shards need rows and feeds them.
"""

from collections import deque
from collections.abc import Callable, Sequence


class Merge[Row]:
    """Merges shards by their rows' keys; the smallest key comes first.

    Args:
        shards: the number of shards.
        key: returns a row's key.
    """

    def __init__(self, shards: int, key: Callable[[Row], str]) -> None:
        self._rows: list[deque[Row]] = [deque() for _ in range(shards)]
        self._ended = [False] * shards
        self._key = key

    def needy(self) -> list[int]:
        """Return the shards that need rows before the next row is known."""
        return [
            shard for shard, rows in enumerate(self._rows) if not rows and not self._ended[shard]
        ]

    def feed(self, shard: int, rows: Sequence[Row]) -> None:
        """Add the next rows of a shard; no rows mean that it has ended."""
        self._rows[shard].extend(rows)
        self._ended[shard] = not rows

    def take(self) -> Row | None:
        """Remove and return the next row of all; None if every shard has ended."""
        waiting = [rows for rows in self._rows if rows]
        if not waiting:
            return None
        return min(waiting, key=lambda rows: self._key(rows[0])).popleft()
