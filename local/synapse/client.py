"""Controls the simulator from tests: `async with Simulator(url) as sim: ...`"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self, Unpack

import aiohttp
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from local.synapse.activity import Activity
from local.synapse.faults import Act, Fault, Live, Match, Point
from local.synapse.identity import TokenOrder
from local.synapse.pipelines import Outcome
from local.synapse.routes import Operation
from local.synapse.settings import Changes, Settings
from local.synapse.tokens import Signature
from local.wire import Wire

PATIENCE = 10.0
LOOK_AGAIN = 0.01


class _Seen(Wire, extra="ignore"):
    """What the simulator tells may be more than is looked at."""


class SeenCall(_Seen):
    """One request, as the log has it. `cut` says how it ended without an answer: "rst@created"."""

    seq: int
    operation: Operation
    pipeline: str | None
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    claims: Mapping[str, Any] | None
    client_request_id: str | None
    body: str | None
    status: int | None
    cut: str | None
    run_id: str | None
    time: str
    monotonic: float
    seconds: float | None


class SeenRun(_Seen):
    """One run, also one that can't be seen on the wire yet."""

    run_id: str
    run_group_id: str
    pipeline_name: str
    parameters: Mapping[str, str]
    status: str
    message: str | None
    run_start: str
    run_end: str | None
    last_updated: str
    is_latest: bool
    origin: str
    client_request_id: str | None
    reference_run_id: str | None
    start_activity_name: str | None
    visible: bool


class SeenHeld(_Seen):
    """One call that waits to be released."""

    seq: int
    operation: Operation
    pipeline: str | None
    client_request_id: str | None
    body: str | None
    run_id: str | None
    point: Point
    seconds: float
    client_gone: bool


class ControlRefused(Exception):
    """The simulator did not accept a control call."""


