"""HTTP triggers of the local host, over real connections."""

import asyncio
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from yarl import URL

from local.azurite import server
from local.host.http_messages import BODY_LIMIT
from local.process import Child
from tests.local.host_app.serving import host


@pytest.fixture(scope="module")
async def azurite() -> AsyncIterator[server.Azurite]:
    async with server.running() as running:
        yield running


@pytest.fixture(scope="module")
async def shared(azurite: server.Azurite) -> AsyncIterator[Child]:
    async with host(azurite.connection_string) as running:
        yield running


@pytest.fixture
async def caller() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session:
        yield session


async def ask(
    caller: aiohttp.ClientSession, child: Child, path: str, method: str = "GET", **options: Any
) -> tuple[int, str]:
    url = URL(child.url + path, encoded=True)
    async with caller.request(method, url, **options) as response:
        return response.status, await response.text()


async def echoed(
    caller: aiohttp.ClientSession, child: Child, path: str, method: str = "POST", **options: Any
) -> dict[str, Any]:
    status, text = await ask(caller, child, path, method, **options)
    assert status == 200, text
    seen: dict[str, Any] = json.loads(text)
    return seen


async def test_a_function_sees_the_request(caller: aiohttp.ClientSession, shared: Child) -> None:
    seen = await echoed(caller, shared, "/echo/n?x=1", data=b"\x00\xff", headers={"X-Own": "Yes"})

    assert (seen["method"], seen["name"], seen["query"]) == ("POST", "n", {"x": "1"})
    assert (seen["url"], seen["body"]) == (f"{shared.url}/echo/n?x=1", "00ff")
    assert (seen["headers"]["x-own"], seen["function"]) == ("Yes", "echo")


async def test_the_caller_sees_the_answer(caller: aiohttp.ClientSession, shared: Child) -> None:
    async with caller.get(f"{shared.url}/echo/n?status=418") as response:
        assert response.status == 418
        assert response.headers["X-Answer"] == "yes"
        assert response.content_type == "application/json"
        cookie = response.headers["Set-Cookie"]
    assert cookie == "seen=1; HttpOnly; Max-Age=60; Path=/; SameSite=Lax"


async def test_values_of_one_name_are_joined_and_empty_query_values_left_out(
    caller: aiohttp.ClientSession, shared: Child
) -> None:
    several = [("X-Many", "a"), ("X-Many", "b")]
    seen = await echoed(caller, shared, "/echo/n?One=1&one=2&none=&plus=a+b", headers=several)

    assert seen["query"] == {"One": "1,2", "plus": "a b"}
    assert seen["headers"]["x-many"] == "a,b"


@pytest.mark.parametrize(
    ("segment", "value"),
    [
        ("a%20b", "a b"),
        ("%C3%A9", "é"),
        ("a%2Fb", "a%2Fb"),  # ASP.NET Core decodes everything but the slash
        ("a%2fb", "a%2fb"),
        ("a%252Fb", "a%2Fb"),
        ("a+b", "a+b"),
        ("x/../n", "n"),
        ("n/", "n"),
    ],
)
async def test_a_route_value_is_decoded_once(
    caller: aiohttp.ClientSession, shared: Child, segment: str, value: str
) -> None:
    assert (await echoed(caller, shared, f"/echo/{segment}"))["name"] == value


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/items/first", "the first"),
        ("/items/7", "any 7"),
        ("/ITEMS/First", "the first"),
        ("/files/c.txt", "file c.txt"),
    ],
)
async def test_the_most_specific_route_answers(
    caller: aiohttp.ClientSession, shared: Child, path: str, text: str
) -> None:
    assert await ask(caller, shared, path) == (200, text)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("DELETE", "/echo/n"),
        ("HEAD", "/items/7"),
        ("GET", "/echo/n/m"),
        ("GET", "/files"),
        ("GET", "/"),
    ],
)
async def test_an_unknown_route_or_a_wrong_method_is_404_without_a_body(
    caller: aiohttp.ClientSession, shared: Child, method: str, path: str
) -> None:
    assert await ask(caller, shared, path, method) == (404, "")


async def test_a_function_that_fails_is_500_without_a_body(
    caller: aiohttp.ClientSession, shared: Child
) -> None:
    assert await ask(caller, shared, "/broken") == (500, "")
    assert "[broken] broken failed: LookupError: broken as told" in shared.output()


async def test_extra_fields_are_not_logged(caller: aiohttp.ClientSession, shared: Child) -> None:
    """As Microsoft's worker sends the formatted message and nothing else."""
    await echoed(caller, shared, "/echo/n", data=b"12345")

    assert "INFO    host_app [echo] echoed\n" in shared.output()


