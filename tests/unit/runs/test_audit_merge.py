"""The order in which the entries of several shards are read."""

from hypothesis import given, strategies as st

from shared.runs.audit_merge import Merge


def merged(shards: list[list[str]], piece: int) -> list[str]:
    """Read all shards in pieces of that size."""
    rest = [list(rows) for rows in shards]
    merge: Merge[str] = Merge(len(shards), key=lambda row: row)
    found: list[str] = []
    while True:
        for shard in merge.needy():
            merge.feed(shard, rest[shard][:piece])
            del rest[shard][:piece]
        if merge.needy():
            continue
        row = merge.take()
        if row is None:
            return found
        found.append(row)


@given(st.lists(st.lists(st.text(max_size=3)).map(sorted), max_size=5), st.integers(1, 4))
def test_every_row_comes_once_and_in_order(shards: list[list[str]], piece: int) -> None:
    """Whatever the pieces."""
    assert merged(shards, piece) == sorted(row for rows in shards for row in rows)


def test_a_shard_is_in_need_until_it_has_rows_or_ends() -> None:
    merge: Merge[str] = Merge(2, key=lambda row: row)
    assert merge.needy() == [0, 1]

    merge.feed(0, ["a"])
    merge.feed(1, [])

    assert (merge.needy(), merge.take(), merge.needy(), merge.take()) == ([], "a", [0], None)
