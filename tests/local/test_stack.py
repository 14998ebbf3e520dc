"""Which ports does the local stack take?"""

import socket
from collections.abc import Iterator

import pytest

from local import process, stack


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def asked_for(port: int) -> list[str]:
    return stack.synapse_command(port=port)


async def test_the_port_that_is_wished_for_is_taken() -> None:
    wish = process.free_port()

    async with stack.serving(asked_for, wish) as child:
        assert child.port == wish


async def test_a_busy_port_is_replaced_by_another(taken: int) -> None:
    async with stack.serving(asked_for, taken) as child:
        assert child.port != taken


async def test_a_port_that_somebody_takes_meanwhile_is_replaced_too(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server needs a second to begin: two stacks that start together have both seen the port free."""
    looks = iter([taken, 0])
    monkeypatch.setattr(process, "free_port", lambda _: next(looks))

    async with stack.serving(asked_for, taken) as child:
        assert child.port != taken


async def test_a_server_that_fails_by_itself_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = []

    def broken(port: int) -> list[str]:
        started.append(port)
        return process.module("local.no_such_module")

    with pytest.raises(process.NotServing, match="no_such_module"):
        async with stack.serving(broken, process.free_port()):
            pass

    assert len(started) == 1
