"""What stays where it is while hosts die: Azurite, a proxy before it, and the simulated workspace."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local import process, stack
from local.azurite import server as azurite
from local.storage_proxy.client import ProxyControl
from local.synapse.client import Simulator

# Below the range from which Linux gives ports to outgoing connections (ip_local_port_range): a server that is away for
# a minute must find its port free when it comes back.
PORTS = range(20_000, 30_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The queues and tables of one deployment; several can stand on one ground."""

    requests: str = "run-requests"
    results: str = "run-results"
    outcomes: str = "run-outcomes"
    runs: str = "runs"
    audit: str = "runaudit"

    @property
    def poison(self) -> str:
        return f"{self.requests}-poison"

    @property
    def transactions(self) -> str:
        """What the storage service's address has in the place of a table, where several entities are written."""
        return "$batch"

    def settings(self) -> dict[str, str]:
        return {
            "RUN_REQUESTS_QUEUE": self.requests,
            "RUN_RESULTS_QUEUE": self.results,
            "RUN_OUTCOMES_QUEUE": self.outcomes,
            "RUNS_TABLE": self.runs,
            "RUN_AUDIT_TABLE": self.audit,
        }


def names(number: int) -> Names:
    """Name the queues and tables of the deployment of this number."""
    return Names(
        requests=f"run-requests-{number}",
        results=f"run-results-{number}",
        outcomes=f"run-outcomes-{number}",
        runs=f"runs{number}",
        audit=f"run{number}audit",
    )


@dataclass(slots=True, kw_only=True)
class Ground:
    """The servers, by what their users need."""

    storage: list[azurite.Azurite]  #: one process, or one for queues and one for tables
    location: Path | None
    proxied: str  #: the connection string that leads through the proxy
    proxy: ProxyControl
    synapse: Simulator
    logs: Path | None

    @property
    def direct(self) -> str:
        """The connection string that leads past the proxy: for who is not to be met by its faults."""
        return azurite.connection_string(
            queue_port=self.storage[0].child.facts["queuePort"],
            table_port=self.storage[-1].child.facts["tablePort"],
        )

    def settings(self, *, through_proxy: bool = True) -> dict[str, str]:
        """The app settings of a host on this ground."""
        storage = self.proxied if through_proxy else self.direct
        return stack.settings(storage=storage, synapse=self.synapse.url)

    async def stop_storage(self) -> None:
        """End Azurite; what it keeps on disk stays."""
        for one in self.storage:
            await one.child.stop()

    async def start_storage(self) -> None:
        """Start Azurite again, on the same disk and ports."""
        self.storage = [
            await azurite.start(
                queue_port=one.child.facts["queuePort"],
                table_port=one.child.facts["tablePort"],
                location=self.location,
                log=_log(self.logs, f"azurite-{number}-again"),
            )
            for number, one in enumerate(self.storage)
        ]


@asynccontextmanager
async def ground(
    *,
    location: Path | None = None,
    logs: Path | None = None,
    seed: int = 0,
    storage_processes: int = 1,
) -> AsyncIterator[Ground]:
    """Start the servers, and end them.

    Args:
        location: where Azurite keeps its data; without one, in memory.
        logs: where each server's log goes; without one, nowhere that lasts.
        seed: of the simulator's faults.
        storage_processes: of Azurite: 1, or 2, in memory, one for queues and one for tables.
    """
    async with AsyncExitStack() as servers:
        storage = [
            await azurite.start(
                queue_port=_free_port(),
                table_port=_free_port(),
                location=location,
                log=_log(logs, f"azurite-{number}"),
            )
            for number in range(storage_processes)
        ]
        urls = [
            f"http://127.0.0.1:{one.child.facts[port]}/{one.account.name}"
            for one, port in ((storage[0], "queuePort"), (storage[-1], "tablePort"))
        ]
        command = process.module(
            "local.storage_proxy", "--queue-url", urls[0], "--table-url", urls[1]
        )
        proxy = await servers.enter_async_context(process.running(command, log=_log(logs, "proxy")))
        synapse = await servers.enter_async_context(
            process.running(stack.synapse_command("--seed", str(seed)), log=_log(logs, "synapse"))
        )
        made = Ground(
            storage=storage,
            location=location,
            proxied=azurite.connection_string(
                queue_port=proxy.facts["queuePort"], table_port=proxy.facts["tablePort"]
            ),
            proxy=await servers.enter_async_context(ProxyControl(proxy.url)),
            synapse=await servers.enter_async_context(Simulator(synapse.url)),
            logs=logs,
        )
        try:
            yield made
        finally:
            await made.stop_storage()


def _free_port() -> int:
    while True:
        wish = random.choice(PORTS)
        if process.free_port(wish) == wish:
            return wish


def _log(logs: Path | None, name: str) -> Path | None:
    return None if logs is None else logs / f"{name}.log"
