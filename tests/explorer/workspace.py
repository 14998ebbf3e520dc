"""A Synapse workspace in bad weather: throttled, late, forgetful, and sometimes not to be asked at all."""

import asyncio
import math
from collections.abc import Callable
from datetime import datetime
from typing import Final, override

from shared.kernel.cloud_error import CloudError
from shared.synapse import retry
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import (
    Answer,
    Forbidden,
    Look,
    Lost,
    NotSent,
    Refused,
    Reply,
    RunSeen,
    Started,
    Throttled,
    Unauthorized,
    Unknown,
    Unreachable,
    Wire,
    is_same_id,
)
from tests.explorer.life import RUNNING
from tests.explorer.weather import Weather
from tests.fakes.clock import FakeClock
from tests.fakes.pipelines import FakePipelines, FakeRun

#: By then a run whose answer was lost exists and is seen: within the settle window.
LATEST: Final = 45.0
#: Seconds of a slow call; the adapter gives a call up after CALL_TIMEOUT_SECONDS.
SLOWEST: Final = 25.0
_DATE: Final = "Tue, 24 Nov 2026 08:30:00 GMT"
ODD_WAITS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"Retry-After": "0"},
    {"Retry-After": "1"},
    {"Retry-After": "7"},
    {"Retry-After": "-5"},
    {"Retry-After": "soon"},
    {"x-ms-retry-after-ms": "1500"},
    {"Retry-After": "59.5"},
    {"Retry-After": "Tue, 24 Nov 2020 08:30:00 GMT"},
    {"Retry-After": "Tue, 24 Nov 2026 08:34:00 GMT", "Date": _DATE},
    {"Retry-After": "600"},
    {"Retry-After": "Wed, 25 Nov 2026 08:30:00 GMT", "Date": _DATE},
    {"Retry-After": "86400"},
    {"Retry-After": "1000000000"},
)
_FIRST_HALF: Final = 7  # of the odd waits: none that a caller could not outlast


