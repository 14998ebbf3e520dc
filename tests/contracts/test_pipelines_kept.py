"""Connections that are kept for the next call, and closed by then: nothing is sent twice."""

import asyncio
from datetime import UTC, datetime

import pytest

from shared.synapse.reply import Absent, Refused, Started, Unreachable
from tests.contracts.calling_synapse import (
    a_call,
    assert_lost,
    synapse,
)
from tests.contracts.raw_server import (
    ACCEPTED,
    RUN_ID,
    Connection,
    Ending,
    RawServer,
    after,
    answer,
    answers,
    end,
    hang,
    reset,
)


class TestKeptConnection:
    """A connection that was kept open for the next call may be closed by then."""

    async def test_connection_is_used_again(self) -> None:
        async with RawServer(answers(ACCEPTED, ACCEPTED)) as server, synapse() as pipelines:
            for _ in range(2):
                assert isinstance(await pipelines.create_run(a_call(server.url)), Started)

        assert (server.connections, len(server.arrived)) == (1, 2)

    async def test_close_that_was_seen_costs_nothing(self) -> None:
        async def once(connection: Connection) -> None:
            await connection.read()
            await connection.write(ACCEPTED)

        async with RawServer(once) as server, synapse() as pipelines:
            for _ in range(2):
                assert isinstance(await pipelines.create_run(a_call(server.url)), Started)
                await asyncio.sleep(0.02)

        assert (server.connections, len(server.arrived)) == (2, 2)

    @pytest.mark.parametrize("ending", [reset, end])
    async def test_close_at_the_next_request_is_unknown(self, ending: Ending) -> None:
        """The request may have been read: the POST is not sent again, not even by aiohttp."""

        async def script(connection: Connection) -> None:
            await connection.read()
            await connection.write(ACCEPTED)
            await connection.read()
            await ending(connection)

        async with RawServer(script, answers(ACCEPTED)) as server, synapse() as pipelines:
            assert isinstance(await pipelines.create_run(a_call(server.url)), Started)
            assert_lost(await pipelines.create_run(a_call(server.url)))
            assert len(server.arrived) == 2
            assert server.connections == 1

            assert isinstance(await pipelines.create_run(a_call(server.url)), Started)

    @pytest.mark.parametrize("ending", [reset, end])
    async def test_close_that_crosses_the_request_is_unknown(self, ending: Ending) -> None:
        """The server has closed and the client could not know: its POST arrives nowhere, and not twice."""
        kept: list[Connection] = []

        async def script(connection: Connection) -> None:
            await connection.read()
            await connection.write(ACCEPTED)
            kept.append(connection)
            await connection.silence()

        async with RawServer(script, answers(ACCEPTED)) as server, synapse() as pipelines:
            assert isinstance(await pipelines.create_run(a_call(server.url)), Started)
            await ending(
                kept[0]
            )  # takes effect in the loop's next turn, after the POST was written
            assert_lost(await pipelines.create_run(a_call(server.url)))

        assert (server.connections, len(server.arrived)) == (1, 1)

    async def test_look_is_sent_again_by_aiohttp(self) -> None:
        """It does so with GET alone, where that does no harm: it shows what the POST is spared."""

        async def script(connection: Connection) -> None:
            await connection.read()
            await connection.write(ACCEPTED)
            await connection.read()

        async with (
            RawServer(script, answers(answer(404, {"code": "NotFound", "message": "m"}))) as server,
            synapse() as pipelines,
        ):
            assert isinstance(await pipelines.create_run(a_call(server.url)), Started)
            assert await pipelines.find_run(server.url, RUN_ID) == Absent()

        assert [request.line.split()[0] for request in server.arrived] == ["POST", "GET", "GET"]

    async def test_connection_with_an_unread_answer_is_not_used_again(self) -> None:
        first = answer(400, b" " * (2 << 20))

        async with RawServer(answers(first, ACCEPTED)) as server, synapse() as pipelines:
            assert isinstance(await pipelines.create_run(a_call(server.url)), Refused)
            assert len(server.arrived) == 1
            await pipelines.create_run(a_call(server.url))

        assert server.connections == 2


class TestLooks:
    """A look that fails says nothing about the run."""

    @pytest.mark.parametrize("ending", [reset, end, hang])
    async def test_look_without_an_answer_says_nothing(self, ending: Ending) -> None:
        async with RawServer(after(b"", ending)) as server, synapse() as pipelines:
            assert isinstance(await pipelines.find_run(server.url, RUN_ID), Unreachable)
            now = datetime.now(UTC)
            seen = await pipelines.recent_runs(server.url, "copy", now, now)
            assert isinstance(seen, Unreachable)
