"""The app of this process: built once from the environment, which nothing else reads, and served to the triggers.

Nothing here fails at import: the platform shows an app that can't be imported as one without functions.
"""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import azure.functions as func

from shared.adapters import connection
from shared.adapters.clock import SystemClock
from shared.adapters.storage.queues import PoisonQueue
from shared.adapters.storage.records import TableRecords
from shared.auth import token_claims
from shared.composition import App
from shared.config import gateway_json, settings as app_settings
from shared.config.gateway_json import GatewayConfig
from shared.config.settings import HttpAuth, Settings
from shared.gateway.cached import Cached
from shared.gateway.requeue import Requeue
from shared.kernel import log_line
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import Misconfigured, RecordUnreadable, StorageUnavailable
from shared.runs.caller import Caller
from shared.triggers import health, outage, responses
from shared.triggers.authentication import Identify, TokenBearers, key_holder

if TYPE_CHECKING:
    from shared.gateway.rights import Statement

STORAGE: Final = app_settings.STORAGE
ROOT: Final = Path(__file__).resolve().parent.parent

for noisy in ("azure", "httpx", "httpcore", "aiohttp"):
    # At INFO Azure's SDK writes every request and its headers.
    logging.getLogger(noisy).setLevel(logging.WARNING)


def http_auth_level() -> func.AuthLevel:
    """Return the level of the HTTP routes; the platform fixes it when it indexes the app."""
    if os.environ.get("HTTP_AUTH") == HttpAuth.ENTRA:
        return func.AuthLevel.ANONYMOUS
    return func.AuthLevel.FUNCTION


def requests_queue() -> str:
    """Return the name of the queue that the trigger is bound to."""
    return _given("RUN_REQUESTS_QUEUE", "run-requests")


def outbox_queue() -> str | None:
    """Return the name of the queue that events are posted from; None without a topic."""
    has_topic = _given("OUTCOME_TOPIC_ENDPOINT", "")
    return _given("RUN_OUTBOX_QUEUE", "run-outbox") if has_topic else None


def now() -> datetime:
    """Return the time, for a command that runs beside the app."""
    return SystemClock().now()


def app() -> App:
    """Return the wired app. Raises `Misconfigured`; the platform then delivers again."""
    wired = _wired()
    if isinstance(wired, App):
        return wired
    raise Misconfigured(_sentence(wired))


@asynccontextmanager
async def requeue() -> AsyncIterator[Requeue]:
    """Open the storage for the command that puts messages back. Raises `Misconfigured`."""
    settings = app_settings.read_storage(os.environ)
    if isinstance(settings, tuple):
        raise Misconfigured(_sentence(settings))
    account = connection.account(settings, os.environ)
    try:
        yield Requeue(
            records=TableRecords(account, settings.runs_table),
            poisoned=PoisonQueue(account, settings.requests_queue),
        )
    finally:
        await account.aclose()


async def identify(request: func.HttpRequest) -> Caller | CloudError:
    """Return the caller; `Unauthenticated` for bad credentials, `GatewayUnavailable` if they can't be checked."""
    authenticate = _authenticator()
    return authenticate if isinstance(authenticate, CloudError) else await authenticate(request)


async def admit(
    request: func.HttpRequest, answer: Callable[[Caller], Awaitable[func.HttpResponse]]
) -> func.HttpResponse:
    """Answer an authenticated caller; refuse all others."""
    caller = await identify(request)
    if isinstance(caller, CloudError):
        return responses.noted(responses.refusal(caller))
    return await answer(caller)


async def serve(
    request: func.HttpRequest, answer: Callable[[App, Caller], Awaitable[func.HttpResponse]]
) -> func.HttpResponse:
    """Answer an authenticated caller; otherwise like `take_in`."""
    response = await admit(request, lambda caller: take_in(partial(_serve_named, answer, caller)))
    return outage.again(response) if request.method == "GET" else response


async def serve_wire(
    request: func.HttpRequest,
    context: func.Context,
    answer: Callable[[App, Caller], Awaitable[func.HttpResponse]],
) -> func.HttpResponse:
    """Answer a client of Synapse's API, which expects Synapse's headers in every response; otherwise like `serve`."""
    from shared.triggers import synapse as wire  # noqa: PLC0415 - of this route alone

    return wire.complete(await serve(request, answer), request, context.invocation_id)


async def _serve_named(
    answer: Callable[[App, Caller], Awaitable[func.HttpResponse]], caller: Caller, app: App
) -> func.HttpResponse:
    """Answer a caller whom `access` names; refuse all others before their call is read."""
    if app.policy.names(caller.principal):
        return await answer(app, caller)
    log_line.write(logging.WARNING, "not_named", principal=caller.principal)
    message = "No entry of the gateway's access configuration names the caller."
    return responses.refusal(CloudError(code=Code.NOT_PERMITTED, message=message))


