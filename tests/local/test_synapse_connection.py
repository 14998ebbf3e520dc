"""Each point at which a connection can end, seen from the bytes that a client gets."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import pytest

from local.faults import Cut
from local.synapse.client import Simulator
from local.synapse.faults import Act, Point, Silence
from local.synapse.in_process import simulating
from local.synapse.pipelines import Pipeline

type How = Literal["rst", "fin"]

HOST = "127.0.0.1"
BODY = b'{"n":1}'
LONG = 5.0
SHORT = 0.2
END: dict[How, str] = {"rst": "reset", "fin": "closed"}


@dataclass(frozen=True, slots=True)
class Got:
    received: bytes
    end: str  #: "closed" by FIN, "reset" by RST, "silent": nothing came any more

    @property
    def body(self) -> bytes | None:
        head, found, body = self.received.partition(b"\r\n\r\n")
        return body if found and head.startswith(b"HTTP/1.1 202") else None


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with simulating(Pipeline(name="copy")) as simulator:
        yield simulator


async def head(sim: Simulator, length: int = len(BODY)) -> bytes:
    lines = (
        "POST /pipelines/copy/createRun?api-version=2020-12-01 HTTP/1.1",
        "Host: simulator",
        f"Authorization: Bearer {await sim.token()}",
        f"Content-Length: {length}",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


async def send(sim: Simulator, *parts: bytes, patience: float = LONG) -> Got:
    """Send a request on a connection of its own, part by part, and read until its end."""
    port = int(sim.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection(HOST, port)
    received = b""
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.01)
        while chunk := await asyncio.wait_for(reader.read(65_536), patience):
            received += chunk
    except ConnectionResetError:
        return Got(received, "reset")
    except TimeoutError:
        return Got(received, "silent")
    else:
        return Got(received, "closed")
    finally:
        writer.close()


async def meets(sim: Simulator, act: Act, at: Point, *parts: bytes, patience: float = LONG) -> Got:
    await sim.fault(act, at=at)
    return await send(sim, *(parts or (await head(sim) + BODY,)), patience=patience)


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_cut_as_soon_as_accepted(sim: Simulator, how: How) -> None:
    """Before anything was sent."""
    got = await meets(sim, Cut(how=how), Point.ACCEPTED, b"")

    assert got == Got(b"", END[how])
    assert [(call.operation, call.cut) for call in await sim.calls()] == [
        ("connection", f"{how}@accepted")
    ]


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_cut_after_the_head(sim: Simulator, how: How) -> None:
    """The body has not been sent yet, and nobody waits for it."""
    got = await meets(sim, Cut(how=how), Point.HEADERS, await head(sim))

    assert got == Got(b"", END[how])
    assert await outcome(sim) == (None, f"{how}@headers", None, 0)


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_cut_before_creating(sim: Simulator, how: How) -> None:
    """The whole request was read, no run exists."""
    got = await meets(sim, Cut(how=how), Point.RECEIVED)

    assert got == Got(b"", END[how])
    assert await outcome(sim) == (None, f"{how}@received", BODY.decode(), 0)


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_cut_after_creating(sim: Simulator, how: How) -> None:
    """The run exists, and the client sees exactly what it saw before."""
    got = await meets(sim, Cut(how=how), Point.CREATED)

    assert got == Got(b"", END[how])
    assert await outcome(sim) == (None, f"{how}@created", BODY.decode(), 1)


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_cut_after_the_answers_head(sim: Simulator, how: How) -> None:
    """202 and Content-Length are there, the run's id isn't."""
    got = await meets(sim, Cut(how=how), Point.ANSWER_HEADERS)

    assert (got.body, got.end) == (b"", END[how])
    assert b"Content-Length: 48" in got.received
    assert await outcome(sim) == (202, f"{how}@answerHeaders", BODY.decode(), 1)


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_cut_in_the_middle_of_the_answer(sim: Simulator, how: How) -> None:
    """Half of the run's id."""
    got = await meets(sim, Cut(how=how), Point.ANSWER_BODY)
    [run] = await sim.runs()

    assert (got.body, got.end) == (f'{{"runId":"{run.run_id}"}}'.encode()[:24], END[how])
    assert await outcome(sim) == (202, f"{how}@answerBody", BODY.decode(), 1)


@pytest.mark.parametrize(
    ("point", "status", "runs"),
    [
        (Point.HEADERS, None, 0),
        (Point.RECEIVED, None, 0),
        (Point.CREATED, None, 1),
        (Point.ANSWER_HEADERS, 202, 1),
        (Point.ANSWER_BODY, 202, 1),
    ],
)
async def test_silence_until_the_client_gives_up(
    sim: Simulator, point: Point, status: int | None, runs: int
) -> None:
    """At each point; the log says so once the client has gone."""
    got = await meets(sim, Silence(), point, patience=SHORT)
    [call] = await sim.calls("createRun", expected=1)

    assert got.end == "silent"
    assert (call.status, call.cut) == (status, f"silence@{point}")
    assert len(await sim.runs()) == runs


async def test_silence_as_soon_as_accepted(sim: Simulator) -> None:
    """The connection stands, and nobody reads."""
    got = await meets(sim, Silence(), Point.ACCEPTED, patience=SHORT)

    assert got == Got(b"", "silent")


async def test_after_a_fault_the_next_call_is_served(sim: Simulator) -> None:
    """A cut ends its own connection only."""
    request = await head(sim) + BODY
    await sim.fault(Cut())
    cut = await send(sim, request)
    served = await send(sim, request)

    assert (cut.end, served.end) == ("reset", "closed")
    assert served.body


async def test_idle_connections_can_be_closed(sim: Simulator) -> None:
    """So that the next call of a client that keeps them has to connect; the simulator's own stay."""
    port = int(sim.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write((await head(sim) + BODY).replace(b"Connection: close\r\n", b""))
    await reader.readuntil(b"}")
    await sim.disconnect()

    assert await reader.read() == b""
    assert len(await sim.runs()) == 1
    writer.close()


async def test_a_client_that_goes_while_sending_starts_nothing(sim: Simulator) -> None:
    """Half a request is none."""
    port = int(sim.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection(HOST, port)
    writer.write(await head(sim) + BODY[:3])
    await asyncio.sleep(0.02)
    writer.transport.abort()
    [call] = await sim.calls(expected=1)

    assert (call.cut, call.body) == ("client@headers", None)
    assert await sim.runs() == []


async def outcome(sim: Simulator) -> tuple[int | None, str | None, str | None, int]:
    """Status, cut and body in the log, and how many runs there are."""
    [call] = await sim.calls("createRun", expected=1)
    return call.status, call.cut, call.body, len(await sim.runs())
