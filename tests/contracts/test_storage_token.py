"""Calls with a token of the app's identity: on Azurite over TLS, and what is done when one is refused."""

import base64
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, override

import aiohttp.connector
import pytest
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential

from local import certificate
from local.azurite import server as azurite
from shared.adapters import tokens
from shared.adapters.clock import SystemClock
from shared.adapters.storage import point
from shared.adapters.storage.account import Account
from shared.adapters.storage.address import Endpoint, Service
from shared.adapters.storage.facts import ByIdentity, Changed, Exists, Missing
from shared.adapters.storage.wire import Wire, open_session
from shared.adapters.tokens import TokenSource
from shared.kernel.errors import StorageRefused, StorageUnavailable
from tests.contracts.raw_server import RawServer, Script
from tests.contracts.storage_recorder import answer, recording
from tests.contracts.test_storage_again import saying
from tests.contracts.worlds import fresh_name

SCOPE = "https://storage.azure.com/.default"
KEYS = {"PartitionKey": "p", "RowKey": "r"}


def a_token(**claims: Any) -> str:
    """Make a token whose claims Azurite accepts; it reads no signature."""
    now = int(time.time())
    given = {
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/11111111-1111-4111-8111-111111111111/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
    }
    parts: tuple[object, ...] = ({"alg": "RS256", "typ": "JWT"}, given | claims, {})
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )


class Credential(AsyncTokenCredential):
    """Gives one token, and notes what it was asked for."""

    def __init__(self, token: str) -> None:
        self._token = token
        self.asked: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self.is_closed = False

    @override
    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.asked.append((scopes, options))
        return AccessToken(self._token, int(time.time()) + 3600)

    @override
    async def close(self) -> None:
        self.is_closed = True

    @override
    async def __aexit__(self, *_: object) -> None:
        """Nobody opens it."""