async def take_in(answer: Callable[[App], Awaitable[func.HttpResponse]]) -> func.HttpResponse:
    """Answer a call that a key or a signature admits, even if settings are wrong or the storage is unavailable."""
    return responses.noted(await outage.guard(lambda: answer(app())))


async def serve_ticket(
    answer: Callable[[App], Awaitable[func.HttpResponse]],
) -> func.HttpResponse:
    """Answer a call that a ticket admits, as `take_in`, without a word on what is wrong here."""
    return outage.concealed(await take_in(answer))


async def faults() -> tuple[CloudError, ...]:
    """Return what keeps the app from working: settings by name, storage, and the identity's token."""
    wired = _wired()
    if isinstance(wired, tuple):
        _log("not_ready", wired)
        return wired
    endpoint = wired.policy.workspaces[wired.policy.default_workspace]
    found = wired.webhooks.faults
    try:
        await wired.records.echo(endpoint)
    except (RecordUnreadable, StorageUnavailable) as error:
        found.append(CloudError(code=Code.GATEWAY_UNAVAILABLE, message=str(error), target=STORAGE))
    not_sent = await wired.synapse.authorize(endpoint)
    if not_sent:
        found.append(not_sent.error.model_copy(update={"target": "AZURE_CLIENT_ID"}))
    _log("not_ready", found)
    return tuple(found)


@cache
def readiness() -> Cached[tuple[CloudError, ...]]:
    """Return the faults, kept for a few seconds: callers whom `access` does not name may ask as well."""
    return Cached(SystemClock(), faults, health.KEPT_SECONDS)


async def rights(caller: Caller) -> "Statement | None":
    """Return which rights the app has; None if settings are wrong or `access` does not name the caller."""
    wired = _wired()
    if isinstance(wired, tuple) or not wired.policy.names(caller.principal):
        return None
    return await wired.rights(caller.principal)


def notices() -> tuple[CloudError, ...]:
    """Return what the app does not offer with its settings; empty while they are wrong."""
    wired = _wired()
    return wired.outcomes.until_outcome.notices if isinstance(wired, App) else ()


@cache
def _authenticator() -> Identify | CloudError:
    """Return the authentication, read apart from the other settings: it works even if those are wrong."""
    proof = app_settings.read_http_access(os.environ)
    if isinstance(proof, tuple):
        _log("misconfigured", proof)
        return CloudError(code=Code.GATEWAY_UNAVAILABLE, message="The gateway is not configured.")
    if proof.http_auth is HttpAuth.KEY:
        return key_holder
    from shared.adapters.entra import EntraTokens  # noqa: PLC0415 - 0.3 s, on first use

    clock, tenant = SystemClock(), proof.entra_tenant_id or ""
    tokens = EntraTokens(authority=proof.entra_authority, tenant=tenant, clock=clock)
    wanted = token_claims.expected(proof.entra_authority, tenant, proof.entra_audiences)
    return TokenBearers(tokens, wanted, clock)


def _wired() -> App | tuple[CloudError, ...]:
    try:
        content = _config_file()
    except OSError as error:  # not cached: the next call may succeed
        unread = f"The file can't be read: {error.strerror}."
        fault = app_settings.fault("GATEWAY_CONFIG", unread)
        return _misconfigured(app_settings.read(os.environ), (fault,))
    return _wire(content)


@cache
def _config_file() -> bytes:
    return (ROOT / _given("GATEWAY_CONFIG", "gateway.json")).read_bytes()


@cache
def _wire(content: bytes) -> App | tuple[CloudError, ...]:
    settings = app_settings.read(os.environ)
    config = gateway_json.read(content)
    if isinstance(settings, Settings) and isinstance(config, GatewayConfig):
        return App(settings, config, os.environ, ROOT)
    return _misconfigured(settings, config)


def _misconfigured(
    settings: Settings | tuple[CloudError, ...], config: GatewayConfig | tuple[CloudError, ...]
) -> tuple[CloudError, ...]:
    wrong = tuple(fault for part in (settings, config) if isinstance(part, tuple) for fault in part)
    _log("misconfigured", wrong)
    return wrong


def _given(name: str, default: str) -> str:
    value = os.environ.get(name, "")
    return value if value.strip() else default  # as in settings.read


def _log(event: str, wrong: Iterable[CloudError]) -> None:
    """Write one line for each fault: a value of a line is cut at 300 characters."""
    for fault in wrong:
        log_line.write(logging.ERROR, event, target=fault.target, reason=fault.message)


def _sentence(wrong: tuple[CloudError, ...]) -> str:
    return " ".join(f"{fault.target}: {fault.message}" for fault in wrong)
