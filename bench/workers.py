"""Orders a worker process about: see `bench.worker`."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import process


@dataclass(slots=True)
class Worker:
    """A process that runs one app through the worker library."""

    child: process.Child

    async def run(self, texts: list[str], in_flight: int, **watched: Path) -> dict[str, Any]:
        """Run the queue function for each message; raises if one fails.

        Args:
            texts: the messages.
            in_flight: how many at a time.
            watched: `profile` or `sample`, the file to write.
        """
        order: dict[str, Any] = {"do": "run", "texts": texts, "inFlight": in_flight}
        order |= {how: str(path) for how, path in watched.items()}
        answer = await self._order(order)
        if answer["failed"]:
            msg = f"{answer['failed']} of {len(texts)} requests failed: {answer['errors']}"
            raise RuntimeError(msg)
        return answer

    async def memory(self) -> float:
        """Return resident memory now, in MB."""
        return float((await self._order({"do": "state"}))["memory"])

    async def cpu(self) -> float:
        """Return user and system time since the start, in seconds."""
        return float((await self._order({"do": "state"}))["cpu"])

    async def modules(self) -> list[str]:
        """Return the modules that the app has imported until now."""
        return list((await self._order({"do": "modules"}))["modules"])

    async def sweep(self) -> None:
        """Run the gateway's hourly timer."""
        await self._order({"do": "sweep"})

    async def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        asked, answered = self.child.process.stdin, self.child.process.stdout
        if asked is None or answered is None:  # they are pipes: see process.start
            raise ValueError
        asked.write(json.dumps(order).encode() + b"\n")
        asked.flush()
        line = await asyncio.to_thread(answered.readline)
        if not line:
            msg = f"The worker ended: {self.child.output()[-4000:]}"
            raise RuntimeError(msg)
        answer: dict[str, Any] = json.loads(line)
        return answer
