import asyncio
import datetime as dt
import json
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local import process
from local.faults import Cut
from local.synapse.client import Simulator
from local.synapse.faults import Point
from local.synapse.in_process import calling
from local.synapse.pipelines import Catalogue, Pipeline
from local.synapse.server import serving
from local.synapse.simulation import Simulation
from local.synapse.tokens import Keys

PIPELINES = {"workspace": "w", "pipelines": [{"name": "copy"}]}
CALL = "/pipelines/copy/createRun"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for the loopback address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "simulator")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def command(tmp_path: Path, *arguments: str) -> Sequence[str]:
    file = tmp_path / "pipelines.json"
    file.write_text(json.dumps(PIPELINES))
    return process.module("local.synapse", "--pipelines", str(file), *arguments)


async def test_it_runs_as_a_process(tmp_path: Path) -> None:
    """It says its port, serves, and ends when asked to."""
    child = await process.start(command(tmp_path))
    async with Simulator(child.url) as sim, calling(sim) as caller:
        answer = await caller.post(CALL)
    ended = await child.stop()

    assert (answer.status_code, ended) == (202, 0)
    assert child.output() == ""


async def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """As soon as standard input closes."""
    child = await process.start(command(tmp_path))
    assert child.process.stdin is not None
    child.process.stdin.close()

    assert child.process.wait(5) == 0
    await child.stop()


async def test_a_wrong_file_is_told_of(tmp_path: Path) -> None:
    """On standard error, and nothing is served."""
    file = tmp_path / "wrong.json"
    file.write_text('{"pipelines": [{"nam": "copy"}]}')

    with pytest.raises(process.NotServing, match="Field required"):
        await process.start(process.module("local.synapse", "--pipelines", str(file)))


async def test_it_speaks_tls_and_beside_it_plain(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    """The identity endpoint is plain in Azure, too."""
    cert, key = certificate
    arguments = ("--tls-cert", str(cert), "--tls-key", str(key))
    async with process.running(command(tmp_path, *arguments)) as child:
        plain = f"http://127.0.0.1:{child.facts['plainPort']}"
        async with Simulator(plain) as sim:
            headers = {"Authorization": f"Bearer {await sim.token()}"}
        trust = ssl.create_default_context(cafile=cert)
        async with httpx.AsyncClient(verify=trust, headers=headers) as client:
            url = f"https://127.0.0.1:{child.port}{CALL}"
            answer = await client.post(url, params={"api-version": "2020-12-01"})

    assert answer.status_code == 202


@pytest.mark.parametrize("how", ["rst", "fin"])
@pytest.mark.parametrize(
    ("at", "statuses"),
    [
        (Point.ACCEPTED, []),
        (Point.HEADERS, []),
        (Point.CREATED, []),
        (Point.ANSWER_BODY, [b"HTTP/1.1 202 Accepted"]),
    ],
)
async def test_connections_end_under_tls_too(
    certificate: tuple[Path, Path], at: Point, statuses: list[bytes], how: Literal["rst", "fin"]
) -> None:
    """Before the handshake is over, and anywhere after it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    simulation = Simulation(Catalogue(pipelines=(Pipeline(name="copy"),)), keys=Keys())
    async with serving(simulation, tls=context) as server, Simulator(server.url) as sim:
        await sim.fault(Cut(how=how), at=at)
        lines = (
            f"POST {CALL}?api-version=2020-12-01 HTTP/1.1",
            *("Host: x", f"Authorization: Bearer {await sim.token()}", "", ""),
        )
        request = "\r\n".join(lines).encode()
        received = await _sent(server.port, request, certificate[0])

    assert received.splitlines()[:1] == statuses
    assert not received.endswith(b"}")
    assert len(simulation.workspace.runs) == (at in {Point.CREATED, Point.ANSWER_BODY})


async def _sent(port: int, request: bytes, trusted: Path) -> bytes:
    trust = ssl.create_default_context(cafile=trusted)
    received = b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        writer.write(request)
        while chunk := await reader.read(65_536):
            received += chunk
        writer.close()
    except ConnectionError:
        return received
    return received
