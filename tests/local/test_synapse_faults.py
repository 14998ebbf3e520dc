from typing import Any

import pytest
from pydantic import ValidationError

from local.faults import Cut, Delay, Faults
from local.synapse.faults import Answer, Facts, Fault, Match, Point, matches
from local.synapse.routes import Operation

FACTS = Facts(
    operation=Operation.CREATE_RUN,
    pipeline="copy",
    client_request_id="315eaa5c-77e7-d429-073f-a3e1cd2d0aa4",
    parameters={"n": 1, "day": None},
)


def met(fault: Fault, requests: int, *, seed: int = 0) -> list[bool]:
    """Say which of so many equal requests a fault meets."""
    faults = Faults[Fault, Facts](matches, seed)
    faults.add(fault)
    return [bool(faults.due(FACTS, {fault.point})) for _ in range(requests)]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({}, True),
        ({"operation": "createRun"}, True),
        ({"operation": "token"}, False),
        ({"operation": ["createRun", "getRun"]}, True),
        ({"operation": ["cancelRun", "getRun"]}, False),
        ({"pipeline": "copy"}, True),
        ({"pipeline": "other"}, False),
        ({"client_request_id": "315EAA5C77E7D429073FA3E1CD2D0AA4"}, True),
        ({"client_request_id": "x"}, False),
        ({"run_id": "x"}, False),
        ({"parameters": {"n": 1}}, True),
        ({"parameters": {"n": 1, "day": None}}, True),
        ({"parameters": {"n": 2}}, False),
        ({"parameters": {"missing": None}}, False),
        ({"operation": "createRun", "pipeline": "copy", "parameters": {"n": 2}}, False),
    ],
)
def test_all_that_is_named_has_to_match(match: dict[str, Any], expected: bool) -> None:
    """What is not named may be anything."""
    assert matches(Match.model_validate(match), FACTS) is expected


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(act=Cut()), [True, False, False, False]),
        (Fault(act=Cut(), times=2), [True, True, False, False]),
        (Fault(act=Cut(), times=None), [True, True, True, True]),
        (Fault(act=Cut(), match=Match(nth=3)), [False, False, True, False]),
        (Fault(act=Cut(), match=Match(nth=2), times=None), [False, True, True, True]),
    ],
)
def test_a_fault_meets_so_many_requests_from_the_nth_on(fault: Fault, expected: list[bool]) -> None:
    """Once, unless said otherwise."""
    assert met(fault, 4) == expected


def test_chance_is_the_same_with_the_same_seed() -> None:
    """So that a failing scenario can be repeated."""
    fault = Fault(act=Cut(), probability=0.5, times=None)

    assert met(fault, 50) == met(fault, 50)
    assert met(fault, 50) != met(fault, 50, seed=1)
    assert 15 < sum(met(fault, 50)) < 35


def test_only_the_points_asked_for_count() -> None:
    """A request passes each point once."""
    faults = Faults[Fault, Facts](matches)
    faults.add(Fault(act=Cut(), point=Point.CREATED))

    assert faults.due(FACTS, {Point.RECEIVED}) == []
    assert len(faults.due(FACTS, {Point.CREATED})) == 1
    assert [(one.matched, one.applied) for one in faults.standing] == [(1, 1)]


def test_faults_come_in_order_and_go_by_number() -> None:
    """Several may meet one request."""
    faults = Faults[Fault, Facts](matches)
    first = faults.add(Fault(act=Delay(seconds=1), times=None))
    faults.add(Fault(act=Cut(), times=None))

    assert [type(one.act) for one in faults.due(FACTS, {Point.RECEIVED})] == [Delay, Cut]
    faults.remove(first)
    assert [type(one.act) for one in faults.due(FACTS, {Point.RECEIVED})] == [Cut]
    faults.remove(None)
    assert not faults


@pytest.mark.parametrize(
    "asked",
    [
        {"act": {"do": "answer"}, "point": "headers"},
        {"act": {"do": "answer"}, "point": "answerBody"},
        {"act": {"do": "cut"}, "point": "headers", "match": {"parameters": {"n": 1}}},
        {"act": {"do": "delay", "seconds": 1}, "point": "accepted"},
        {"act": {"do": "live"}},
        {"act": {"do": "live"}, "match": {"operation": "getRun"}},
        {"act": {"do": "live"}, "match": {"operation": "createRun"}, "point": "created"},
        {"act": {"do": "live", "outcome": "Suceeded"}, "match": {"operation": "createRun"}},
        {"act": {"do": "explode"}},
        {"act": {"do": "cut", "how": "gently"}},
        {"act": {"do": "cut"}, "times": 0},
        {"act": {"do": "cut"}, "probability": 0},
        {"act": {"do": "cut"}, "match": {"pipelin": "copy"}},
    ],
)
def test_what_can_not_happen_can_not_be_asked_for(asked: dict[str, Any]) -> None:
    """A typo must not become a test that tests nothing."""
    with pytest.raises(ValidationError):
        Fault.model_validate(asked)


def test_a_fault_can_be_written_as_json() -> None:
    """In camelCase."""
    text = '{"match":{"clientRequestId":"x"},"act":{"do":"answer","status":429,"retryAfterDate":2}}'

    assert Fault.model_validate_json(text).act == Answer(status=429, retry_after_date=2)
