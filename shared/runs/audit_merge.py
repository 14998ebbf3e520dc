"""Merges the entries of several shards, each newest first, into one order.

A shard's rows come in pieces. The next row of all is known only while every shard that isn't at its end has
a row in hand; who holds the merge asks which shards are in need and feeds them.
"""

from collections import deque
from collections.abc import Callable, Sequence


class Merge[Row]:
    """Merges shards by their rows' keys; the smallest key comes first.

    Args:
        shards: how many there are.
        key: gives a row's key.
    """

    def __init__(self, shards: int, key: Callable[[Row], str]) -> None:
        self._rows: list[deque[Row]] = [deque() for _ in range(shards)]
        self._ended = [False] * shards
        self._key = key

    def needy(self) -> list[int]:
        """Tell which shards have to be fed before the next row is known."""
        return [
            shard for shard, rows in enumerate(self._rows) if not rows and not self._ended[shard]
        ]

    def feed(self, shard: int, rows: Sequence[Row]) -> None:
        """Give a shard its next rows; none means that it has no more."""
        self._rows[shard].extend(rows)
        self._ended[shard] = not rows

    def take(self) -> Row | None:
        """Take the next row of all; None where every shard is at its end."""
        waiting = [rows for rows in self._rows if rows]
        if not waiting:
            return None
        return min(waiting, key=lambda rows: self._key(rows[0])).popleft()