async def test_a_function_continues_the_callers_trace(
    caller: aiohttp.ClientSession, shared: Child
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}

    continued = (await echoed(caller, shared, "/echo/n", headers=headers))["trace"].split("-")
    begun = (await echoed(caller, shared, "/echo/n"))["trace"].split("-")

    assert (continued[1], continued[3]) == (trace, "01")
    assert continued[2] != "b7ad6b7169203331"
    assert (len(begun[1]), begun[1] != trace) == (32, True)


async def test_a_chunked_body_does_not_arrive(caller: aiohttp.ClientSession, shared: Child) -> None:
    """The platform gives a worker a body only where there is a Content-Length."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"lost"

    assert (await echoed(caller, shared, "/echo/n", data=pieces()))["body"] == ""


async def exchange(child: Child, *requests: bytes) -> bytes:
    """Send requests over one connection; returns everything that was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", child.port)
    answered = b""
    for request in requests:
        writer.write(request)
        answered += await asyncio.wait_for(reader.read(4096), 5)
    writer.close()
    await writer.wait_closed()
    return answered


async def test_a_body_over_the_limit_is_413(shared: Child) -> None:
    """Refused by its Content-Length: nothing of it has to be sent."""
    length = f"Content-Length: {BODY_LIMIT + 1}\r\n"
    answered = await exchange(shared, f"POST /echo/n HTTP/1.1\r\nHost: h\r\n{length}\r\n".encode())

    assert answered.startswith(b"HTTP/1.1 413 ")


async def test_a_caller_that_expects_to_be_told_to_continue_is_told(shared: Child) -> None:
    head = b"POST /echo/n HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    answered = await exchange(shared, head, b"hi")

    assert answered.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
    assert b'"body": "6869"' in answered


async def test_a_connection_is_kept_alive(shared: Child) -> None:
    request = b"GET /items/1 HTTP/1.1\r\nHost: h\r\n\r\n"

    assert (await exchange(shared, request, request)).count(b"any 1") == 2


async def test_the_status_names_the_functions(caller: aiohttp.ClientSession, shared: Child) -> None:
    status, text = await ask(caller, shared, "/admin/host/status")

    assert status == 200
    assert json.loads(text)["state"] == "Running"
    assert {"echo", "on_task"} <= set(json.loads(text)["functions"])


@pytest.fixture(scope="module")
async def keyed(
    azurite: server.Azurite, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Child]:
    """A host with function keys and a settings file."""
    file = tmp_path_factory.mktemp("settings") / "settings.json"
    values = {"FROM_FILE": "file", "FROM_BOTH": "file"}
    file.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    flags = ("--keys", "first,second", "--settings", str(file))
    async with host(
        azurite.connection_string, *flags, tasks="keyed", FROM_BOTH="environment"
    ) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/echo/n", {}, 401),
        ("/echo/n", {"x-functions-key": "second"}, 200),
        ("/echo/n?code=first", {}, 200),
        ("/echo/n?code=wrong", {}, 401),
        ("/echo/n?code=first", {"x-functions-key": "wrong"}, 401),
        ("/items/7", {}, 200),  # anonymous
        ("/nowhere", {}, 404),
        ("/runtime/webhooks/eventgrid?functionName=on_event", {}, 401),
        ("/admin/functions/on_timer", {}, 401),
        ("/admin/host/status", {}, 200),
    ],
)
async def test_keys_open_what_is_not_anonymous(
    caller: aiohttp.ClientSession, keyed: Child, path: str, headers: dict[str, str], status: int
) -> None:
    found, text = await ask(caller, keyed, path, headers=headers)

    assert found == status
    assert status != 401 or text == ""


async def test_the_environment_wins_over_the_settings_file(
    caller: aiohttp.ClientSession, keyed: Child
) -> None:
    assert await ask(caller, keyed, "/setting/FROM_FILE") == (200, "file")
    assert await ask(caller, keyed, "/setting/FROM_BOTH") == (200, "environment")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1 and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(made.public_bytes(pem))
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(cert_file), str(key_file)


async def test_the_host_serves_tls(
    caller: aiohttp.ClientSession, azurite: server.Azurite, certificate: tuple[str, str]
) -> None:
    flags = ("--tls-cert", certificate[0], "--tls-key", certificate[1])
    trust = ssl.create_default_context(cafile=certificate[0])
    async with host(azurite.connection_string, *flags, tasks="secured") as child:
        url = f"https://127.0.0.1:{child.port}/echo/n"
        async with caller.get(url, ssl=trust) as response:
            assert (await response.json())["url"] == url


async def test_sync_functions_run_side_by_side(
    caller: aiohttp.ClientSession, shared: Child
) -> None:
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(ask(caller, shared, "/blocked?seconds=0.3") for _ in range(3)))

    assert asyncio.get_running_loop().time() - began < 0.8
