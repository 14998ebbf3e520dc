"""The ports that the local stack takes."""

import socket

from local import stack


async def test_busy_ports_are_replaced_by_others() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        busy = [taken.getsockname()[1] for taken in (one, other)]
        async with stack.running(ports=stack.Ports(host=busy[0], synapse=busy[1])) as running:
            assert running.host.port not in busy
            assert running.synapse.port not in busy
