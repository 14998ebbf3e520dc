"""How servers of the local stack are started and ended."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local import process
from tests.local.host_app.serving import APP, until

SERVES = "import sys, time; print('{\"port\": 7}', flush=True); "
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "

# Parents that say their children's process ids and wait to be killed. The first has a child that does not look at its
# standard input, so that only the kernel's guard is left; the second's children have no guard but that.
PARENT = """
import asyncio, sys
from local import process
from local.azurite import server

async def deaf():
    return [await process.start([sys.executable, "-c", sys.argv[2]])]

async def unleashed():
    process._leash = lambda: []
    azurite = await server.start()
    env = {"TestStorage": azurite.connection_string, "TASKS_QUEUE": "tasks", "TIMER": "0 0 0 1 1 *"}
    command = process.module("local.host", "--port", "0", "--app", sys.argv[2])
    return [azurite.child, await process.start(command, env=env)]

async def main():
    children = await globals()[sys.argv[1]]()
    print(*(child.process.pid for child in children), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_a_server_announces_itself() -> None:
    async with process.running(python(SERVES + "sys.stdin.read()")) as child:
        assert (child.port, child.url) == (7, "http://127.0.0.1:7")


async def test_a_server_that_dies_is_reported_with_its_last_words() -> None:
    with pytest.raises(process.NotServing, match=r"(?s)exit code 3.*last words"):
        await process.start(python("import sys; print('last words', file=sys.stderr); sys.exit(3)"))


async def test_a_server_that_says_nothing_is_given_up() -> None:
    with pytest.raises(process.NotServing):
        await process.start(python("import time; time.sleep(60)"), patience=0.2)


async def test_a_server_that_does_not_end_is_killed() -> None:
    child = await process.start(python(DEAF + SERVES + "time.sleep(60)"))

    assert await child.stop(grace=0.2) == -signal.SIGKILL


async def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    starting = asyncio.create_task(process.start(python("import time; time.sleep(60)")))
    await asyncio.sleep(0.2)
    before = children()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert len(children()) == len(before) - 1


async def test_the_log_is_kept_where_it_is_wanted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import sys; sys.stderr.write('said'); " + SERVES + "sys.stdin.read()"
    async with process.running(python(code), log=log):
        pass

    assert log.read_text() == "said"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("guard", "argument"),
    [("deaf", SERVES + "time.sleep(60)"), ("unleashed", str(APP))],
    ids=["kernel", "standard input"],
)
async def test_no_child_outlives_a_parent_that_is_killed(guard: str, argument: str) -> None:
    parent, line = await asyncio.to_thread(parent_with_children, guard, argument)
    pids = [int(word) for word in line.split()]
    assert pids
    assert all(lives(pid) for pid in pids)

    parent.kill()
    parent.communicate()

    async def ended() -> bool:
        return not any(lives(pid) for pid in pids)

    try:
        await until(ended)
    finally:
        for pid in filter(lives, pids):  # of a failed test nothing is to stay either
            os.kill(pid, signal.SIGKILL)


def test_a_server_listens_on_the_preferred_port_or_where_somebody_has_it_on_another() -> None:
    with process.listen(0) as first:
        taken = first.getsockname()[1]
        with process.listen(taken) as second:
            assert second.getsockname()[1] != taken
    with process.listen(taken) as third:
        assert third.getsockname()[1] == taken


def test_the_preferred_port_is_taken_only_if_it_is_free() -> None:
    free = process.free_port()
    assert process.free_port(free) == free
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert process.free_port(taken.getsockname()[1]) != taken.getsockname()[1]


def parent_with_children(guard: str, argument: str) -> tuple[subprocess.Popen[bytes], bytes]:
    parent = subprocess.Popen([*python(PARENT), guard, argument], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    return parent, parent.stdout.readline()


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
