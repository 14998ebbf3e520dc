"""Finds a schedule's next time. NCRONTAB: second, minute, hour, day, month, day of week, all of which must match."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MONTHS = dict(
    zip(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        range(1, 13),
        strict=True,
    )
)
DAYS = dict(zip(["sun", "mon", "tue", "wed", "thu", "fri", "sat"], range(7), strict=True))
FIELDS: Sequence[tuple[int, int, Mapping[str, int]]] = (
    (0, 59, {}),
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, MONTHS),
    (0, 6, DAYS),
)
LONGEST_SEARCH = 366 * 8  # days: 29 February can be eight years away


class ScheduleInvalid(Exception):
    """A schedule can't be read, or never comes."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A readable schedule."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def after(self, moment: datetime) -> datetime:
        """Return the first time after the moment."""
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        midnight = start.replace(hour=0, minute=0, second=0)
        for ahead in range(LONGEST_SEARCH):
            day = midnight + timedelta(days=ahead)
            if self._is_day(day) and (found := self._in_day(max(day, start))):
                return found
        msg = "the schedule never comes"
        raise ScheduleInvalid(msg)

    def _is_day(self, day: datetime) -> bool:
        return (
            day.day in self.days
            and day.month in self.months
            and day.isoweekday() % 7 in self.weekdays
        )

    def _in_day(self, start: datetime) -> datetime | None:
        earliest = (start.hour, start.minute, start.second)
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                if (hour, minute, 59) < earliest:
                    continue
                for second in sorted(self.seconds):
                    if (hour, minute, second) >= earliest:
                        return start.replace(hour=hour, minute=minute, second=second)
        return None


def read(text: str) -> Schedule:
    """Read six fields, or five with the second 0."""
    fields = text.split()
    if len(fields) == 5:
        fields.insert(0, "0")
    if len(fields) != 6:
        msg = f"schedule '{text}' has not six fields"
        raise ScheduleInvalid(msg)
    try:
        return Schedule(*(_field(one, *limits) for one, limits in zip(fields, FIELDS, strict=True)))
    except (ValueError, KeyError) as fault:
        msg = f"schedule '{text}' can't be read: {fault}"
        raise ScheduleInvalid(msg) from fault


def _field(text: str, least: int, most: int, names: Mapping[str, int]) -> frozenset[int]:
    return frozenset().union(*(_part(one, least, most, names) for one in text.lower().split(",")))


def _part(text: str, least: int, most: int, names: Mapping[str, int]) -> range:
    span, _, step = text.partition("/")
    low, _, high = span.partition("-")
    if span == "*":
        first, last = least, most
    else:
        first = _number(low, names)
        last = _number(high, names) if high else most if step else first
    if not least <= first <= last <= most:
        msg = f"'{text}' is not within {least}-{most}"
        raise ValueError(msg)
    return range(first, last + 1, int(step or 1))


def _number(text: str, names: Mapping[str, int]) -> int:
    return names[text] if text in names else int(text)
