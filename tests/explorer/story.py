"""Who comes to the gateway in one seed's story: senders, callers, events, operators, and somebody who meddles."""

import asyncio
import base64
import itertools
import json
import random
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tests.explorer.ground import Ground
from tests.explorer.hosts import Process
from tests.explorer.platform import Platform
from tests.scenarios.api import Answer

AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})  # what SDKs try again
PIPELINES: Final = ("copy", "load")


@dataclass(slots=True, kw_only=True)
class Visit:
    """One delivery, as its sender knows it."""

    kind: str
    mark: str  #: its correlation id or trace, which results and audit repeat
    fields: Mapping[str, Any]  #: what it asks for
    accepted: bool = False  #: its sender was told that it is safe, and has no answer yet
    told: Answer | None = None  #: the answer that its caller got


class Story:
    """The people of one seed."""

    def __init__(self, seed: int, ground: Ground, platform: Platform) -> None:
        self._ground = ground
        self._platform = platform
        self._dice = random.Random(f"{seed} story")
        self._has = ground.weather.features.__contains__
        self._numbers = itertools.count(1)
        self.visits: list[Visit] = []
        count = self._dice.choice([1, 1, 2, 3])
        self._ids = [str(uuid.UUID(int=(seed << 16) + number)) for number in range(1, count + 1)]
        self._length = self._dice.choice([5.0, 60.0, 300.0])

    async def play(self) -> None:
        """Let everybody come in their own time, until all have gone."""
        others = {
            "wire": self._wire_caller,
            "events": self._publisher,
            "hooks": self._hook,
            "operator": self._operator,
            "looks": self._looker,
            "revoke": self._revoker,
            "unreadable": self._meddler,
            "kills": self._killer,
        }
        usual: list[Callable[[], Coroutine[Any, Any, None]]] = [self._sender, self._caller]
        others_here = [actor for name, actor in others.items() if self._has(name)]
        count = self._dice.randint(1, 4) if self._has("duplicates") else 1
        cast = [self._dice.choice(usual) for _ in range(count)] + others_here
        if self._has("wire") and self._has("duplicates"):
            cast.append(self._wire_caller)
        if self._has("crowd"):
            cast += [self._caller, self._wire_caller] * 7
        await asyncio.gather(*(self._come(actor) for actor in cast))

    async def come_again(self) -> None:
        """Let a sender use every id once more, in fine weather."""
        for request_id in self._ids:
            visit = self._visit("queue", self._fields(request_id))
            self._platform.post(json.dumps(visit.fields).encode())
            visit.accepted = True

    async def _come(self, actor: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self._sleep(self._length)
        await actor()

    async def _sleep(self, longest: float) -> None:
        await asyncio.sleep(self._dice.uniform(0.0, longest))

    def _fields(self, request_id: str | None = None) -> dict[str, Any]:
        dice, now = self._dice, self._ground.clock.now()
        crowded = self._has("crowd") and dice.random() < 0.8
        name = request_id or (
            str(uuid.UUID(int=dice.getrandbits(128))) if crowded else dice.choice(self._ids)
        )
        other = request_id is None and self._has("conflict") and dice.random() < 0.3
        fields: dict[str, Any] = {
            "requestId": name,
            "pipelineName": PIPELINES[sum(map(ord, name)) % 2],
            "parameters": {"variant": int(other)},
        }
        if request_id is None and self._has("times") and dice.random() < 0.6:
            shortest = 5.0 if self._has("expired") else 60.0
            seconds = dice.choice([shortest, 600.0, 7200.0, 200_000.0])
            fields["expiresAt"] = (now + timedelta(seconds=seconds)).isoformat()
        if request_id is None and self._has("times") and dice.random() < 0.4:
            seconds = dice.choice([3.0, 100.0, 150_000.0])
            fields["notBefore"] = (now + timedelta(seconds=seconds)).isoformat()
        if request_id is None and self._has("expired") and dice.random() < 0.5:
            fields.pop("notBefore", None)
            fields["expiresAt"] = (now - timedelta(seconds=5)).isoformat()
        return fields

    def _visit(self, kind: str, fields: Mapping[str, Any], mark: str | None = None) -> Visit:
        mark = mark or f"mark-{next(self._numbers)}"
        visit = Visit(kind=kind, mark=mark, fields={**fields, "correlationId": mark})
        self.visits.append(visit)
        self._ground.note(f"{mark} comes: {kind} {visit.fields.get('requestId', '')}")
        return visit

    async def _sender(self) -> None:
        """Put a message on the queue."""
        fields = self._fields()
        if self._has("nameless") and self._dice.random() < 0.5:
            del fields["requestId"]
        visit = self._visit("queue", fields)
        body = json.dumps(visit.fields).encode()
        self._platform.post(base64.b64encode(body) if self._dice.random() < 0.2 else body)
        visit.accepted = True

    async def _caller(self) -> None:
        """Call POST /api/runs, and again under the same id where the answer says so."""
        fields, prefer = self._fields(), ""
        if self._has("respond-async") and self._dice.random() < 0.5:
            prefer = "respond-async"
        elif self._has("wait") and self._dice.random() < 0.7:
            prefer = f"wait={self._dice.choice([1, 20, 200])}"

        async def send(process: Process, visit: Visit) -> Answer:
            return await process.start(visit.fields, prefer)

        await self._call("http", fields, send)

    async def _wire_caller(self) -> None:
        """Call Synapse's own route as an SDK does."""
        fields = self._fields()
        for name in ("expiresAt", "notBefore"):
            fields.pop(name, None)

        async def send(process: Process, visit: Visit) -> Answer:
            return await process.create_run(visit.fields)

        await self._call("wire", fields, send)

    async def _call(
        self,
        kind: str,
        fields: Mapping[str, Any],
        send: Callable[[Process, Visit], Coroutine[Any, Any, Answer]],
    ) -> None:
        for number in range(self._dice.randint(1, 4)):
            if number and not self._has("expired"):
                fields = {name: fields[name] for name in fields if name != "expiresAt"}
            visit = self._visit(kind, fields)
            answer = await self._platform.call(lambda process, visit=visit: send(process, visit))  # type: ignore[misc]
            self._hear(visit, answer)
            if answer is not None and answer.status not in AGAIN:
                return
            again = float(answer.headers.get("Retry-After", 0)) if answer else 0.0
            await asyncio.sleep(min(again, 120.0) + self._dice.uniform(0.0, 20.0))

    def _hear(self, visit: Visit, answer: Answer | None) -> None:
        told = "nothing" if answer is None else f"{answer.status} {answer.text[:90]}"
        self._ground.note(f"{visit.mark} hears {told}")
        if answer is None:
            return
        open_still = answer.status == 202 and answer.body.get("status") == "Waiting"
        if open_still or (visit.kind == "wire" and answer.status == 504):
            visit.accepted = True
        else:
            visit.told = answer

    async def _publisher(self) -> None:
        """Publish an event, by webhook, trigger or queue, and again until it is taken."""
        visit = self._visit("event", {})
        event = {"specversion": "1.0", "id": visit.mark, "source": "/orders", "type": "placed"}
        way = self._dice.choice(["webhook", "trigger", "queue"])
        if way == "queue":
            self._platform.post(json.dumps(event).encode())
            visit.accepted = True
            return
        grid = {
            "id": visit.mark,
            "topic": "/orders",
            "subject": "s",
            "eventType": "placed",
            "eventTime": "2026-11-24T08:29:00Z",
            "dataVersion": "1",
            "data": {},
        }
        times = self._dice.choice([1, 1, 2])  # Event Grid delivers at least once
        while times:
            if way == "webhook":
                answer = await self._platform.call(lambda process: process.senders.post(event))
                taken = answer is not None and answer.status == 200
            else:
                taken = await self._platform.deliver(lambda process: process.senders.trigger(grid))
            visit.accepted = visit.accepted or taken
            times -= taken
            await asyncio.sleep(self._dice.choice([10.0, 30.0, 60.0]))

    async def _hook(self) -> None:
        """Send a signed webhook until it is taken."""
        visit = self._visit("hook", {})
        for _ in range(4 if self._has("deserted") else 200):
            answer = await self._platform.call(
                lambda process: process.senders.sign({"type": "paid"}, visit.mark)
            )
            if answer is not None and answer.status == 202:
                visit.accepted = True
                return
            await self._sleep(60.0)

    async def _operator(self) -> None:
        """Cancel, rerun and resolve."""
        for _ in range(self._dice.randint(1, 5)):
            request_id = self._dice.choice(self._ids)
            shown = await self._platform.call(lambda process: process.api.show(request_id))  # noqa: B023
            if shown is not None and shown.status == 200:
                await self._operate(request_id, shown)
            await self._sleep(max(120.0, self._length))

    async def _operate(self, request_id: str, shown: Answer) -> None:
        body = shown.body
        if body["status"] == "Waiting" and self._dice.random() < 0.5:
            await self._platform.call(lambda process: process.api.cancel(request_id))
        elif body.get("error", {}).get("code") == "OutcomeUnknown" and self._dice.random() < 0.6:
            await self._platform.call(
                lambda process: process.api.resolve({"runId": self._found(request_id)}, request_id)
            )
        elif body["status"] in {"Started", "Failed", "Rejected"}:
            await self._rerun(request_id, int(body["generation"]) + 1)

    def _found(self, request_id: str) -> str | None:
        """Look for a run as an operator does in Studio."""
        records = self._ground.records
        number = records.inserted[request_id]
        runs = {
            records_of: run.run_id
            for run in self._ground.workspace.runs
            for records_of in records.sent_as[run.call.client_request_id]
        }
        generations = [key for key in runs if key[:2] == (request_id, number)]
        standing = next(one for one in records.standing() if one.request_id == request_id)
        return runs.get((request_id, number, standing.generation)) if generations else None

    async def _rerun(self, request_id: str, generation: int) -> None:
        for _ in range(self._dice.choice([1, 1, 2])):
            mark = f"00-{next(self._numbers):032x}-00f067aa0ba902b7-01"
            visit = self._visit("rerun", {"requestId": request_id}, mark)
            answer = await self._platform.call(
                lambda process: process.api.rerun(
                    {"generation": generation},
                    request_id,
                    traceparent=mark,  # noqa: B023
                )
            )
            self._hear(visit, answer)

    async def _looker(self) -> None:
        """Look at runs, by request and by their ids."""
        for _ in range(self._dice.randint(1, 6)):
            request_id = self._dice.choice(self._ids)
            await self._platform.call(lambda process: process.api.run(request_id))  # noqa: B023
            if self._ground.workspace.runs:
                run = self._dice.choice(self._ground.workspace.runs)
                await self._platform.call(lambda process: process.look(run.run_id))  # noqa: B023
            await self._sleep(20.0)

    async def _revoker(self) -> None:
        """Take the permission for a pipeline away for a while."""
        pipeline = self._dice.choice(PIPELINES)
        self._ground.note(f"{pipeline} is not permitted any more")
        self._ground.barred.add(pipeline)
        await self._sleep(1500.0)
        self._ground.note(f"{pipeline} is permitted again")
        self._ground.barred.discard(pipeline)

    async def _meddler(self) -> None:
        """Edit records that are open."""
        column = self._dice.choice(["request0", "schemaVersion"])
        for _ in range(20):
            self._ground.records.edit(self._dice.choice(self._ids), column)
            await self._sleep(5.0)

    async def _killer(self) -> None:
        """Stop processes from outside."""
        for _ in range(self._dice.randint(0, 4)):
            self._platform.stop_one()
            await self._sleep(self._length)
