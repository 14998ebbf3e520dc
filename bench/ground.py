"""What every app stands on while it is measured: the same storage, and the same simulated workspace."""

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
from bench.storage import AUDIT, OUTCOMES, REQUESTS, RESULTS, RUNS, Kind, Storage, storage
from bench.workers import Worker
from local import certificate, process, stack
from local.synapse.client import Simulator

PARAMETERS: Final[Mapping[str, Any]] = {"regions": ["north", "south"]}


@dataclass(slots=True, kw_only=True)
class Ground:
    """The servers, and what makes requests."""

    storage: Storage
    synapse: Simulator
    http: aiohttp.ClientSession
    settings: Mapping[str, str]  #: the app settings of whatever stands on it
    is_tls: bool
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def requests(self, count: int) -> list[str]:
        """Make so many new requests, as they come on a queue."""
        return [json.dumps(request(next(self._numbers))) for _ in range(count)]

    @asynccontextmanager
    async def worker(self, app: App, **settings: str) -> AsyncIterator[Worker]:
        """Run an app in the worker library alone, with settings of its own."""
        plain = () if self.is_tls else ("--plain-http",)
        command = process.module("bench.worker", "--app", str(app.directory), *plain)
        async with process.running(command, env={**self.settings, **settings}) as child:
            yield Worker(child)

    @asynccontextmanager
    async def host(self, app: App, **settings: str) -> AsyncIterator[process.Child]:
        """Run an app in the local host, with settings of its own."""
        command = process.module(
            "local.host" if self.is_tls else "bench.plain_http",
            *("--port", "0", "--app", str(app.directory)),
            *("--settings", "none"),  # those of the environment alone
        )
        async with process.running(command, env={**self.settings, **settings}) as child:
            yield child


def request(number: int) -> dict[str, Any]:
    """Make a request; its parameter `day` names it, so that its runs can be found in the workspace."""
    name = f"order-{number:07d}"
    return {
        "pipelineName": "copyOrders",
        "requestId": name,
        "parameters": {"day": name, **PARAMETERS},
        "correlationId": f"nightly-{number:07d}",
    }


@asynccontextmanager
async def ground(*, tls: bool = False, kind: Kind = "memory") -> AsyncIterator[Ground]:
    """Start storage and a simulated workspace.

    Args:
        tls: whether both speak TLS, as in Azure; with storage in memory only.
        kind: of storage, see `bench.storage`.
    """
    async with AsyncExitStack() as servers:
        secured: tuple[str, ...] = ()
        trusted: dict[str, str] = {}
        if tls:
            directory = Path(servers.enter_context(tempfile.TemporaryDirectory()))
            file, key = certificate.write(directory)
            secured = ("--tls-cert", str(file), "--tls-key", str(key))
            trusted = _trust(file, directory)
        http = await servers.enter_async_context(aiohttp.ClientSession())
        stored = await servers.enter_async_context(storage(kind, http, secured))
        synapse = await servers.enter_async_context(
            process.running(stack.synapse_command(*secured))
        )
        plain = f"http://127.0.0.1:{synapse.facts.get('plainPort', synapse.port)}"
        endpoint = synapse.url.replace("http:", "https:") if tls else synapse.url
        yield Ground(
            storage=stored,
            synapse=await servers.enter_async_context(Simulator(plain)),
            http=http,
            settings={
                **stack.settings(storage=stored.connection_string, synapse=endpoint),
                "IDENTITY_ENDPOINT": f"{plain}/identity",
                "RUN_REQUESTS_QUEUE": REQUESTS,
                "RUN_RESULTS_QUEUE": RESULTS,
                "RUN_OUTCOMES_QUEUE": OUTCOMES,
                "RUNS_TABLE": RUNS,
                "RUN_AUDIT_TABLE": AUDIT,
                **trusted,
            },
            is_tls=tls,
        )


def _trust(certificate_file: Path, directory: Path) -> dict[str, str]:
    """Let every client trust the certificate, beside those of the public bundle, which costs time to read."""
    bundle = directory / "bundle.pem"
    bundle.write_text(Path(certifi.where()).read_text() + certificate_file.read_text())
    return dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(bundle))
