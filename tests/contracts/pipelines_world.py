"""A Synapse workspace and what a contract test may do to it, in memory and simulated alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, Protocol, override

import pytest
from azure.identity.aio import ManagedIdentityCredential

from local.faults import Cut
from local.synapse import errors
from local.synapse.client import Simulator
from local.synapse.errors import UnknownRun
from local.synapse.faults import Answer, Point
from local.synapse.in_process import simulating
from local.synapse.pipelines import Pipeline
from local.synapse.routes import Operation
from local.synapse.settings import Access
from local.synapse.simulation import IDENTITY_HEADER
from shared.adapters.clock import SystemClock
from shared.kernel.cloud_error import CloudError
from shared.ports import Clock, Pipelines
from shared.synapse.reply import (
    Answer as HttpAnswer,
    NotSent,
    Refused,
    Reply,
    Throttled,
    Unauthorized,
    Unknown,
    Unreachable,
)
from tests.contracts.calling_synapse import synapse
from tests.fakes.clock import FakeClock
from tests.fakes.pipelines import FakePipelines
from tests.unit.builders import ERROR

INVISIBLE = 0.3


class PipelinesWorld(Protocol):
    """A workspace with the pipelines `copy` and `load`, and what a test may do to it."""

    pipelines: Pipelines
    endpoint: str
    clock: Clock

    async def stop_echoing(self) -> None:
        """Give runs ids of their own."""
        ...

    async def answer(self, status: int, **headers: str) -> None:
        """Answer the next createRun so, and start nothing."""
        ...

    async def lose_answer(self, *, started: bool) -> None:
        """Cut the next createRun, before or after its run is started."""
        ...

    async def refuse_token(self) -> None:
        """Refuse the token in use, until there is another."""
        ...

    async def forbid_looks(self) -> None: ...

    async def break_looks(self) -> None:
        """Answer the next look with an error."""
        ...

    async def answer_unknown_runs(self, status: Literal[400, 404], form: UnknownRun) -> None:
        """Answer a look at a run that is not there so."""
        ...

    async def hide_new_runs(self) -> None:
        """Let runs be found a while after they were started."""
        ...

    async def pass_time(self, seconds: float) -> None: ...

    async def take_identity_away(self) -> None: ...

    async def sent(self) -> int:
        """Tell how many createRuns arrived."""
        ...

    async def started(self) -> int:
        """Tell how many runs there are."""
        ...


class FakeWorld(PipelinesWorld):
    def __init__(self) -> None:
        self.endpoint = "https://w.dev.azuresynapse.net"
        self.fake_clock = FakeClock()
        self.clock: Clock = self.fake_clock
        self.fake = FakePipelines(clock=self.fake_clock)
        self.pipelines: Pipelines = self.fake

    @override
    async def stop_echoing(self) -> None:
        self.fake.echoes = False

    @override
    async def answer(self, status: int, **headers: str) -> None:
        seconds = headers.get("retry_after")
        replies: dict[int, Reply] = {
            400: Refused(error=ERROR),
            429: Throttled(error=ERROR, retry_after=float(seconds) if seconds else None),
            503: Unknown(error=ERROR),
        }
        self.fake.script(replies[status])

    @override
    async def lose_answer(self, *, started: bool) -> None:
        lost = Unknown(error=ERROR)
        self.fake.script(self.fake.behind(lost) if started else lost)

    @override
    async def refuse_token(self) -> None:
        self.fake.script(Unauthorized(error=ERROR))

    @override
    async def forbid_looks(self) -> None:
        self.fake.may_look = False

    @override
    async def break_looks(self) -> None:
        self.fake.unreachable = Unreachable(error=ERROR)

    @override
    async def answer_unknown_runs(self, status: Literal[400, 404], form: UnknownRun) -> None:
        reply = errors.run_not_found("r-1", status, form)
        self.fake.unknown_run = HttpAnswer(status=status, headers={}, body=reply.body)

    @override
    async def hide_new_runs(self) -> None:
        self.fake.visible_after = 1

    @override
    async def pass_time(self, seconds: float) -> None:
        self.fake_clock.advance(seconds)

    @override
    async def take_identity_away(self) -> None:
        self.fake.no_token = NotSent(error=CloudError(code="GatewayUnavailable", message="m"))

    @override
    async def sent(self) -> int:
        return len(self.fake.calls)

    @override
    async def started(self) -> int:
        return len(self.fake.runs)


class SimulatedWorld(PipelinesWorld):
    def __init__(self, simulator: Simulator, pipelines: Pipelines) -> None:
        self.endpoint = simulator.url
        self.clock: Clock = SystemClock()
        self.pipelines = pipelines
        self._simulator = simulator

    @override
    async def stop_echoing(self) -> None:
        await self._simulator.settings(echo=False)

    @override
    async def answer(self, status: int, **headers: str) -> None:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"error": ERROR.model_dump()}
        await self._fault(Answer(status=status, headers=fields, content=body))

    @override
    async def lose_answer(self, *, started: bool) -> None:
        await self._fault(Cut(), Point.CREATED if started else Point.RECEIVED)

    @override
    async def refuse_token(self) -> None:
        await self._simulator.settings(refuse_tokens="issued")

    @override
    async def forbid_looks(self) -> None:
        await self._simulator.settings(access={"*": Access(monitor=False)})

    @override
    async def break_looks(self) -> None:
        failure = Answer(status=500, content={"error": ERROR.model_dump()})
        await self._simulator.fault(failure, times=None, operation=Operation.GET_RUN)
        await self._simulator.fault(failure, times=None, operation=Operation.QUERY_RUNS)

    @override
    async def answer_unknown_runs(self, status: Literal[400, 404], form: UnknownRun) -> None:
        await self._simulator.settings(unknown_run=status, unknown_run_form=form)

    @override
    async def hide_new_runs(self) -> None:
        await self._simulator.settings(invisible_seconds=INVISIBLE)

    @override
    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @override
    async def take_identity_away(self) -> None:
        await self._simulator.settings(identity_down=True)

    @override
    async def sent(self) -> int:
        return len(await self._simulator.calls(Operation.CREATE_RUN))

    @override
    async def started(self) -> int:
        return len(await self._simulator.runs())

    async def _fault(self, act: Answer | Cut, at: Point = Point.RECEIVED) -> None:
        await self._simulator.fault(act, at=at, operation=Operation.CREATE_RUN)


@asynccontextmanager
async def simulated(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PipelinesWorld]:
    async with (
        simulating(Pipeline(name="copy"), Pipeline(name="load")) as simulator,
        synapse(credential=ManagedIdentityCredential, call_timeout=5) as pipelines,
    ):
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{simulator.url}/identity")
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        yield SimulatedWorld(simulator, pipelines)
