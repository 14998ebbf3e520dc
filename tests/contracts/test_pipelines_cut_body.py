"""createRun's answer ends in its body: the status line has come, and it decides."""

import asyncio

import pytest

from shared.synapse.reply import NotSent, Refused, Reply, Started, Throttled, Unauthorized, Unknown
from tests.contracts.calling_synapse import (
    LARGE,
    created,
)
from tests.contracts.raw_server import (
    ACCEPTED,
    BODY,
    HEAD,
    Connection,
    Ending,
    RawServer,
    after,
    answer,
    end,
    hang,
    reset,
)


class TestCutBody:
    """Where the status line came, it decides, however the body ends."""

    @pytest.mark.parametrize(
        ("length", "ending"),
        [
            (0, reset),
            (0, end),
            (0, hang),
            (1, end),
            (len(BODY) // 2, reset),
            (len(BODY) - 1, end),
            (len(BODY) - 1, hang),
        ],
    )
    async def test_accepted_without_a_whole_run_id_is_unknown(
        self, length: int, ending: Ending
    ) -> None:
        async with RawServer(after(HEAD + BODY[:length], ending)) as server:
            reply = await created(server)

        assert isinstance(reply, Unknown)
        assert reply.error.code == "UnreadableResponse"
        assert reply.wire.http_status == 202
        assert len(server.arrived) == 1

    @pytest.mark.parametrize("ending", [reset, end, hang])
    async def test_accepted_with_a_whole_run_id_is_started(self, ending: Ending) -> None:
        """Only white space is missing from what was announced."""
        text = answer(202, BODY + b" ")[:-1]

        async with RawServer(after(text, ending)) as server:
            reply = await created(server)

        assert isinstance(reply, Started)
        assert len(server.arrived) == 1

    @pytest.mark.parametrize(
        ("status", "kind", "ending"),
        [
            (302, Refused, end),
            (400, Refused, reset),
            (400, Refused, end),
            (400, Refused, hang),
            (401, Unauthorized, end),
            (429, Throttled, reset),
            (429, Throttled, end),
            (429, Throttled, hang),
            (408, Unknown, end),
            (500, Unknown, end),
        ],
    )
    async def test_status_stands(self, status: int, kind: type[Reply], ending: Ending) -> None:
        text = answer(status, {"code": "X", "message": "m"}, {"retry-after": "7"})[:-5]

        async with RawServer(after(text, ending)) as server:
            reply = await created(server)

        assert isinstance(reply, kind)
        assert not isinstance(reply, (Started, NotSent))
        assert reply.error.code == "UnreadableResponse"
        assert not isinstance(reply, Throttled) or reply.retry_after == 7
        assert len(server.arrived) == 1

    async def test_answer_trickles_in_time(self) -> None:
        async def script(connection: Connection) -> None:
            await connection.read()
            for start in range(0, len(ACCEPTED), 10):
                await connection.write(ACCEPTED[start : start + 10])
                await asyncio.sleep(0.005)
            await connection.silence()

        async with RawServer(script) as server:
            assert isinstance(await created(server), Started)

    async def test_answer_trickles_for_too_long(self) -> None:
        """Each byte comes in time, but the call as a whole has an end."""

        async def script(connection: Connection) -> None:
            await connection.read()
            await connection.write(HEAD)
            for byte in BODY:
                await connection.write(bytes([byte]))
                await asyncio.sleep(0.1)

        async with RawServer(script) as server:
            reply = await created(server)

        assert isinstance(reply, Unknown)
        assert reply.wire.http_status == 202

    @pytest.mark.parametrize(("status", "kind"), [(202, Unknown), (400, Refused)])
    async def test_answer_of_100_mb_is_not_read(self, status: int, kind: type[Reply]) -> None:
        """A megabyte is read, and the connection is closed on the rest."""
        sent = 0

        async def script(connection: Connection) -> None:
            nonlocal sent
            await connection.read()
            await connection.write(answer(status, b"", {"content-length": str(100 << 20)}))
            for _ in range(100):
                await connection.write(b" " * (1 << 20))
                sent += 1

        async with RawServer(script) as server:
            reply = await created(server)

        assert isinstance(reply, kind)
        assert sent < 50  # what the sockets' buffers take
        assert len(server.arrived) == 1

    async def test_refusal_comes_before_the_body_was_read(self) -> None:
        """As with 413: the rest of the request is of no use, and nobody waits for it."""

        async def script(connection: Connection) -> None:
            await connection.read_head()
            await connection.write(answer(413, {"code": "TooLarge", "message": "m"}))
            await asyncio.sleep(9)

        async with RawServer(script) as server:
            reply = await created(server, parameters=LARGE)

        assert isinstance(reply, Refused)
        assert reply.error.code == "TooLarge"
