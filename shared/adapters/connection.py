"""Connects to Azure as the settings say: by a connection string, or with an identity."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from shared.adapters.storage.account import Account
from shared.adapters.storage.facts import ByConnectionString, ByIdentity
from shared.adapters.storage.following import TableChains, TableOpenRuns, TableOutcomes
from shared.adapters.storage.outbox import OutcomesAndEvents
from shared.adapters.storage.queues import AnswerQueue
from shared.config.settings import Settings, StorageSettings
from shared.gateway.tracking import FollowPorts
from shared.ports import Outbox
from shared.runs.cloud_event import NAMELESS

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


def account(settings: StorageSettings, environment: Mapping[str, str]) -> Account:
    """Return the storage account, by the proxy that the environment names."""
    names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
    use_proxy = any(environment.get(name) for name in names)
    if settings.storage_connection is not None:
        by_key = ByConnectionString(text=settings.storage_connection)
        return Account(by_key, use_proxy_settings=use_proxy)
    by_identity = ByIdentity(
        queue_uri=settings.storage_queues or "",
        table_uri=settings.storage_tables or "",
        credential=partial(credential, settings.storage_client_id),
    )
    return Account(by_identity, use_proxy_settings=use_proxy)


def follow_ports(account: Account, settings: Settings, outbox: Outbox | None) -> FollowPorts:
    """Return where open runs and outcomes are kept and told; also as events if there is an outbox."""
    table, queue, encoding = settings.runs_table, settings.outcomes_queue, settings.results_encoding
    messages = AnswerQueue(account, queue, encoding=encoding.value) if queue else None
    source = settings.address or NAMELESS
    return FollowPorts(
        chains=TableChains(account, table),
        open_runs=TableOpenRuns(account, table),
        outcomes=TableOutcomes(account, table),
        messages=OutcomesAndEvents(messages, outbox, source=source) if outbox else messages,
    )


def credential(client_id: str | None = None) -> "AsyncTokenCredential":
    """Return the app's identity, or the user-assigned one with this client id."""
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - 0.3 s, on first use

    if client_id is None:
        return DefaultAzureCredential()
    return DefaultAzureCredential(managed_identity_client_id=client_id)
