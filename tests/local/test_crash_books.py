"""The crash harness's books find each way in which the end of a run can be told wrongly."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from local.synapse.client import SeenRun
from shared.runs.identity import client_request_id
from tests.crash.books import Books, balance, too_early
from tests.crash.observed import Observed
from tests.crash.plan import Entry, Posting, Request
from tests.crash.senders import Sent

ENDPOINT = "http://synapse.example"
RUN = client_request_id(ENDPOINT, "order", 1, "nonce")
STARTED, ENDED = "2026-11-26T06:00:00Z", "2026-11-26T06:00:02Z"
RESULT = {
    "resultId": "a",
    "requestId": "order",
    "correlationId": "c",
    "generation": 1,
    "status": "Started",
    "runId": RUN,
    "duplicate": False,
}
OUTCOME = {
    "outcomeId": "b",
    "requestId": "order",
    "generation": 1,
    "runId": RUN,
    "outcome": "Failed",
    "runEnd": ENDED,
    "error": {"code": "RunFailed", "message": "No such file."},
}
KEPT = OUTCOME | {"error": '{"code": "RunFailed", "message": "No such file."}'}
AUDITED = {"event": "outcome", **{name: OUTCOME[name] for name in OUTCOME if name != "error"}}
SENT = Sent(
    posting=Posting(
        request=Request(number=0, pipeline="copy", parameters={}),
        entry=Entry.PLAIN,
        wave=0,
        correlation_id="c",
    ),
    request_id="order",
    accepted=True,
)


def run(**changes: Any) -> SeenRun:
    facts = {
        "runId": RUN,
        "runGroupId": RUN,
        "pipelineName": "copy",
        "parameters": {},
        "status": "Failed",
        "message": "No such file.",
        "runStart": STARTED,
        "runEnd": ENDED,
        "lastUpdated": ENDED,
        "isLatest": True,
        "origin": "createRun",
        "clientRequestId": RUN,
        "referenceRunId": None,
        "startActivityName": None,
        "visible": True,
    }
    return SeenRun.model_validate(facts | changes)


RIGHT = Observed(
    records={
        "order": {
            "requestId": "order",
            "generation": 1,
            "nonce": "nonce",
            "status": "Started",
            "runId": RUN,
            "history": "[]",
            "deliveryCorrelationId": "c",
        }
    },
    results=[RESULT],
    outcomes=[OUTCOME, dict(OUTCOME)],
    kept=[KEPT],
    index=[],
    audit=[{"event": "delivery", "correlationId": "c", "requestId": "order"}, AUDITED],
    runs=[run()],
    calls=[],
)
GOING = {"runEnd": None, "status": "InProgress"}


def balanced(seen: Observed, *, follow: bool = True) -> Books:
    return balance([SENT], seen, ENDPOINT, follow=follow)


def test_an_end_that_is_told_twice_in_the_same_way_is_right() -> None:
    books = balanced(RIGHT)

    assert (books.faults, books.outcomes, books.outcome_messages) == ({}, {"Failed": 1}, 2)


@pytest.mark.parametrize(("put_lost", "faults"), [(False, {"order": ["unsent c"]}), (True, {})])
def test_a_sender_knows_the_id_of_its_message_unless_its_put_had_no_answer(
    put_lost: bool, faults: dict[str, list[str]]
) -> None:
    nameless = replace(SENT.posting, entry=Entry.NAMELESS)
    sent = Sent(posting=nameless, tries=1, put_lost=put_lost)

    assert balance([sent], RIGHT, ENDPOINT).faults == faults


HARMS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "no message": ("untold", {"outcomes": []}),
    "no entity": ("untold", {"kept": []}),
    "no audit entry": ("untold", {"audit": RIGHT.audit[:1]}),
    "two audit entries": ("told two ways", {"audit": [*RIGHT.audit, AUDITED]}),
    "another audit entry": (
        "told two ways",
        {"audit": [RIGHT.audit[0], AUDITED | {"outcome": "Cancelled"}]},
    ),
    "two ids": ("told two ways", {"outcomes": [OUTCOME, OUTCOME | {"outcomeId": "c"}]}),
    "two contents": ("told two ways", {"outcomes": [OUTCOME, OUTCOME | {"durationMs": 1}]}),
    "another time": ("told two ways", {"outcomes": [OUTCOME | {"runEnd": STARTED}]}),
    "another error": (
        "told two ways",
        {"kept": [KEPT | {"error": '{"code": "RunLost", "message": ""}'}]},
    ),
    "another end": ("told two ways", {"runs": [run(status="Succeeded")]}),
    "another run": ("told two ways", {"outcomes": [OUTCOME | {"runId": "other"}]}),
    "no end": ("told early", {"runs": [run(**GOING)]}),
    "in the index": ("left open", {"index": [{"requestId": "order", "runId": RUN}]}),
}


@pytest.mark.parametrize("name", HARMS)
def test_a_wrong_end_is_found(name: str) -> None:
    kind, changes = HARMS[name]

    assert balanced(replace(RIGHT, **changes)).sums[kind] > 0


def test_where_nothing_is_followed_nothing_may_be_told() -> None:
    silent = replace(RIGHT, outcomes=[], kept=[], audit=RIGHT.audit[:1])

    assert balanced(silent, follow=False).balanced
    assert balanced(RIGHT, follow=False).sums["told early"] == 1


def test_an_outcome_of_a_run_that_goes_on_is_early() -> None:
    assert too_early(RIGHT) == []
    assert set(too_early(replace(RIGHT, runs=[run(**GOING)]))) == {"order"}
