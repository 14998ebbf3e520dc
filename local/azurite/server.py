"""Runs queues and tables on this machine: one Azurite process, in memory or in a directory."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local import npm, process
from local.azurite import install

SERVE = Path(__file__).with_name("serve.js")


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account that Azurite accepts."""

    name: str
    key: str


# Azurite's documented account; its key is public and opens nothing else.
DEVELOPMENT = Account(
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    """A running Azurite."""

    child: process.Child
    account: Account

    @property
    def connection_string(self) -> str:
        facts = self.child.facts
        return connection_string(
            queue_port=facts["queuePort"], table_port=facts["tablePort"], account=self.account
        )


def connection_string(
    *, queue_port: int = 10001, table_port: int = 10002, account: Account = DEVELOPMENT
) -> str:
    """Return what names the account on these ports."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={account.name};AccountKey={account.key};"
        f"QueueEndpoint=http://127.0.0.1:{queue_port}/{account.name};"
        f"TableEndpoint=http://127.0.0.1:{table_port}/{account.name};"
    )


async def start(
    *,
    queue_port: int = 0,
    table_port: int = 0,
    location: Path | None = None,
    account: Account = DEVELOPMENT,
    log: Path | None = None,
    tls: tuple[Path, Path] | None = None,
) -> Azurite:
    """Start Azurite; without a location everything is kept in memory, with a certificate and its key it takes tokens."""
    cert, key = tls or (None, None)
    options = {
        "installed": str(install.installed()),
        "queuePort": queue_port,
        "tablePort": table_port,
        "location": location and str(location),
        "cert": cert and str(cert),
        "key": key and str(key),
    }
    command = [npm.node(), str(SERVE), json.dumps(options)]
    env = {
        "AZURITE_ACCOUNTS": f"{account.name}:{account.key}",
        "NODE_COMPILE_CACHE": str(install.installed() / "compiled"),  # a fifth of the start
    }
    child = await process.start(command, env=env, log=log)
    return Azurite(child=child, account=account)


@asynccontextmanager
async def running(
    *,
    queue_port: int = 0,
    table_port: int = 0,
    location: Path | None = None,
    account: Account = DEVELOPMENT,
    log: Path | None = None,
    tls: tuple[Path, Path] | None = None,
) -> AsyncIterator[Azurite]:
    """Start Azurite as `start` does, and stop it at the end."""
    azurite = await start(
        queue_port=queue_port,
        table_port=table_port,
        location=location,
        account=account,
        log=log,
        tls=tls,
    )
    try:
        yield azurite
    finally:
        await azurite.child.stop()
