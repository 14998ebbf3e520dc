"""`make run`: an honest exit code, and no process left behind."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from local import process, run, stack
from local.stack import ROOT
from tests.e2e.curl import needs_curl

COMMAND = [sys.executable, "-m", "local.run"]
STARTED = "serves at"  # all servers run, and the samples begin
AZURITE = ".local/azurite/node_modules/.package-lock.json"


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def is_running(one: psutil.Process) -> bool:
    try:
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that still run after a while."""
    until = time.monotonic() + 15
    while any(map(is_running, processes)) and time.monotonic() < until:
        time.sleep(0.05)
    return [one for one in processes if is_running(one)]


@contextmanager
def serving(
    said: list[str] | None = None,
    command: Sequence[str] = COMMAND,
    until: str = "Ctrl-C ends everything",
) -> Iterator[subprocess.Popen[str]]:
    """Run the command, and go on when it has printed a line with that text."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            for line in served.stdout:
                if said is not None:
                    said.append(line)
                if until in line:
                    break
            yield served
        finally:
            served.kill()


def all_samples_came_out() -> str:
    number = len(list((ROOT / "samples" / "requests").glob("*.json")))
    return f"{number} of {number} samples came out as their files expect."


def all_runs_ended() -> str:
    samples = (ROOT / "samples" / "requests").glob("*.json")
    number = sum("ends" in json.loads(path.read_text()) for path in samples)
    return f"{number} of {number} runs ended as their files expect."


def test_once_ends_with_zero_if_every_sample_came_out_as_expected() -> None:
    """Also where a proxy is set without exceptions: it is not asked for this machine."""
    nowhere = "http://127.0.0.1:9"
    plain = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    done = subprocess.run(
        [*COMMAND, "--once"],
        check=False,
        cwd=ROOT,
        env=plain | {"http_proxy": nowhere, "HTTP_PROXY": nowhere},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert all_samples_came_out() in done.stdout
    assert all_runs_ended() in done.stdout


async def test_once_ends_with_one_if_a_sample_came_out_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And shows what came instead as it is: brackets are no markup of the table's. Ports that are taken are named."""
    body = {"pipelineName": "copyOrders", "requestId": "otherwise", "workspace": "[/nowhere]"}
    sample = {"shows": "…", "entry": "http", "expect": {"status": "Started"}, "ends": "Failed"}
    (tmp_path / "otherwise.json").write_text(json.dumps(sample | {"body": body}))
    succeeds = {"pipelineName": "copyOrders", "requestId": "succeeds"}
    (tmp_path / "succeeds.json").write_text(json.dumps(sample | {"body": succeeds}))
    monkeypatch.setattr(run, "REQUESTS", tmp_path)
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        host, queues = (taken.getsockname()[1] for taken in (one, other))
        monkeypatch.setattr(run, "PORTS", stack.Ports(host=host, queues=queues))
        said = io.StringIO()
        code = await run.main(Namespace(once=True, telemetry=False), Console(file=said, width=200))

    assert code == 1
    assert "status Rejected instead of Started" in said.getvalue()
    assert "'[/nowhere]'" in said.getvalue()
    assert "1 of 2 samples came out as their files expect." in said.getvalue()
    assert "no outcome message" in said.getvalue()
    assert "Succeeded instead of Failed" in said.getvalue()
    assert "0 of 2 runs ended as their files expect." in said.getvalue()
    lines = [line for line in said.getvalue().splitlines() if "is taken" in line]
    assert len(lines) == 2
    assert f"Port {host} is taken: what answers at http://127.0.0.1:{host} is" in lines[0]
    assert f"Port {queues} is taken" in lines[1]


