"""(record, event, now) → the next record."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.runs import next_step as steps, record as records
from shared.runs.identity import client_request_id
from shared.runs.record import FINAL, HISTORY_LENGTH, Reason, Record, Status
from shared.synapse.reply import Wire
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record, a_request

LATER = NOW + timedelta(seconds=5)
WIRE = Wire(http_status=202, request_id="s-1", correlation_id="s-2")


def test_a_claim_is_starting_with_a_run_id_of_its_own() -> None:
    record = a_record()

    assert record.status is Status.STARTING
    assert record.client_request_id == client_request_id(record.endpoint, "order-17", 1, "n-1")
    assert record.history == (records.Entry(at=NOW, event="claimed", detail="queue m-1"),)
    assert (record.attempts, record.first_sent_at) == (0, None)


@pytest.mark.parametrize(
    ("status", "wait_seconds", "age", "expected"),
    [
        (Status.STARTED, 0.0, 0.0, steps.Answer()),
        (Status.FAILED, 0.0, 9e9, steps.Answer()),
        (Status.REJECTED, 0.0, 0.0, steps.Answer()),
        (Status.STARTING, 0.0, 0.0, steps.Wait(1.0)),
        (Status.STARTING, 0.0, 30.0, steps.Wait(30.0)),
        (Status.STARTING, 0.0, 89.5, steps.Wait(0.5)),
        (Status.STARTING, 0.0, 90.0, steps.Lapsed()),
        (Status.WAITING, 10.0, 4.0, steps.Wait(6.0)),
        (Status.WAITING, 10.0, 10.0, steps.Due()),
        (Status.WAITING, 0.0, 0.0, steps.Due()),
        (Status.UNKNOWN, 0.0, 0.0, steps.Reconcile()),
    ],
)
def test_the_next_step_follows_from_state_and_age(
    status: Status, wait_seconds: float, age: float, expected: steps.Step
) -> None:
    record = a_record(status=status, wait_seconds=wait_seconds)

    assert steps.next_step(record, age, lease=90.0) == expected


def test_a_run_ends_the_request() -> None:
    record = records.start(a_record(error=ERROR), "run-1", "createRun", LATER, WIRE)

    assert (record.status, record.run_id, record.error) == (Status.STARTED, "run-1", None)
    assert (record.attempts, record.http_status, record.service_request_id) == (1, 202, "s-1")
    assert record.service_correlation_id == "s-2"
    assert record.history[-1] == records.Entry(at=LATER, event="createRun", detail="run-1")
    assert (record.finished_at, record.first_sent_at) == (LATER, NOW)


def test_a_run_that_was_found_is_no_further_attempt() -> None:
    lost = records.lose(a_record(), ERROR, LATER)

    assert records.start(lost, "run-1", "found", LATER).attempts == lost.attempts == 1


def test_a_refusal_ends_the_request() -> None:
    record = records.fail(a_record(), ERROR, LATER, Wire(http_status=404))

    assert (record.status, record.error, record.attempts) == (Status.FAILED, ERROR, 1)
    assert (record.first_sent_at, record.finished_at) == (LATER, LATER)


def test_being_throttled_is_a_send_and_no_attempt() -> None:
    record = records.throttle(a_record(), 3.0, ERROR, LATER, Wire(http_status=429))

    assert (record.status, record.wait_seconds) == (Status.WAITING, 3.0)
    assert (record.attempts, record.first_sent_at) == (0, LATER)


def test_what_never_left_is_an_attempt_and_no_send() -> None:
    record = records.retry(a_record(), 3.0, ERROR, LATER)

    assert (record.status, record.wait_seconds) == (Status.WAITING, 3.0)
    assert (record.attempts, record.first_sent_at) == (1, None)


def test_a_lost_answer_is_unknown_since_the_claim() -> None:
    record = records.lose(a_record(), ERROR, LATER)

    assert (record.status, record.attempts, record.first_sent_at) == (Status.UNKNOWN, 1, NOW)
    assert record.error == ERROR
    assert record.history[-1].detail == ERROR.message


def test_the_first_send_is_kept() -> None:
    record = records.throttle(a_record(first_sent_at=NOW), 3.0, ERROR, LATER)

    assert record.first_sent_at == NOW


def test_taking_a_waiting_request_starts_its_lease() -> None:
    record = records.take(records.wait(a_record(), 9.0, Reason.CROWDED, NOW), LATER)

    assert (record.status, record.wait_seconds, record.changed_at) == (Status.STARTING, 0.0, LATER)


@pytest.mark.parametrize(("sent", "status"), [(None, Status.REJECTED), (NOW, Status.FAILED)])
def test_stopping_a_waiting_request_tells_whether_it_was_ever_sent(
    sent: object, status: Status
) -> None:
    record = records.stop(a_record(status=Status.WAITING, first_sent_at=sent), ERROR, LATER)

    assert (record.status, record.error, record.finished_at) == (status, ERROR, LATER)


def test_a_rerun_is_the_next_generation_with_another_run_id() -> None:
    first = records.start(a_record(), "run-1", "createRun", LATER)
    other = DELIVERY.model_copy(update={"id": "m-2"})
    again = records.rerun(first, a_request(), other, "key", LATER, nonce="n-2")

    assert (again.generation, again.status, again.run_id) == (2, Status.WAITING, None)
    assert again.client_request_id == client_request_id(first.endpoint, "order-17", 2, "n-1")
    assert again.history[-1].detail == "generation 2 for queue m-2"
    assert (again.attempts, again.first_sent_at, again.finished_at) == (0, None, None)
    assert (again.delivery, again.principal) == (other, "key")
    assert again.fingerprint == first.fingerprint
    assert [e.event for e in again.history] == ["claimed", "createRun", "rerun"]


def test_a_rerun_of_a_record_without_a_nonce_gets_one() -> None:
    """An earlier version claimed it; its next run must have an id that no other record has."""
    first = records.start(a_record(nonce=None), "run-1", "createRun", LATER)
    again = records.rerun(first, a_request(), DELIVERY, "key", LATER, nonce="n-2")

    assert again.nonce == "n-2"
    assert again.client_request_id == client_request_id(first.endpoint, "order-17", 2, "n-2")


def test_a_withdrawn_request_has_failed_and_tells_when_to_come_again() -> None:
    waiting = records.throttle(a_record(), 9.0, ERROR, NOW, Wire(http_status=429))
    record = records.withdraw(waiting, ERROR, 7.5, LATER)

    assert (record.status, record.error, record.finished_at) == (Status.FAILED, ERROR, LATER)
    assert (record.retry_after, record.wait_seconds) == (7.5, 0.0)
    assert (record.attempts, record.run_id) == (0, None)
    assert record.history[-1].event == "withdrawn"
    assert steps.next_step(record, 9e9, lease=90.0) == steps.Answer()


def test_only_a_request_that_was_withdrawn_is_so() -> None:
    withdrawn = records.withdraw(a_record(), ERROR, 1.0, LATER)
    other = [a_record(), *every_next(a_record()), *every_next(withdrawn)]

    assert records.is_withdrawn(withdrawn)
    assert records.is_withdrawn(replace(withdrawn, history=()))  # it decides nothing
    assert not any(map(records.is_withdrawn, other))


def test_a_withdrawn_request_is_opened_again_as_the_same_generation_of_who_asks_now() -> None:
    """With the same client request id: a run that a 429 hid would be found by it, and not doubled."""
    sent = a_record(generation=3, client_request_id="id-3", attempts=4, first_sent_at=NOW)
    withdrawn = records.withdraw(sent, ERROR, 9.0, LATER)
    other = DELIVERY.model_copy(update={"id": "h-2"})
    again = records.reopen(withdrawn, a_request(), other, "key", LATER)

    assert (again.generation, again.client_request_id, again.nonce) == (3, "id-3", "n-1")
    assert again.fingerprint == withdrawn.fingerprint
    assert (again.status, again.wait_seconds, again.error) == (Status.WAITING, 0.0, None)
    assert (again.delivery, again.principal, again.received_at) == (other, "key", LATER)
    assert (again.attempts, again.first_sent_at, again.finished_at) == (0, None, None)
    assert [e.event for e in again.history] == ["claimed", "withdrawn", "opened again"]
    assert again.history[-1].detail == f"for {other.source} h-2"
    assert not records.is_withdrawn(again)


@pytest.mark.parametrize(
    ("expires", "attempts", "sent_hours_ago", "code"),
    [
        (None, 0, None, None),
        (60, 19, 23, None),
        (-1, 0, None, "RequestExpired"),
        (0, 3, None, "RequestExpired"),
        (-1, 3, 1, "RetriesExhausted"),
        (None, 20, None, "RetriesExhausted"),
        (None, 0, 24, "RetriesExhausted"),
    ],
)
def test_limits(
    expires: int | None, attempts: int, sent_hours_ago: int | None, code: str | None
) -> None:
    request = a_request(
        expiresAt=None if expires is None else (NOW + timedelta(seconds=expires)).isoformat()
    )
    sent = None if sent_hours_ago is None else NOW
    age = 3600.0 * (sent_hours_ago or 0) / 2
    record = a_record(request, attempts=attempts, first_sent_at=sent, sent_seconds=age, error=ERROR)

    reached = steps.limit_reached(record, request, NOW, age, max_attempts=20)

    assert (reached.code if reached else None) == code
    assert reached is None or reached.details == (ERROR,)


@pytest.mark.parametrize(
    ("expires", "attempts", "sent_hours_ago"), [(-1, 3, 1), (None, 20, 1), (None, 0, 24)]
)
def test_a_limit_of_a_request_whose_run_may_exist_leaves_its_outcome_unknown(
    expires: int | None, attempts: int, sent_hours_ago: int
) -> None:
    """UNKNOWN_OUTCOME=resend sends again what nobody could find; Rejected or exhausted would deny the first run."""
    lost = records.lose(a_record(), ERROR, NOW)
    again = records.send_again(lost, "nobody may look", NOW, may_run=True)
    request = a_request(
        expiresAt=None if expires is None else (NOW + timedelta(seconds=expires)).isoformat()
    )
    record = replace(again, attempts=attempts, sent_seconds=3600.0 * sent_hours_ago)

    reached = steps.limit_reached(record, request, NOW, 0.0, max_attempts=20)

    assert reached is not None
    ended = records.stop(record, reached, NOW)
    refused = records.refuse(record, reached, LATER, WIRE)
    assert (refused.changed_at, refused.finished_at, refused.http_status) == (LATER, LATER, 202)
    assert ended.status is Status.FAILED
    assert ended.error is not None
    assert (ended.error.code, ended.error.details) == ("OutcomeUnknown", (reached,))
    assert record.client_request_id in ended.error.message


def test_a_limit_without_an_earlier_error_has_no_details() -> None:
    reached = steps.limit_reached(a_record(attempts=20), a_request(), NOW, 0.0, max_attempts=20)

    assert reached is not None
    assert (reached.message, reached.details) == ("The request was tried 20 times.", ())


def test_a_day_after_its_first_send_a_request_is_given_up() -> None:
    sent = a_record(first_sent_at=NOW, sent_seconds=23 * 3600.0)
    reached = steps.limit_reached(sent, a_request(), NOW, 3600.0, max_attempts=20)

    assert reached is not None
    assert reached.message == "The request was first sent more than 24 hours ago."


def test_the_time_since_the_first_send_is_summed_from_the_ages_between_writes() -> None:
    """By the storage service's own time: the hosts that write may differ by hours."""
    waiting = records.throttle(a_record(), 9.0, ERROR, NOW)
    taken = records.aged(records.take(waiting, NOW), waiting, 9.5)
    again = records.aged(records.throttle(taken, 9.0, ERROR, NOW), taken, 0.5)

    assert records.aged(waiting, a_record(), 100.0).sent_seconds == 0.0
    assert (taken.sent_seconds, again.sent_seconds) == (9.5, 10.0)


