"""Where in the sequence a host is caught: at the call that belongs to a step. It is held on its way, or its answer is.

The app has no hook for this and knows of nothing: a call that is held is one whose answer takes long.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from local.faults import Hold
from local.storage_proxy.client import SeenCall
from local.storage_proxy.faults import Point as StoragePoint
from local.synapse.client import SeenHeld
from local.synapse.faults import Point as SynapsePoint
from tests.crash.ground import Ground, Names

LOOK_AGAIN = 0.02
RECEIVED, FORWARDED = StoragePoint.RECEIVED, StoragePoint.FORWARDED


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageStep:
    """A call to the storage service: before it is done, or when it is done and not answered."""

    operation: str
    where: Literal["requests", "results", "outcomes", "runs", "audit", "transactions"]
    point: StoragePoint
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SynapseStep:
    """A call to the workspace."""

    operation: str
    point: SynapsePoint


type Step = StorageStep | SynapseStep


def _settled(point: StoragePoint) -> StorageStep:
    return StorageStep(operation="mergeRecord", where="runs", point=point, body='"Started"')


#: In the order of the sequence: claim → createRun → settle → publish and audit → acknowledge.
STEPS: Mapping[str, Step] = {
    "before the claim": StorageStep(operation="insertRecord", where="runs", point=RECEIVED),
    "after the claim": StorageStep(operation="insertRecord", where="runs", point=FORWARDED),
    # Of a synchronous HTTP call, or what a delivery is owed that has to wait.
    "before its message": StorageStep(operation="putMessage", where="requests", point=RECEIVED),
    "after its message": StorageStep(operation="putMessage", where="requests", point=FORWARDED),
    # The call has left, and the workspace has done nothing: when the host dies, it ends there.
    "before sending": SynapseStep(operation="createRun", point=SynapsePoint.RECEIVED),
    "while waiting for the answer": SynapseStep(operation="createRun", point=SynapsePoint.CREATED),
    "in the middle of the answer": SynapseStep(
        operation="createRun", point=SynapsePoint.ANSWER_BODY
    ),
    "after the answer": _settled(RECEIVED),
    "after settling": _settled(FORWARDED),
    "before publishing": StorageStep(operation="putMessage", where="results", point=RECEIVED),
    "after publishing": StorageStep(operation="putMessage", where="results", point=FORWARDED),
    "before auditing": StorageStep(operation="insertAudit", where="audit", point=RECEIVED),
    "after auditing": StorageStep(operation="insertAudit", where="audit", point=FORWARDED),
    "before acknowledging": StorageStep(
        operation="deleteMessage", where="requests", point=RECEIVED
    ),
    "after acknowledging": StorageStep(
        operation="deleteMessage", where="requests", point=FORWARDED
    ),
    # Of a request that is taken up again.
    "while looking for the run": SynapseStep(operation="getRun", point=SynapsePoint.RECEIVED),
    "before taking it up again": StorageStep(
        operation="mergeRecord", where="runs", point=RECEIVED, body='"Starting"'
    ),
    "after taking it up again": StorageStep(
        operation="mergeRecord", where="runs", point=FORWARDED, body='"Starting"'
    ),
}


#: Those of the follower: take the chain → look → outcome → message and audit → out of the index → rest.
FOLLOWING: Mapping[str, Step] = {
    "before entering the index": StorageStep(
        operation="insertOpenRun", where="runs", point=RECEIVED
    ),
    "after entering the index": StorageStep(
        operation="insertOpenRun", where="runs", point=FORWARDED
    ),
    "before writing the chain": StorageStep(operation="mergeChain", where="runs", point=RECEIVED),
    "after writing the chain": StorageStep(operation="mergeChain", where="runs", point=FORWARDED),
    "while asking what ended": SynapseStep(operation="queryRuns", point=SynapsePoint.RECEIVED),
    "while asking what failed": SynapseStep(
        operation="queryActivityRuns", point=SynapsePoint.RECEIVED
    ),
    "before the outcome": StorageStep(operation="insertOutcome", where="runs", point=RECEIVED),
    "after the outcome": StorageStep(operation="insertOutcome", where="runs", point=FORWARDED),
    "before telling": StorageStep(operation="putMessage", where="outcomes", point=RECEIVED),
    "after telling": StorageStep(operation="putMessage", where="outcomes", point=FORWARDED),
    "before auditing the outcome": StorageStep(
        operation="insertAudit", where="audit", point=RECEIVED, body='"outcome"'
    ),
    "after auditing the outcome": StorageStep(
        operation="insertAudit", where="audit", point=FORWARDED, body='"outcome"'
    ),
    "before leaving the index": StorageStep(
        operation="batch", where="transactions", point=RECEIVED
    ),
    "after leaving the index": StorageStep(
        operation="batch", where="transactions", point=FORWARDED
    ),
    "before putting off the next visit": StorageStep(
        operation="updateMessage", where="requests", point=RECEIVED
    ),
}


class Trap:
    """Holds the calls of one step of one deployment."""

    def __init__(self, ground: Ground, names: Names, step: Step) -> None:
        self._ground = ground
        self._names = names
        self._step = step
        self._number = 0
        self._day: str | None = None
        self._run_id: str | None = None

    async def lay(self, *, nth: int = 1, day: str | None = None, run_id: str | None = None) -> None:
        """Hold every such call from the nth on.

        Args:
            nth: as a caller's first call is not always the one to be met.
            day: of createRun: hold the call with this value of the parameter `day` alone.
            run_id: of getRun: hold looks for this run alone.
        """
        self._day, self._run_id = day, run_id
        match self._step:
            case StorageStep() as step:
                self._number = await self._ground.proxy.fault(
                    Hold(),
                    point=step.point,
                    times=None,
                    operation=step.operation,
                    name=self._name(step),
                    body=step.body,
                    nth=nth,
                )
            case SynapseStep() as step:
                is_call = step.operation == "createRun"
                self._number = await self._ground.synapse.fault(
                    Hold(),
                    at=step.point,
                    times=None,
                    operation=step.operation,
                    nth=nth,
                    run_id=None if is_call else run_id,
                    parameters={"day": day} if is_call and day else None,
                )

    async def sprung(self, patience: float) -> bool:
        """Wait until a call is held; False if none comes."""
        until = time.monotonic() + patience
        while not await self._held():
            if time.monotonic() > until:
                return False
            await asyncio.sleep(LOOK_AGAIN)
        return True

    async def open(self, *, cut: bool) -> None:
        """Hold no more. What is held goes on, or is cut as a call whose sender is gone."""
        match self._step:
            case StorageStep():
                await self._ground.proxy.remove(self._number)
            case SynapseStep():
                await self._ground.synapse.remove_faults(self._number)
        for call in await self._held():
            if isinstance(call, SeenHeld):
                await self._ground.synapse.release(call.seq, cut=cut)
            else:
                await self._ground.proxy.release(call, cut=cut)

    async def _held(self) -> Sequence[SeenCall | SeenHeld]:
        """The calls that this trap holds: others may have theirs on the same ground."""
        match self._step:
            case StorageStep() as step:
                name = self._name(step)
                return [c for c in await self._ground.proxy.held(0) if c.name == name]
            case SynapseStep():
                held = await self._ground.synapse.held()
                return [call for call in held if self._is_mine(call)]

    def _is_mine(self, call: SeenHeld) -> bool:
        if call.operation == "createRun":
            return self._day is None or f'"{self._day}"' in (call.body or "")
        return self._run_id in {None, call.run_id}

    def _name(self, step: StorageStep) -> str:
        return str(getattr(self._names, step.where))