@needs_curl
def test_the_commands_that_it_shows_work_in_a_newcomers_shell() -> None:
    """As they stand there, in a shell that knows nothing of .venv."""
    said: list[str] = []
    plain = {"PATH": os.defpath, "HOME": "/"}
    with serving(said):
        told = "".join(said).partition("Send your own:\n\n")[2]
        curl, python, _, wait = told.split("\n\n")[:4]
        by_http, by_queue, outcome = [
            subprocess.run(
                ["sh", "-c", command],
                check=False,
                cwd=ROOT,
                env=plain,
                capture_output=True,
                text=True,
            )
            for command in (curl, python, wait)
        ]

    assert all_samples_came_out() in "".join(said)
    assert " 202 " in by_http.stdout, by_http.stderr
    assert '"status":"Started"' in by_http.stdout
    assert by_queue.returncode == 0, by_queue.stderr
    assert " 200 " in outcome.stdout
    assert '"outcome":"Succeeded"' in outcome.stdout


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("GATEWAY_CONFIG", "{file}", "$.ruls: There is no such field here. Did you mean rules?"),
        ("GATEWAY_CONFIG", "nowhere.json", "GATEWAY_CONFIG: The file can't be read"),
        ("MAX_ATTEMPTS", "many", "MAX_ATTEMPTS: Input should be a valid integer"),
        ("HTTP_AUTH", "Entra", "target=HTTP_AUTH reason="),  # nobody may ask then: it is in the log
    ],
)
async def test_what_is_wrong_is_named_and_no_sample_is_sent(
    running: stack.Stack, tmp_path: Path, name: str, value: str, told: str
) -> None:
    """The host alone is started for it, beside the servers of the other tests."""
    file = tmp_path / "gateway.json"
    file.write_text('{"ruls": []}')
    values = stack.settings(storage=running.storage, synapse=running.synapse.url)
    values |= {"RUN_REQUESTS_QUEUE": "unread-requests", name: value.format(file=file)}
    said = io.StringIO()

    async with process.running(stack.host_command(), env=values) as host:
        wrong = replace(running, host=host, children={**running.children, "host": host})
        code = await run._serve(
            wrong, Namespace(once=True, telemetry=False), Console(file=said, width=200)
        )

    assert code == 1
    assert "The gateway can't work:" in said.getvalue()
    assert told in said.getvalue()
    assert "What came of the samples" not in said.getvalue()
    assert "Traceback" not in said.getvalue() + host.output()


async def test_with_telemetry_each_sample_has_its_trace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "PORTS", stack.ANY)
    monkeypatch.setattr(run, "COLLECTOR_PORT", 0)
    said = io.StringIO()

    code = await run.main(Namespace(once=True, telemetry=True), Console(file=said, width=200))

    assert code == 0
    trees = said.getvalue().partition(all_samples_came_out())[2]
    assert {path.stem for path in run.REQUESTS.glob("*.json")} <= set(re.findall(r"[\w-]+", trees))
    assert "    ├── ✓ resume event" in trees
    assert "    └── ✓ outcome event" in trees


async def test_a_server_that_does_not_start_is_named_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "pipelines.json"
    broken.write_text('{"pipelines": [{"nam": "copy"}]}')
    command = stack.synapse_command(pipelines=broken)
    monkeypatch.setattr(stack, "synapse_command", lambda **_: command)
    said = io.StringIO()

    code = await run.main(Namespace(once=True, telemetry=False), Console(file=said, width=200))

    assert code == 1
    assert "pipelines.0.name" in said.getvalue()
    assert "Traceback" not in said.getvalue()


def test_ctrl_c_ends_make_run_and_its_servers_without_an_error() -> None:
    installed = [f"--old-file={name}" for name in (".venv/.installed", AZURITE)]
    # A shell lets what it starts in the background ignore it, and so do all children then.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        ["make", *installed, "run"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    ) as made:
        signal.signal(signal.SIGINT, before)
        assert made.stdout is not None
        next(line for line in made.stdout if "Ctrl-C ends everything" in line)
        started = children(made.pid)
        os.killpg(made.pid, signal.SIGINT)
        try:
            said, _ = made.communicate(timeout=60)
        finally:
            made.kill()

    assert "Error" not in said
    assert len(started) >= 4
    assert eventually_gone(started) == []


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_it(ended_by: signal.Signals) -> None:
    with serving(until=STARTED) as served:
        started = children(served.pid)
        os.kill(served.pid, ended_by)
        served.wait(15)

    assert len(started) == 3
    assert eventually_gone(started) == []


def test_nothing_outlives_the_make_that_started_it() -> None:
    """A test runner that loses its patience kills make, which can tell nobody then."""
    make = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    command = [sys.executable, "-c", make, *COMMAND, "--with-parent"]
    with serving(command=command, until=STARTED) as served:
        started = children(served.pid)
        served.kill()
        served.wait(15)

    assert len(started) == 4
    assert eventually_gone(started) == []


def test_when_one_server_ends_all_end() -> None:
    """Whichever it is: each of them does so amid the samples below."""
    with serving() as served:
        started = children(served.pid)
        started[1].kill()
        code = served.wait(15)

    assert code == 1
    assert eventually_gone(started) == []


@pytest.mark.parametrize(("number", "name"), list(enumerate(["azurite", "synapse", "host"])))
def test_a_server_that_ends_amid_the_samples_is_named_at_once(number: int, name: str) -> None:
    """Instead of a minute's wait for results that can't come, or a traceback of a call that was cut."""
    command = [*COMMAND, "--once"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as served:
        assert served.stdout is not None
        next(line for line in served.stdout if STARTED in line)
        started = children(served.pid)
        started[number].kill()
        said, _ = served.communicate(timeout=30)

    assert served.returncode == 1
    assert f"{name} ended" in said
    assert "Traceback" not in said
    assert eventually_gone(started) == []