class Identity:
    """An identity that gives these tokens, each from a credential of its own."""

    def __init__(self, *tokens: str) -> None:
        self._left = list(tokens)
        self.credentials: list[Credential] = []

    def __call__(self) -> Credential:
        self.credentials.append(Credential(self._left.pop(0)))
        return self.credentials[-1]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate.write(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
async def emulator(files: tuple[Path, Path]) -> AsyncIterator[azurite.Azurite]:
    async with azurite.running(tls=files) as running:
        yield running


@pytest.fixture
def is_trusted(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate, as a host does whose own store has it."""
    context = ssl.create_default_context(cafile=files[0])
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", context)


@pytest.fixture
def is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every token count as one that was fetched long ago."""
    monkeypatch.setattr(tokens, "FRESH", 0.0)


@asynccontextmanager
async def an_account(emulator: azurite.Azurite, identity: Identity) -> AsyncIterator[Account]:
    facts, name = emulator.child.facts, emulator.account.name
    account = Account(
        ByIdentity(
            queue_uri=f"https://127.0.0.1:{facts['queuePort']}/{name}/",
            table_uri=f"https://127.0.0.1:{facts['tablePort']}/{name}/",
            credential=identity,
        )
    )
    try:
        yield account
    finally:
        await account.aclose()


@pytest.mark.usefixtures("is_trusted")
async def test_a_table_is_reached_with_a_token(emulator: azurite.Azurite) -> None:
    """Each operation, those of Azure's library too, with the token of one fetch."""
    identity = Identity(a_token())
    async with an_account(emulator, identity) as account:
        table = account.table(fresh_name())
        etag = await table.insert({**KEYS, "number": 1})
        with pytest.raises(Exists):
            await table.insert({**KEYS, "number": 2})
        newer = await table.merge({**KEYS, "text": "é😀"}, etag)
        with pytest.raises(Changed):
            await table.merge({**KEYS, "text": ""}, etag)
        row = await table.get("p", "r")
        await table.replace({**KEYS, "RowKey": "o'r"})
        pages = [page async for page in table.pages("PartitionKey eq 'p'", select=("RowKey",))]
        await table.delete("p", "r", newer)
        await table.delete_all("p", ["o'r"])
        with pytest.raises(Missing):
            await table.get("p", "o'r")

    values = {name: row.values[name] for name in ("number", "text")}
    assert (values, row.etag) == ({"number": 1, "text": "é😀"}, newer)
    assert [each["RowKey"] for page in pages for each in page] == ["o'r", "r"]
    (credential,) = identity.credentials
    assert credential.asked == [((SCOPE,), {})]
    assert credential.is_closed


@pytest.mark.usefixtures("is_trusted")
async def test_a_queue_is_reached_with_a_token(emulator: azurite.Azurite) -> None:
    async with an_account(emulator, Identity(a_token())) as account:
        queue = account.queue(fresh_name())
        first = await queue.put('{"first":"<&>"}')
        second = await queue.put("{}", delay=60)
        assert await queue.hide(second, 0)
        await queue.delete(first)
        taken = await queue.take(30)

    assert [text for text, _ in taken] == ["{}"]


@pytest.mark.usefixtures("is_trusted", "is_old")
async def test_a_token_that_is_refused_is_replaced_once(emulator: azurite.Azurite) -> None:
    """Azurite refuses one for another audience with 403, as the table service's version did before challenges."""
    wrong = a_token(aud="https://elsewhere")
    identity = Identity(wrong, a_token())
    async with an_account(emulator, identity) as account:
        await account.queue(fresh_name()).put("{}")
    hopeless = Identity(wrong, wrong)
    async with an_account(emulator, hopeless) as account:
        with pytest.raises(StorageRefused, match=r"403 AuthenticationFailed$"):
            await account.queue(fresh_name()).put("{}")

    assert len(identity.credentials) == len(hopeless.credentials) == 2


async def test_a_certificate_that_nobody_trusts_ends_the_call(
    emulator: azurite.Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a token is sent."""

    async def pause(_: object, seconds: float) -> None:
        """Ask again at once."""

    monkeypatch.setattr(SystemClock, "pause", pause)
    async with an_account(emulator, Identity(a_token())) as account:
        with pytest.raises(StorageUnavailable, match=r"ClientConnectorCertificateError$"):
            await account.table("runs").get("p", "r")


@asynccontextmanager
async def a_wire(identity: Identity, *scripts: Script) -> AsyncIterator[tuple[RawServer, Wire]]:
    """Send over plain http, which no account does with a token."""
    clock, session = SystemClock(), open_session(use_proxy_settings=False)
    tokens = TokenSource(SCOPE, identity, clock)
    async with RawServer(*scripts) as server:
        endpoint = Endpoint(origin=server.url, path="", credential=None)
        try:
            yield server, Wire(session, dict.fromkeys(Service, endpoint), tokens, clock)
        finally:
            await session.close()
            await tokens.aclose()


CHALLENGE = answer(
    401,
    x_ms_error_code="InvalidAuthenticationInfo",
    www_authenticate="Bearer authorization_uri=https://evil.example/tenant/oauth2/authorize "
    "resource_id=https://evil.example",
)


@pytest.mark.usefixtures("is_old")
async def test_a_challenge_is_answered_with_the_identitys_own_token() -> None:
    """The tenant and the resource that it names are asked for nothing."""
    identity = Identity("first", "second")
    async with a_wire(identity, saying(CHALLENGE)) as (server, wire):
        await wire.send("it", point.get("runs", "p", "r"))
        await wire.send("it", point.get("runs", "p", "r"))

    sent = [request.headers["authorization"] for request in server.arrived]
    assert sent == ["Bearer first", "Bearer second", "Bearer second"]
    assert [one.asked for one in identity.credentials] == [[((SCOPE,), {})]] * 2


async def test_a_fresh_token_that_is_refused_is_not_replaced() -> None:
    """Another would be refused, too, and each call would ask the identity service for one."""
    identity = Identity("first", "second")
    async with a_wire(identity, saying(*[CHALLENGE] * 3)) as (server, wire):
        for _ in range(3):
            with pytest.raises(StorageRefused):
                await wire.send("it", point.get("runs", "p", "r"))

    assert len(server.arrived) == 3
    assert len(identity.credentials) == 1


@pytest.mark.usefixtures("is_old")
async def test_a_second_challenge_is_a_refusal() -> None:
    identity = Identity("first", "second")
    async with a_wire(identity, saying(CHALLENGE, CHALLENGE)) as (server, wire):
        with pytest.raises(StorageRefused) as caught:
            await wire.send("it", point.get("runs", "p", "r"))

    assert caught.value.code == "InvalidAuthenticationInfo"
    assert len(server.arrived) == 2


@pytest.mark.usefixtures("is_old")
async def test_a_refusal_stands_if_there_is_no_other_token() -> None:
    async with a_wire(Identity("first"), saying(CHALLENGE)) as (server, wire):
        with pytest.raises(StorageRefused, match=r"401 InvalidAuthenticationInfo$"):
            await wire.send("it", point.get("runs", "p", "r"))

    assert len(server.arrived) == 1


async def test_a_missing_role_asks_for_no_other_token() -> None:
    refused = answer(403, x_ms_error_code="AuthorizationPermissionMismatch")
    identity = Identity("first")
    async with a_wire(identity, saying(refused)) as (server, wire):
        with pytest.raises(StorageRefused):
            await wire.send("it", point.get("runs", "p", "r"))

    assert len(server.arrived) == 1


async def test_without_a_token_nothing_is_sent() -> None:
    async with a_wire(Identity(), recording) as (server, wire):
        with pytest.raises(StorageUnavailable, match=r"No token for https://storage\.azure\.com"):
            await wire.send("it", point.get("runs", "p", "r"))

    assert server.arrived == []
