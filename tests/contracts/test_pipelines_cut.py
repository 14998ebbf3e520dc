"""createRun over connections that end or hang before there is an answer, or never come to be.

The server counts the requests that arrived. At every cut point the answer is right for the run, and no
request arrives twice.
"""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.contracts.calling_synapse import (
    CALL_TIMEOUT,
    LARGE,
    a_call,
    assert_lost,
    assert_not_sent,
    created,
    synapse,
)
from tests.contracts.raw_server import (
    ACCEPTED,
    HEAD,
    HOST,
    Connection,
    Ending,
    RawServer,
    Script,
    after,
    answers,
    end,
    hang,
    reset,
)


def hang_once(arrived: asyncio.Event) -> Script:
    """Tell when a request has arrived, and say nothing to it."""

    async def script(connection: Connection) -> None:
        await connection.read()
        arrived.set()
        await connection.silence()

    return script


class TestNoConnection:
    """What fails before there is a connection was never sent."""

    async def test_port_is_refused(self) -> None:
        with socket.socket() as bound:  # bound, and nobody listens
            bound.bind((HOST, 0))
            endpoint = f"http://{HOST}:{bound.getsockname()[1]}"
            async with synapse() as pipelines:
                reply = await pipelines.create_run(a_call(endpoint))

        assert_not_sent(reply, "ClientConnectorError")

    async def test_name_does_not_resolve(self) -> None:
        """`.invalid` never does (RFC 6761); a resolver that takes its time is a time-out before sending."""
        async with synapse(call_timeout=5) as pipelines:
            reply = await pipelines.create_run(a_call("https://workspace.invalid"))

        assert_not_sent(reply)

    async def test_server_speaks_no_tls(self) -> None:
        async with RawServer(answers(ACCEPTED)) as server, synapse() as pipelines:
            endpoint = server.url.replace("http:", "https:")
            reply = await pipelines.create_run(a_call(endpoint))

        assert_not_sent(reply)
        assert server.arrived == []

    async def test_certificate_is_not_trusted(self, tmp_path: Path) -> None:
        async with RawServer(answers(ACCEPTED), tls=_self_signed(tmp_path)) as server:
            reply = await created(server)

        assert_not_sent(reply, "ClientConnectorCertificateError")
        assert server.arrived == []

    async def test_server_hangs_in_the_handshake(self) -> None:
        async with RawServer(hang) as server, synapse() as pipelines:
            endpoint = server.url.replace("http:", "https:")
            reply = await pipelines.create_run(a_call(endpoint))

        assert_not_sent(reply, "ConnectionTimeoutError")

    async def test_connection_ends_in_the_handshake(self) -> None:
        async with RawServer(end) as server, synapse() as pipelines:
            endpoint = server.url.replace("http:", "https:")
            reply = await pipelines.create_run(a_call(endpoint))

        assert_not_sent(reply)

    async def test_pool_has_no_place(self) -> None:
        """The second call waits for the first one's connection, and gives up before the first one does."""
        arrived = asyncio.Event()

        async with (
            RawServer(hang_once(arrived)) as server,
            synapse(max_connections=1) as pipelines,
        ):
            first = asyncio.create_task(pipelines.create_run(a_call(server.url)))
            await arrived.wait()
            reply = await pipelines.create_run(a_call(server.url))
            first_reply = await first

        assert_not_sent(reply, "ConnectionTimeoutError")
        assert_lost(first_reply)
        assert server.connections == 1

    @pytest.mark.parametrize("endpoint", ["ftp://h", "http://", "http://[", "h", "http://h:99999"])
    async def test_endpoint_is_no_url(self, endpoint: str) -> None:
        async with synapse() as pipelines:
            assert_not_sent(await pipelines.create_run(a_call(endpoint)))


class TestNoAnswer:
    """What fails once there is a connection may have been sent: in doubt the run exists."""

    @pytest.mark.parametrize("ending", [reset, end])
    async def test_connection_ends_before_the_request_was_read(self, ending: Ending) -> None:
        async with RawServer(ending) as server:
            assert_lost(await created(server))

        assert server.arrived == []
        assert server.connections == 1

    @pytest.mark.parametrize("ending", [reset, end, hang])
    async def test_request_stops_at_its_head(self, ending: Ending) -> None:

        async def script(connection: Connection) -> None:
            await connection.read_head()
            await (ending(connection) if ending is not hang else asyncio.sleep(9))

        async with RawServer(script) as server:
            assert_lost(await created(server, parameters=LARGE))

        assert len(server.arrived) == 1

    @pytest.mark.parametrize(
        ("text", "ending"),
        [
            (b"", reset),
            (b"", end),
            (b"", hang),
            (b"HTTP/1.1", reset),
            (b"HTTP/1.1", end),
            (HEAD[:-4], end),
            (HEAD[:-2], reset),
            (HEAD[:-2], end),
            (HEAD[:-2], hang),
        ],
    )
    async def test_answer_stops_before_the_end_of_its_head(
        self, text: bytes, ending: Ending
    ) -> None:
        async with RawServer(after(text, ending)) as server:
            assert_lost(await created(server))

        assert len(server.arrived) == 1

    @pytest.mark.parametrize("text", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 2x2\r\n\r\n", b"\0" * 99])
    async def test_answer_is_no_http(self, text: bytes) -> None:
        async with RawServer(after(text, hang)) as server:
            assert_lost(await created(server))

        assert len(server.arrived) == 1

    async def test_head_never_ends(self) -> None:
        async def script(connection: Connection) -> None:
            await connection.read()
            await connection.write(b"HTTP/1.1 202 Accepted\r\n")
            while True:
                await connection.write(b"x-more: " + b"x" * 4000 + b"\r\n")

        async with RawServer(script) as server:
            assert_lost(await created(server))

        assert len(server.arrived) == 1

    async def test_call_runs_out_of_time(self) -> None:
        loop = asyncio.get_running_loop()
        async with RawServer(hang) as server:
            before = loop.time()
            assert_lost(await created(server))
            passed = loop.time() - before

        assert CALL_TIMEOUT <= passed < CALL_TIMEOUT + 0.5

    async def test_caller_is_cancelled(self) -> None:
        """Cancellation passes through, and nothing stays open."""
        arrived = asyncio.Event()

        async with RawServer(hang_once(arrived)) as server, synapse() as pipelines:
            call = asyncio.create_task(pipelines.create_run(a_call(server.url)))
            await arrived.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

        assert len(server.arrived) == 1


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
