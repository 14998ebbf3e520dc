"""Controls a proxy of another process: `async with ProxyControl(url) as proxy: ...`"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

from local.storage_proxy.faults import Act, Fault, Match, Point
from local.storage_proxy.operation import Service
from local.wire import Wire

PATIENCE = 10.0
LOOK_AGAIN = 0.01


class SeenCall(Wire):
    """One call, as the proxy saw it."""

    number: int
    service: Service
    operation: str
    method: str
    name: str
    key: str
    query: str
    body_length: int
    seconds: float | None  #: None while it is under way
    status: int | None  #: None if its caller got no answer
    forwarded: bool
    acts: Sequence[str]


class ProxyControl:
    """The proxy's control routes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def fault(
        self,
        act: Act,
        *,
        point: Point = Point.RECEIVED,
        times: int | None = 1,
        probability: float = 1.0,
        **match: Any,
    ) -> int:
        """Ask for a fault; `match` is as in `faults.Match`. Returns its number."""
        asked = Fault(
            act=act, point=point, times=times, probability=probability, match=Match(**match)
        )
        answer = await self._call("POST", "faults", body=asked.model_dump_json(by_alias=True))
        return int(answer["id"])

    async def remove(self, number: int) -> None:
        """Remove a fault; what it holds stays held."""
        await self._call("DELETE", "faults", number=str(number))

    async def held(self, count: int = 1, *, patience: float = PATIENCE) -> list[SeenCall]:
        """Wait until so many calls are held. Raises AssertionError if they do not come."""
        until = time.monotonic() + patience
        while len(calls := _calls(await self._call("GET", "held"))) < count:
            if time.monotonic() > until:
                msg = f"{count} calls should be held: {calls}"
                raise AssertionError(msg)
            await asyncio.sleep(LOOK_AGAIN)
        return calls

    async def release(self, call: SeenCall | None = None, *, cut: bool = False) -> int:
        """Let a held call go on, or all; or cut them. Returns how many."""
        chosen = {} if call is None else {"number": str(call.number)}
        answer = await self._call("POST", "release", **chosen, **({"cut": "1"} if cut else {}))
        return int(answer["released"])

    async def calls(self, operation: str | None = None) -> list[SeenCall]:
        """List the calls so far, oldest first; only those of an operation if it is named."""
        calls = _calls(await self._call("GET", "calls"))
        return [call for call in calls if operation in (None, call.operation)]

    async def reset(self) -> None:
        """Forget faults and calls; what is held is cut."""
        await self._call("POST", "reset")

    async def _call(self, method: str, route: str, *, body: str = "", **query: str) -> Any:
        if self._session is None:
            msg = "Enter the client before you use it."
            raise RuntimeError(msg)
        url = f"{self._url}/_proxy/{route}"
        async with self._session.request(method, url, params=query, data=body) as answer:
            content: Any = await answer.json()
            if not answer.ok:
                raise ValueError(content["error"])
            return content


def _calls(content: Sequence[Mapping[str, Any]]) -> list[SeenCall]:
    return [SeenCall.model_validate(one) for one in content]
