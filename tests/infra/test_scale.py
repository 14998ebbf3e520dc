"""docs/scale.md: its figures follow from the settings that they are made of, and its code does what it says."""

import json
import re
from collections import Counter
from dataclasses import fields
from math import ceil
from typing import Any, Final

from local.stack import ROOT
from shared.adapters.storage.audit_entity import SHARDS
from shared.config.settings import Settings
from shared.gateway.tracking import FollowPorts
from shared.kernel.cloud_error import CloudError
from shared.runs.record import Status
from shared.synapse.reply import Throttled
from tests.infra.bicep_source import read
from tests.scenarios.world import World, a_request

TEXT: Final = (ROOT / "docs" / "scale.md").read_text()
TIMES: Final = "\N{MULTIPLICATION SIGN}"
SECONDS: Final = 730 * 3600
RATES: Final = (10, 1_000, 100_000)
#: requests a second that one shard is planned for, and storage operations of one request
SHARD: Final = 500
QUEUE: Final = 6
TABLE: Final = 3


def row(name: str) -> list[str]:
    """Give the three columns of a row, for 10, 1,000 and 100,000 requests a second."""
    (found,) = re.findall(rf"^\| {re.escape(name)} \| (.+) \|$", TEXT, re.MULTILINE)
    return str(found).split(" | ")[:3]


def default(parameter: str) -> int:
    value = read(ROOT / "infra", "main.bicep").parameters[parameter].value
    assert value is not None
    assert value.text is not None
    return int(value.text)


class Counted:
    """A port whose calls are counted by their names."""

    def __init__(self, port: object, name: str, calls: Counter[str]) -> None:
        self._port = port
        self._name = name
        self._calls = calls

    def __getattr__(self, method: str) -> Any:
        self._calls[f"{self._name}.{method}"] += 1
        return getattr(self._port, method)


def counted(world: World) -> Counter[str]:
    """Count the calls of a world's next process to storage, but for what it notes of its workspace."""
    calls: Counter[str] = Counter()
    for name in ("records", "requests", "results", "audit"):
        setattr(world, name, Counted(getattr(world, name), name, calls))
    names = [field.name for field in fields(FollowPorts)]
    ports: dict[str, Any] = {
        name: Counted(getattr(world.follow_ports, name), name, calls) for name in names
    }
    world.follow_ports = FollowPorts(**ports)
    world.restart()
    return calls


def storage(calls: Counter[str]) -> dict[str, int]:
    return {name: times for name, times in calls.items() if name != "records.note_echo"}


def plan() -> list[tuple[int, int]]:
    """Give the shards and the instances of each for each rate, a createRun taking a second."""
    calls = Settings.model_fields["max_concurrent_calls"].default
    shards = [ceil(rate / SHARD) for rate in RATES]
    return [(count, ceil(rate / count / calls)) for rate, count in zip(RATES, shards, strict=True)]


def test_what_one_instance_takes_is_as_configured() -> None:
    queues = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]
    batch, threshold = queues["batchSize"], queues["newBatchThreshold"]
    calls = Settings.model_fields["max_concurrent_calls"].default

    assert f"| {batch + threshold} queue messages at once (`batchSize` {batch} and `newBatchThreshold` {threshold}), {calls} calls" in TEXT  # fmt: skip
    assert f"queue's length divided by {batch}" in TEXT
    assert f"| {default('maximumInstanceCount')} instances unless" in TEXT
    assert f"`runaudit` {SHARDS} a day" in TEXT
    assert f"an audit partition {SHARD // SHARDS} of 2,000" in TEXT
    assert f"{SHARD} {TIMES} {QUEUE + TABLE} = {SHARD * (QUEUE + TABLE):,} operations" in TEXT


def test_the_plan_is_the_arithmetic_that_it_names() -> None:
    shards = plan()

    assert row("shards") == [f"{count:,}" for count, _ in shards]
    assert [column.rpartition(" ")[2] for column in row("instances at L = 1 s")] == [
        f"{count * each:,}" for count, each in shards
    ]
    assert all(each <= default("maximumInstanceCount") for _, each in shards)
    assert row("storage operations a second") == [f"{rate * (QUEUE + TABLE):,}" for rate in RATES]
    assert row("workspaces, runs of 60 s") == [
        f"{ceil(rate * 60 / 10_000):,} ({rate * 60:,}{' at once' if rate == 10 else ''})"
        for rate in RATES
    ]
    assert row("requests a month (730 h)") == [
        f"{rate * SECONDS / 1e6:,.{2 if rate == 10 else 0}f} million" for rate in RATES
    ]
    assert row(f"subscriptions {TIMES} regions, at 250 cores")[2].startswith(
        f"{ceil(6_400 / 250)} "
    )