class Workspace(FakePipelines):
    """Runs in memory; what befalls a call is drawn from the seed."""

    def __init__(
        self,
        weather: Weather,
        clock: FakeClock,
        note: Callable[[str], None],
        blame: Callable[[str], None],
    ) -> None:
        super().__init__(echoes="silent" not in weather.features, clock=clock)
        self._weather = weather
        self._time = clock
        self._note = note
        self._blame = blame
        self._rests: dict[tuple[str, str], float] = {}
        self.first_sent: dict[str, float] = {}  #: client request id → when it was sent first

    @override
    def start(self, call: CreateRun) -> FakeRun:
        known = len(self.runs)
        run = super().start(call)
        if len(self.runs) > known:
            self._note("a run starts")
            if self._weather.has("late-runs", 0.3):
                self._hide(run)
        return run

    @override
    async def authorize(self, endpoint: str, *, refused: bool = False) -> NotSent | None:
        await self._spend("authorize", 0.1)
        if self._weather.has("unauthorized", 0.1):
            return NotSent(error=_error("CredentialUnavailable"))
        return None

    @override
    async def create_run(self, call: CreateRun) -> Reply:
        self._see_that_it_may_be_called("starts")
        self.calls.append(call)
        self.first_sent.setdefault(call.client_request_id, self._time.monotonic())
        await self._spend("before createRun", self._slowness())
        answer = self._answer(call)
        self._note(f"createRun: {type(answer).__name__}")
        freezes = self._weather.has("freeze", 0.05)
        seconds = self._weather.dice.uniform(60.0, 250.0) if freezes else 0.02
        await self._spend("after createRun", seconds)
        if isinstance(answer, Throttled):
            self._rest("starts", answer.retry_after)
        return answer

    def _answer(self, call: CreateRun) -> Reply:
        """Let the call land, or not, and draw its answer."""
        weather = self._weather
        has_run = self._standing(call.endpoint, call.client_request_id) is not None
        if weather.has("siege", 0.9) or weather.has("throttle", 0.25):
            error, seconds = _error("429"), self._odd_wait()
            return Throttled(error=error, retry_after=seconds, wire=Wire(http_status=429))
        if weather.has("lost", 0.25):
            return self._lose(call)
        if weather.has("unauthorized", 0.15):
            return Unauthorized(error=_error("InvalidToken"), wire=Wire(http_status=401))
        if weather.has("storage", 0.03):
            return NotSent(error=_error("ConnectError"))
        if weather.has("refused", 0.1) and not has_run:
            return Refused(error=_error("InvalidPipeline"), wire=Wire(http_status=400))
        run_id = self.start(call).run_id
        return Started(run_id=run_id, echoed=is_same_id(run_id, call.client_request_id))

    def _lose(self, call: CreateRun) -> Unknown:
        fate = self._weather.dice.choice(["never", "now", "late"])
        if fate == "now":
            self.start(call)
        elif fate == "late" and self._weather.has("late-runs"):
            seconds = self._weather.dice.uniform(1.0, LATEST)
            asyncio.get_running_loop().call_later(seconds, super().start, call)
        self._note(f"an answer is lost; the run comes {fate}")
        return Unknown(error=_error("ReadTimeout"))

    def _hide(self, run: FakeRun) -> None:
        def show() -> None:
            run.hidden_for = 0

        run.hidden_for = 10**9
        seconds = self._weather.dice.uniform(0.0, LATEST)
        asyncio.get_running_loop().call_later(seconds, show)

    @override
    async def find_run(self, endpoint: str, run_id: str) -> Look:
        self._see_that_it_may_be_called("looks")
        await self._spend("find_run", self._slowness())
        if self._weather.has("blind", 0.1):
            return Forbidden(error=_error("AccessControlUnauthorized"))
        if self._weather.has("siege", 0.9) or self._weather.has("blind", 0.3):
            seconds = self._odd_wait()
            self._rest("looks", seconds)
            return Unreachable(error=_error("429"), retry_after=seconds)
        return await super().find_run(endpoint, run_id)

    @override
    async def get_run(self, endpoint: str, run_id: str) -> Answer | Lost:
        if not self._weather.has("looks", 0.3):
            return await super().get_run(endpoint, run_id)
        self._see_that_it_may_be_called("looks")
        await self._spend("get_run", self._slowness())
        seconds = math.ceil(self._odd_wait() or 1.0)
        self._rest("looks", float(seconds))
        return Answer(status=429, headers={"Retry-After": str(seconds)}, body=b"")

    @override
    async def recent_runs(
        self, endpoint: str, pipeline_name: str, since: datetime, until: datetime
    ) -> tuple[RunSeen, ...] | Unreachable:
        self._see_that_it_may_be_called("looks")
        await self._spend("recent_runs", 0.05)
        return await super().recent_runs(endpoint, pipeline_name, since, until)

    async def _spend(self, where: str, seconds: float) -> None:
        life = RUNNING.get()
        if life:
            await life.step(where, seconds)

    def _slowness(self) -> float:
        if self._weather.has("crowd"):
            return self._weather.dice.uniform(15.0, SLOWEST)
        if self._weather.has("freeze", 0.2) or self._weather.has("lost", 0.05):
            return self._weather.dice.uniform(1.0, SLOWEST)
        return 0.05

    def _odd_wait(self) -> float | None:
        """Draw a Retry-After as Synapse might write it, read as the adapter reads it."""
        harsh = self._weather.has("siege") or self._weather.has("throttle", 0.1)
        headers = self._weather.dice.choice(ODD_WAITS if harsh else ODD_WAITS[:_FIRST_HALF])
        return retry.retry_after(headers, self._time.now())

    def _rest(self, kind: str, seconds: float | None) -> None:
        """Keep that a process was told to rest; starts and looks are throttled apart."""
        life = RUNNING.get()
        if life and seconds:
            key = (life.name, kind)
            self._rests[key] = max(self._rests.get(key, 0.0), self._time.monotonic() + seconds)

    def _see_that_it_may_be_called(self, kind: str) -> None:
        life = RUNNING.get()
        if life and self._time.monotonic() < self._rests.get((life.name, kind), 0.0) - 0.001:
            self._blame(f"impatient: {kind} while the workspace had asked for a rest")


def _error(code: str) -> CloudError:
    return CloudError(code=code, message="The weather is bad.")
