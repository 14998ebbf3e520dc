"""The weather of one seed: which ingredients its story has, and what befalls each call."""

import math
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, override

from shared.kernel.errors import StorageUnavailable
from tests.explorer.life import RUNNING
from tests.fakes.mishaps import Mishaps

#: How often a story has each ingredient; `--without` takes one out of every story.
FEATURES: Final = {
    "kills": 0.6,  # processes die, at any await or between two
    "storage": 0.6,  # storage calls fail, before and after they landed, or land twice
    "late-storage": 0.2,  # a storage call that failed lands all the same, later
    "outage": 0.15,  # a table or queue is away for longer than a message has deliveries
    "freeze": 0.2,  # a process stops for longer than its lease, and goes on
    "throttle": 0.5,  # 429 with any Retry-After
    "lost": 0.6,  # answers of createRun are lost, with and without a run
    "late-runs": 0.4,  # runs become visible, or are created, after their answers were lost
    "unauthorized": 0.3,  # 401, and tokens that can't be had
    "refused": 0.2,  # 400
    "silent": 0.3,  # the workspace gives runs ids of its own
    "resend": 0.3,  # UNKNOWN_OUTCOME=resend
    "blind": 0.2,  # looks fail or are forbidden
    "looks": 0.4,  # callers look at runs, and some looks are throttled
    "duplicates": 0.6,
    "conflict": 0.2,
    "nameless": 0.2,  # queue messages without a requestId
    "respond-async": 0.4,
    "wait": 0.4,
    "wire": 0.5,
    "events": 0.5,
    "hooks": 0.3,
    "deserted": 0.3,  # the senders of webhooks give up
    "operator": 0.5,  # cancel, rerun, resolve
    "times": 0.4,  # expiresAt and notBefore
    "expired": 0.2,  # expiresAt has passed when the request comes
    "revoke": 0.2,  # a pipeline is not permitted for a while
    "crowd": 0.1,  # one call at a time, each slow
    "skew": 0.1,  # the hosts' walls are hours apart
    "siege": 0.03,  # the workspace throttles everything for eight days
    "unreadable": 0.1,  # somebody edits a record that is open
    "forgotten": 0.2,  # the records are gone, and the same ids come again
    "principals": 1.0,  # the audit's principals are looked at
}
PORTS: Final = ("records", "requests", "results", "audit")
DAY: Final = 24 * 3600.0


class Weather:
    """Draws what befalls a call, from the seed alone."""

    def __init__(self, seed: int, without: frozenset[str], time: Callable[[], float]) -> None:
        dice = random.Random(f"{seed} features")
        drawn = {name for name, share in FEATURES.items() if dice.random() < share}
        self.features: Final = frozenset(drawn - without)
        self.dice: Final = random.Random(f"{seed} weather")
        self._time = time
        usual = dice.choice([120.0, 600.0, 3600.0])
        self.ends: Final = 8 * DAY if "siege" in self.features else usual
        self._rate = dice.choice([0.005, 0.02, 0.08]) if "storage" in self.features else 0.0
        self._away = dice.choice(PORTS) if "outage" in self.features else None
        self._outage = (dice.uniform(0.0, 200.0), dice.uniform(700.0, 1800.0))

    @property
    def calm(self) -> float:
        """When the weather has cleared, and every outage is over."""
        return max(self.ends, sum(self._outage) if self._away else 0.0)

    def has(self, feature: str, chance: float = 1.0) -> bool:
        """Tell whether something of an ingredient happens now."""
        stormy = feature in self.features and self._time() < self.ends
        return stormy and (chance >= 1.0 or self.dice.random() < chance)

    def latency(self) -> float:
        """Draw how long a storage call takes, one way."""
        if self.has("freeze", 0.01):
            return self.dice.uniform(60.0, 250.0)
        if self._time() < self.ends and self.dice.random() < 0.02:
            return self.dice.uniform(0.1, 4.0)
        return self.dice.uniform(0.001, 0.05)

    def fault(self, port: str) -> str | None:
        """Draw whether a storage call fails `before` or `after` it has landed."""
        start, length = self._outage
        if self._away == port and start <= self._time() < start + length:
            return self.dice.choice(["before", "before", "after"])
        if self._time() < self.ends and self.dice.random() < self._rate:
            return self.dice.choice(["before", "after"])
        return None

    def fuse(self) -> int | None:
        """Draw after how many awaits a process dies."""
        return math.ceil(self.dice.expovariate(1 / 40)) if self.has("kills", 0.7) else None


class Line(Mishaps):
    """The way from the processes to one port: each call takes time, may fail, and may be its caller's last."""

    def __init__(
        self, port: str, weather: Weather, note: Callable[[str], None], changed: Callable[[], None]
    ) -> None:
        super().__init__()
        self._port = port
        self._weather = weather
        self._note = note
        self._changed = changed

    @override
    @asynccontextmanager
    async def around(self, operation: str) -> AsyncIterator[None]:
        life = RUNNING.get()
        if life is None:
            yield
            return
        where = f"{self._port}.{operation}"
        await life.step(f"before {where}", self._weather.latency())
        fault = self._weather.fault(self._port)
        if fault == "before":
            self._note(f"{where} failed")
            raise StorageUnavailable(where)
        yield
        self._changed()
        await life.step(f"after {where}", self._weather.latency())
        if fault == "after":
            self._note(f"{where} failed after it had landed")
            raise StorageUnavailable(where)