def test_a_rerun_counts_its_own_time() -> None:
    ended = records.start(a_record(sent_seconds=99.0), "run-1", "createRun", LATER)
    again = records.rerun(ended, a_request(), DELIVERY, "key", LATER, nonce="n-2")

    assert records.aged(again, ended, 5.0).sent_seconds == 0.0


def test_a_failure_without_an_answer_is_no_send() -> None:
    assert records.fail(a_record(), ERROR, LATER).first_sent_at is None


def test_a_long_detail_is_cut() -> None:
    assert (
        len(records.wait(a_record(), 1.0, Reason.CROWDED, NOW, "x" * 999).history[-1].detail) == 300
    )


def test_a_line_without_a_detail_has_none() -> None:
    assert records.take(a_record(), LATER).history[-1] == records.Entry(
        at=LATER, event="taken", detail=""
    )


def test_a_history_of_just_the_length_is_whole() -> None:
    record = a_record()
    for number in range(HISTORY_LENGTH - 1):
        record = records.wait(record, 1.0, Reason.CROWDED, NOW, str(number))

    assert [entry.detail for entry in record.history[1:]] == [
        str(number) for number in range(HISTORY_LENGTH - 1)
    ]


def test_a_long_history_keeps_its_first_and_last_entries() -> None:
    record = a_record()
    for number in range(100):
        record = records.wait(record, 1.0, Reason.CROWDED, NOW, str(number))

    assert len(record.history) == HISTORY_LENGTH
    assert [entry.detail for entry in record.history[:5]] == ["queue m-1", "0", "1", "2", "80"]
    assert record.history[-1].detail == "99"


def every_next(record: Record) -> list[Record]:
    return [
        records.take(record, LATER),
        records.wait(record, 1.0, Reason.CROWDED, LATER),
        records.throttle(record, 1.0, ERROR, LATER),
        records.retry(record, 1.0, ERROR, LATER),
        records.lose(record, ERROR, LATER),
        records.start(record, "r", "createRun", LATER),
        records.fail(record, ERROR, LATER),
        records.reject(record, ERROR, LATER),
    ]


def test_every_transition_keeps_who_asked_for_what_and_adds_one_line() -> None:
    record = a_record()
    kept: tuple[str, ...] = (
        "request_id",
        "generation",
        "pipeline_name",
        "endpoint",
        "request",
        "fingerprint",
    )
    kept += ("client_request_id", "delivery", "principal", "received_at")

    for after in every_next(record):
        assert all(getattr(after, name) == getattr(record, name) for name in kept)
        assert after.changed_at == LATER
        assert len(after.history) == 2
        assert (after.finished_at is not None) == (after.status in FINAL)
        assert after.wait_seconds == (1.0 if after.status is Status.WAITING else 0.0)
