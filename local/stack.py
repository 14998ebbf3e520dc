"""The servers that stand in for Azure on this machine: Azurite, a simulated Synapse workspace, a Functions host."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local import process
from local.azurite import server as azurite
from local.synapse.identity import TENANT

ROOT = Path(__file__).resolve().parent.parent
PIPELINES = ROOT / "samples" / "pipelines.json"
IDENTITY_HEADER = "local-identity-header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The servers' ports; 0 is any free port, and a port that is taken is replaced by a free one."""

    host: int = 0
    synapse: int = 0
    queues: int = 0
    tables: int = 0


ANY = Ports()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The running local stack: its servers and their addresses."""

    storage: str  #: a connection string
    synapse: process.Child
    host: process.Child
    children: Mapping[str, process.Child]

    @property
    def url(self) -> str:
        return self.host.url

    @property
    def ports(self) -> Ports:
        azurite = self.children["azurite"].facts
        return Ports(
            host=self.host.port,
            synapse=self.synapse.port,
            queues=azurite["queuePort"],
            tables=azurite["tablePort"],
        )


def settings(*, storage: str, synapse: str) -> dict[str, str]:
    """Return the app settings with the local stack's addresses."""
    return {
        "AzureWebJobsStorage": storage,
        "RunStorage": storage,
        "SYNAPSE_ENDPOINT": synapse,
        "IDENTITY_ENDPOINT": f"{synapse}/identity",
        "IDENTITY_HEADER": IDENTITY_HEADER,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        # Used if HTTP_AUTH=entra: the gateway then also accepts the simulated identity's tokens.
        "ENTRA_AUTHORITY": synapse,
        "ENTRA_TENANT_ID": TENANT,
        "ENTRA_AUDIENCES": "https://dev.azuresynapse.net",
    }


def synapse_command(*arguments: str, port: int = 0, pipelines: Path = PIPELINES) -> list[str]:
    """Return the command that runs the simulated workspace."""
    return process.module(
        "local.synapse",
        *("--port", str(port), "--pipelines", str(pipelines)),
        *("--identity-header", IDENTITY_HEADER, *arguments),
    )


def host_command(*arguments: str, port: int = 0) -> list[str]:
    """Return the command that runs the app in the local host."""
    own = ROOT / "local.settings.json"
    file = own if own.exists() else ROOT / "local.settings.sample.json"
    return process.module(
        "local.host",
        *("--port", str(port), "--app", str(ROOT), "--settings", str(file), *arguments),
    )


@asynccontextmanager
async def running(
    *,
    ports: Ports = ANY,
    env: Mapping[str, str] | None = None,
    host_arguments: tuple[str, ...] = (),
    logs: Path | None = None,
) -> AsyncIterator[Stack]:
    """Start all servers, and stop them at the end."""
    async with AsyncExitStack() as everything:
        storage = await everything.enter_async_context(
            azurite.running(
                queue_port=ports.queues and process.free_port(ports.queues),
                table_port=ports.tables and process.free_port(ports.tables),
                log=logs and logs / "azurite.log",
            )
        )
        synapse = await everything.enter_async_context(
            process.running(synapse_command(port=ports.synapse), log=logs and logs / "synapse.log")
        )
        values = settings(storage=storage.connection_string, synapse=synapse.url)
        host = await everything.enter_async_context(
            process.running(
                host_command(*host_arguments, port=ports.host),
                env=values | dict(env or {}),
                log=logs and logs / "host.log",
            )
        )
        yield Stack(
            storage=storage.connection_string,
            synapse=synapse,
            host=host,
            children={"azurite": storage.child, "synapse": synapse, "host": host},
        )
