"""What every app stands on while it is measured: the same storage, and the same simulated workspace."""

import asyncio
import itertools
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import certifi

from bench.apps import App
from local import certificate, process, stack
from local.azurite.server import connection_string
from local.synapse.client import Simulator

REQUESTS: Final = "run-requests"
RESULTS: Final = "run-results"
RUNS: Final = "runs"
AUDIT: Final = "runaudit"
NAMES: Final[Mapping[str, str]] = {
    "RUN_REQUESTS_QUEUE": REQUESTS,
    "RUN_RESULTS_QUEUE": RESULTS,
    "RUNS_TABLE": RUNS,
    "RUN_AUDIT_TABLE": AUDIT,
}


@dataclass(slots=True)
class Worker:
    """A process that runs one app through the worker library: `bench.worker`."""

    child: process.Child

    async def run(
        self, texts: list[str], in_flight: int, *, profile: Path | None = None
    ) -> dict[str, Any]:
        """Run the queue function for each message; raises if one fails."""
        order: dict[str, Any] = {"do": "run", "texts": texts, "inFlight": in_flight}
        if profile is not None:
            order["profile"] = str(profile)
        answer = await self._order(order)
        if answer["failed"]:
            msg = f"{answer['failed']} of {len(texts)} requests failed: {answer['errors']}"
            raise RuntimeError(msg)
        return answer

    async def memory(self) -> dict[str, float]:
        """Return resident memory now and at its highest, in MB."""
        return await self._order({"do": "state"})

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


@dataclass(slots=True, kw_only=True)
class Ground:
    """The servers, and what makes requests."""

    stand_in: process.Child
    synapse: Simulator
    settings: Mapping[str, str]  #: the app settings of whatever stands on it
    is_tls: bool
    _http: aiohttp.ClientSession
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def storage(self) -> str:
        """The connection string."""
        return self.settings["RunStorage"]

    def requests(self, count: int) -> list[str]:
        """Make so many new requests, as they come on a queue."""
        return [json.dumps(_request(next(self._numbers))) for _ in range(count)]

    async def ask(self, route: str, **asked: Any) -> Any:
        """Ask the stand-in for storage, or order something: see `bench.stand_in.server`."""
        url = f"{self.stand_in.url}/_stand_in/{route}"
        async with self._http.post(url, json=asked) as answer:
            answer.raise_for_status()
            return await answer.json()

    @asynccontextmanager
    async def worker(self, app: App) -> AsyncIterator[Worker]:
        """Run an app's worker."""
        plain = () if self.is_tls else ("--plain-http",)
        command = process.module("bench.worker", "--app", str(app.directory), *plain)
        async with process.running(command, env=self.settings) as child:
            yield Worker(child)


def _request(number: int) -> dict[str, Any]:
    return {
        "pipelineName": "copyOrders",
        "requestId": f"order-{number:07d}",
        "parameters": {"day": "2026-11-24", "regions": ["north", "south"]},
        "correlationId": f"nightly-{number:07d}",
    }


@asynccontextmanager
async def ground(*, tls: bool) -> AsyncIterator[Ground]:
    """Start storage in memory and a simulated workspace, both over TLS if asked."""
    async with AsyncExitStack() as servers:
        secured: tuple[str, ...] = ()
        trusted: dict[str, str] = {}
        if tls:
            directory = Path(servers.enter_context(tempfile.TemporaryDirectory()))
            file, key = certificate.write(directory)
            secured = ("--tls-cert", str(file), "--tls-key", str(key))
            trusted = _trust(file, directory)
        stand_in = await servers.enter_async_context(
            process.running(process.module("bench.stand_in", *secured))
        )
        synapse = await servers.enter_async_context(
            process.running(stack.synapse_command(*secured))
        )
        plain = f"http://127.0.0.1:{synapse.facts.get('plainPort', synapse.port)}"
        storage = connection_string(
            queue_port=stand_in.facts["queuePort"], table_port=stand_in.facts["tablePort"]
        )
        endpoint = synapse.url.replace("http:", "https:") if tls else synapse.url
        made = Ground(
            stand_in=stand_in,
            synapse=await servers.enter_async_context(Simulator(plain)),
            settings={
                **stack.settings(
                    storage=storage.replace("http", "https") if tls else storage, synapse=endpoint
                ),
                "IDENTITY_ENDPOINT": f"{plain}/identity",
                **NAMES,
                **trusted,
            },
            is_tls=tls,
            _http=await servers.enter_async_context(aiohttp.ClientSession()),
        )
        await made.ask(
            "create", tables=[RUNS, AUDIT], queues=[REQUESTS, f"{REQUESTS}-poison", RESULTS]
        )
        yield made


def _trust(certificate_file: Path, directory: Path) -> dict[str, str]:
    """Let every client trust the certificate, beside those of the public bundle, which costs time to read."""
    bundle = directory / "bundle.pem"
    bundle.write_text(Path(certifi.where()).read_text() + certificate_file.read_text())
    return dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(bundle))