class Simulator:
    """The control routes. It keeps one connection, so that no fault of connections meets it."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=3600)
        self._session = aiohttp.ClientSession(connector=connector)
        await self._call("GET", "settings")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def calls(
        self,
        operation: Operation | str | None = None,
        *,
        since: int = 0,
        expected: int = 0,
        within: float = PATIENCE,
    ) -> list[SeenCall]:
        """The calls after the one numbered `since`; with `expected`, as soon as so many have ended."""
        query = {"since": str(since)} | ({"operation": str(operation)} if operation else {})

        async def ended() -> tuple[list[SeenCall], int]:
            seen = [SeenCall.model_validate(one) for one in await self._call("GET", "calls", query)]
            return seen, sum(call.seconds is not None for call in seen)

        return await _enough(ended, expected, within)

    async def stats(self) -> dict[str, Any]:
        """How many calls by operation and outcome, how many runs."""
        stats: dict[str, Any] = await self._call("GET", "stats")
        return stats

    async def runs(self) -> list[SeenRun]:
        return [SeenRun.model_validate(one) for one in await self._call("GET", "runs")]

    async def run(self, run_id: str) -> SeenRun:
        """One run; ControlRefused if there is none."""
        (seen,) = await self._call("GET", "runs", {"runId": run_id})
        return SeenRun.model_validate(seen)

    async def start_other(
        self,
        pipeline: str,
        parameters: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        life: Live | None = None,
    ) -> str:
        """Start a run as somebody else; gives its id."""
        order = {"pipeline": pipeline, "parameters": dict(parameters or {}), "runId": run_id}
        return await self._start(order, life)

    async def rerun(self, run_id: str, life: Live | None = None) -> str:
        """Rerun a run as somebody does in Studio; gives the new one's id."""
        return await self._start({"referenceRunId": run_id}, life)

    async def _start(self, order: dict[str, Any], life: Live | None) -> str:
        if life is not None:
            order["life"] = _said(life)
        return str((await self._call("POST", "runs", body=order))["runId"])

    async def end(
        self,
        *run_ids: str,
        outcome: Outcome = "Succeeded",
        message: str = "",
        activities: Sequence[Activity] | None = None,
        after: float = 0.0,
        every: float = 0.0,
    ) -> None:
        """Have runs end, the first in `after` seconds, each further one `every` seconds later; one that hasn't ended yet."""
        body = {
            "runIds": run_ids,
            "outcome": outcome,
            "message": message,
            "activities": _plain(activities),
            "inSeconds": after,
            "everySeconds": every,
        }
        await self._call("PATCH", "runs", body=body)

    async def forget(self, run_id: str) -> None:
        """Have the workspace know nothing of a run any more."""
        await self._call("DELETE", "runs", {"runId": run_id})

    async def settings(self, **changes: Unpack[Changes]) -> Settings:
        """Change settings; gives all as they are now."""
        body = {to_camel(name): _plain(value) for name, value in changes.items()}
        method = "PATCH" if changes else "GET"
        return Settings.model_validate(
            await self._call(method, "settings", body=body if changes else None)
        )

    async def fault(
        self,
        act: Act,
        *,
        at: Point | str = Point.RECEIVED,
        times: int | None = 1,
        probability: float = 1.0,
        operation: Operation | str | frozenset[Operation] | None = None,
        pipeline: str | None = None,
        client_request_id: str | None = None,
        run_id: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        nth: int = 1,
    ) -> int:
        """Add a fault for so many `times` (None: until removed); what is left out matches any request."""
        match = Match(
            operation=Operation(operation) if isinstance(operation, str) else operation,
            pipeline=pipeline,
            client_request_id=client_request_id,
            run_id=run_id,
            parameters=parameters or {},
            nth=nth,
        )
        fault = Fault(act=act, point=Point(at), times=times, probability=probability, match=match)
        body = fault.model_dump(mode="json", by_alias=True)
        body["act"] = _said(act)
        return int((await self._call("POST", "faults", body=body))["id"])

    async def faults(self) -> list[dict[str, Any]]:
        """The standing faults, each with how often it `matched` and was `applied`."""
        standing: list[dict[str, Any]] = await self._call("GET", "faults")
        return standing

    async def remove_faults(self, number: int | None = None) -> None:
        await self._call("DELETE", "faults", {} if number is None else {"id": str(number)})

    async def held(self, expected: int = 0, within: float = PATIENCE) -> list[SeenHeld]:
        """The calls that wait; with `expected`, as soon as there are so many."""

        async def waiting() -> tuple[list[SeenHeld], int]:
            held = [SeenHeld.model_validate(one) for one in await self._call("GET", "held")]
            return held, len(held)

        return await _enough(waiting, expected, within)

    async def release(self, seq: int | None = None, *, cut: bool = False) -> int:
        """Let one held call go on, or all; or cut them. Gives their number."""
        body = {"seq": seq, "cut": cut}
        return int((await self._call("POST", "release", body=body))["released"])

    async def disconnect(self) -> None:
        """Close the idle connections of everybody else."""
        await self._call("POST", "disconnect")

    async def reset(self) -> None:
        """Forget runs, calls, faults and settings; held calls are cut."""
        await self._call("POST", "reset")

    async def token(
        self,
        claims: Mapping[str, Any] | None = None,
        *,
        lifetime_seconds: int = 3600,
        key: str = "current",
        algorithm: str = "RS256",
        headers: Mapping[str, Any] | None = None,
    ) -> str:
        """Mint any token: `claims` over the usual ones (None takes one away), any other `key` is an unknown one."""
        order = TokenOrder(
            claims=claims or {},
            lifetime_seconds=lifetime_seconds,
            signature=Signature(key=key, algorithm=algorithm, headers=headers or {}),
        )
        body = order.model_dump(mode="json", by_alias=True)
        return str((await self._call("POST", "tokens", body=body))["access_token"])

    async def rotate_keys(self, *, keep: bool = True) -> str:
        """Sign with a new key; without `keep` the old ones leave the key set."""
        return str((await self._call("POST", "keys", body={"keep": keep}))["kid"])

    async def _call(
        self, method: str, name: str, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Any:
        if self._session is None:
            msg = "use `async with Simulator(url)`"
            raise RuntimeError(msg)
        url = f"{self.url}/_sim/{name}"
        async with self._session.request(method, url, params=query, json=body) as answer:
            value = await answer.json(content_type=None)
            if answer.status != 200:
                raise ControlRefused(value["error"])
            return value


async def _enough[T](
    look: Callable[[], Awaitable[tuple[T, int]]], expected: int, within: float
) -> T:
    """Look until there are as many as expected."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within
    while True:
        seen, number = await look()
        if number >= expected:
            return seen
        if clock() > deadline:
            msg = f"{number} instead of {expected} after {within} s: {seen}"
            raise TimeoutError(msg)
        await asyncio.sleep(LOOK_AGAIN)


def _said(act: Act) -> dict[str, Any]:
    """Give only what was said: an answer's `content` left out is no body, `content=None` is null."""
    return act.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"do": act.do}


def _plain(value: Any) -> Any:
    """Give models as JSON objects, wherever in the value they are."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value
