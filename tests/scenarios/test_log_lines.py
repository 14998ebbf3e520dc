"""What the log says of a request that does not end at once: docs/log.md."""

import asyncio

import pytest

from shared.gateway import delivery_log
from shared.kernel.cloud_error import CloudError
from shared.ports import Echo
from shared.runs import record as records
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Reason, Record
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import NotSent, Reply, Started, Throttled, Unknown
from tests import log_lines
from tests.log_lines import Line
from tests.scenarios.world import ENDPOINT, World, a_request, later
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record

LOST = Unknown(error=CloudError(code="AnswerLost", message="The connection was cut."))


@pytest.fixture(autouse=True)
def every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="run_gateway")


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[Line]:
    return [line for line in log_lines.read("\n".join(caplog.messages)) if line.event == event]


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (Throttled(error=ERROR, retry_after=5.0), "Waiting", "throttled"),
        (NotSent(error=ERROR), "Waiting", "notSent"),
        (LOST, "Unknown", "answerLost"),
    ],
)
async def test_a_deferral_names_its_reason_and_its_length(
    caplog: pytest.LogCaptureFixture, answer: Reply, status: str, reason: str
) -> None:
    world = World()
    world.pipelines.script(answer)

    await world.deliver()

    (line,) = lines(caplog, "delivery_deferred")
    expected = {"requestId": "order-17", "generation": "1", "deliveryId": "m-1", "reason": reason}
    assert expected.items() <= line.fields.items()
    assert line.fields["status"] == status
    assert float(line.fields["seconds"]) > 0


async def test_a_request_whose_time_has_not_come(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    await world.deliver(notBefore=later(world, 3600))

    (line,) = lines(caplog, "delivery_deferred")
    assert (line.fields["reason"], line.fields["seconds"]) == ("notBefore", "3600.0")


async def test_a_request_that_is_left_to_the_queue(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    await world.host.gateway.accept(a_request(), DELIVERY, "key")

    assert [line.fields["reason"] for line in lines(caplog, "delivery_deferred")] == ["accepted"]


async def test_a_request_behind_another_s_429_was_not_answered_429(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=30.0))

    await world.deliver("m-1")
    await world.deliver("m-2", requestId="order-18")

    deferred = lines(caplog, "delivery_deferred")
    assert [line.fields["reason"] for line in deferred] == ["throttled", "resting"]
    (line,) = lines(caplog, "throttled")
    assert (line.fields["requestId"], line.fields["workspace"]) == ("order-17", "default")
    assert float(line.fields["seconds"]) >= 30


async def test_a_request_that_finds_no_place(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.gateway.throttle.PATIENCE", 0.0)
    world = World(MAX_CONCURRENT_CALLS="1")

    async def slow(call: CreateRun) -> Reply:
        for _ in range(50):
            await asyncio.sleep(0)
        return Started(run_id=world.pipelines.start(call).run_id, echoed=True)

    world.pipelines.script(slow)

    await asyncio.gather(world.deliver("m-1"), world.deliver("m-2", requestId="order-18"))

    assert [line.fields["reason"] for line in lines(caplog, "delivery_deferred")] == ["crowded"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (a_record(), "inProgress"),
        (records.send_again(a_record(), "no run", NOW, may_run=False), "sendAgain"),
        (records.wait(a_record(), 1.0, Reason.WAITING, NOW), "waiting"),
    ],
)
def test_what_is_seldom_deferred(
    caplog: pytest.LogCaptureFixture, record: Record, reason: str
) -> None:
    delivery_log.deferred(record, DELIVERY, 1.0, NOW)

    assert [line.fields["reason"] for line in lines(caplog, "delivery_deferred")] == [reason]


@pytest.mark.parametrize(
    ("echo", "starts", "outcome", "code"),
    [
        (Echo.UNKNOWN, True, "found", None),
        (Echo.CONFIRMED, False, "sendAgain", "AnswerLost"),
        (Echo.UNKNOWN, False, "failed", "OutcomeUnknown"),
    ],
)
async def test_a_lost_answer_and_how_it_was_settled(
    caplog: pytest.LogCaptureFixture, echo: Echo, starts: bool, outcome: str, code: str | None
) -> None:
    world = World()
    world.records.echoes[ENDPOINT] = echo
    world.pipelines.script(world.pipelines.behind(LOST) if starts else LOST)

    await world.deliver()
    await world.drain()

    (lost,) = lines(caplog, "answer_lost")
    assert lost.fields["clientRequestId"] == world.record.client_request_id
    assert lost.fields["code"] == "AnswerLost"
    (settled,) = lines(caplog, "answer_settled")
    assert (settled.fields["outcome"], settled.fields.get("code")) == (outcome, code)
    assert int(settled.fields["sinceLostMs"]) >= (0 if starts else 60_000)


async def test_a_process_that_died_left_its_answer_lost(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    claimed = a_record(endpoint=ENDPOINT)
    await world.records.insert(claimed)
    world.clock.advance(100.0)

    await world.deliver()

    assert [line.fields["code"] for line in lines(caplog, "answer_lost")] == ["OutcomeUnknown"]


async def test_the_end_names_message_pipeline_and_times(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=5.0))

    await world.deliver("m-9", pipelineName="copy orders")
    await world.drain()

    (line,) = lines(caplog, "delivery_ended")
    assert line.fields["deliveryId"] == "m-9"
    assert line.fields["pipelineName"] == "copy orders"
    assert int(line.fields["totalMs"]) >= int(line.fields["toStartedMs"]) >= 5000
    assert 'pipelineName="copy orders"' in caplog.text


@pytest.mark.parametrize(("which", "followed"), [("all", "true"), ("none", None)])
async def test_the_end_says_whether_a_line_on_the_run_follows(
    caplog: pytest.LogCaptureFixture, which: str, followed: str | None
) -> None:
    world = World(FOLLOW_RUNS=which)

    await world.deliver()

    assert lines(caplog, "delivery_ended")[0].fields.get("followed") == followed


async def test_no_line_shows_an_id_that_looks_like_a_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The sender of an event or a webhook chooses its delivery's id."""
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    delivery = Delivery(id=f"id {token}", source=Source.EVENT)
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=5.0))

    await world.host.gateway.submit(a_request(), delivery, "key", recoverable=True)
    await world.drain()

    for event in ("delivery_deferred", "delivery_ended"):
        (line,) = lines(caplog, event)
        assert line.fields["deliveryId"] == "id ***"
    assert token not in caplog.text


async def test_many_at_once_have_a_line_each(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    await asyncio.gather(*(world.deliver(f"m-{n}", requestId=f"r-{n}") for n in range(20)))

    assert len({line.fields["requestId"] for line in lines(caplog, "delivery_ended")}) == 20
