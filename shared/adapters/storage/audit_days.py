"""Finds the newest day with audit entries.

The service finds the first partition of a range, not the last. So spans of 1, 2, 4 … days back in time are
queried, and the first with entries is bisected: a gap costs its logarithm in queries of one row each.
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # aiohttp takes 0.1 s
    from shared.adapters.storage.table import Table


_DAY: Final = timedelta(days=1)
_FIRST: Final = "00010101"
_BEYOND: Final = ":"  # the character after 9: sorts after every day


async def day_of(table: "Table", newest: str, oldest: str | None) -> str | None:
    """Return the newest day with entries that is not after `newest` and not before `oldest`."""
    if await _first(table, newest, _after(newest)):
        return newest
    return await day_before(table, newest, oldest)


async def day_before(table: "Table", of_day: str, oldest: str | None) -> str | None:
    """Return the newest day with entries before `of_day`, and not before `oldest`."""
    begin, end, span = of_day, of_day, 1
    least = oldest or _FIRST
    found: str | None = None
    while not found and begin > least:
        begin, end = max(_back(begin, span), least), begin
        found = await _first(table, begin, end)
        if not found and span == 1 and oldest is None:
            # Before going back further, find the first day with entries, if there is any.
            least = await _first(table, _FIRST, begin) or begin
        span *= 2
    return None if found is None else await _newest(table, found, end)


async def _newest(table: "Table", found: str, end: str) -> str:
    """Bisect the days from `found`, which has entries, to before `end` until the newest is left."""
    while (days := (_date(end) - _date(found)) // _DAY) > 1:
        middle = _back(end, days // 2)
        newer = await _first(table, middle, end)
        if newer:
            found = newer
        else:
            end = middle
    return found


async def _first(table: "Table", begin: str, end: str) -> str | None:
    """Return the first day with entries from `begin` to before `end`."""
    query = f"PartitionKey ge '{begin}' and PartitionKey lt '{end}'"
    async for page in table.pages(query, select=("PartitionKey",), size=1):
        for row in page:
            return _readable(str(row["PartitionKey"])[:8], begin)
    return None


def _readable(found: str, begin: str) -> str:
    """Return a day; a key that is none counts as the range's first day, so that nothing is missed."""
    try:
        _date(found)
    except ValueError:
        return begin
    return found


def _date(of_day: str) -> date:
    return date.fromisoformat(of_day)


def _name(of_day: date) -> str:
    return of_day.isoformat().replace("-", "")


def _back(of_day: str, days: int) -> str:
    return _name(_date(of_day) - min(_date(of_day) - date.min, timedelta(days=days)))


def _after(of_day: str) -> str:
    return _BEYOND if _date(of_day) == date.max else _name(_date(of_day) + _DAY)