def test_the_bill_is_the_arithmetic_that_it_names() -> None:
    memory = default("instanceMemoryMB") / 1024
    months = [rate * SECONDS for rate in RATES]

    assert row("instances") == [
        f"${count * each * memory * SECONDS * 0.000026:,.0f}" for count, each in plan()
    ]
    assert row("executions") == [f"${requests * 0.40 / 1e6:,.0f}" for requests in months]
    assert row("queues") == [f"{requests * QUEUE // 10_000:,} *q*" for requests in months]
    assert row("tables") == [f"{requests * TABLE // 10_000:,} *t*" for requests in months]
    assert row("pipeline runs of one activity") == [f"${requests // 1000:,}" for requests in months]
    kept = Settings.model_fields["retention_days"].default
    assert row(f"kept for {kept} days") == [
        f"{rate * 86_400 * kept / 1e6:,.0f} million {TIMES} *S g*" for rate in RATES
    ]


ONE_BY_QUEUE: Final = {
    "records.insert": 1,
    "records.update": 1,
    "results.publish": 1,
    "audit.append": 1,
}


async def test_one_request_by_queue_costs_what_the_page_counts() -> None:
    world = World(FOLLOW_RUNS="none")
    calls = counted(world)

    await world.deliver()

    assert storage(calls) == ONE_BY_QUEUE
    assert "| table | 3: insert and merge of the record, insert of the audit entry |" in TEXT


async def test_one_request_by_http_costs_a_recovery_message_besides() -> None:
    world = World(FOLLOW_RUNS="none")
    calls = counted(world)

    await world.host.call(a_request())

    assert storage(calls) == ONE_BY_QUEUE | {"requests.enqueue": 1, "requests.withdraw": 1}
    assert "put and delete of the recovery message" in TEXT


async def test_waiting_once_costs_what_the_page_counts() -> None:
    world = World(FOLLOW_RUNS="none")
    calls = counted(world)
    world.pipelines.script(Throttled(error=CloudError(code="429", message="Slow."), retry_after=7))

    await world.deliver()
    resumed = world.requests.messages[0].resume
    world.clock.advance(60.0)
    await world.host.deliver(resumed.to_json().encode(), "m-2")

    assert world.record.status is Status.STARTED
    seen = storage(calls)
    assert seen.pop("requests.messages") == 1  # the test's own look
    assert seen.pop("records.all") == 1
    more = {"requests.enqueue": 1, "records.get": 1, "records.update": 3}
    assert seen == ONE_BY_QUEUE | more
    assert "put, get and delete of a message, and get, merge and merge of the record" in TEXT


async def test_a_run_that_is_followed_costs_what_the_page_counts() -> None:
    world = World()
    calls = counted(world)
    await world.deliver("m-0", requestId="order-0")
    calls.clear()

    await world.deliver()
    started = storage(calls)
    world.clock.advance(20.0)
    world.pipelines.end(world.record_of("order-17").run_id or "")
    calls.clear()
    await world.follow(for_seconds=1.0)
    ended = storage(calls)

    assert started == ONE_BY_QUEUE | {"open_runs.add": 1}
    assert {
        name: calls[name] for name in ended if name.startswith(("open", "out", "audit", "mess"))
    } == {
        "open_runs.listed": 1,
        "open_runs.get": 1,
        "outcomes.record": 1,
        "messages.publish": 1,
        "audit.append": 1,
        "open_runs.remove": 1,
    }
    assert "costs six operations more" in TEXT


def test_its_code_spreads_requests_evenly_and_always_alike() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # the page's own words

    counts = Counter(names["shard"](f"orders-{number}", 8) for number in range(8_000))

    assert counts.keys() == set(range(8))
    assert max(counts.values()) < 1.15 * min(counts.values())
    assert names["shard"]("orders-2026-11-24", 8) == names["shard"]("orders-2026-11-24", 8)
