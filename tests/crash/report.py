"""Shows the books."""

import json
from collections import Counter
from collections.abc import Iterator

from tests.crash.books import Books
from tests.crash.kills import Harm
from tests.crash.observed import Entity, history
from tests.crash.play import Reckoning
from tests.crash.storm import Weather

KINDS = (
    *("lost", "doubled", "contradictory", "unanswered", "unaudited"),
    *("untold", "told two ways", "told early", "left open", "poisoned", "not quiet"),
)
SHOWN = 10  # requests in full; more would say no more


def books(reckoning: Reckoning) -> Iterator[str]:
    """The sums."""
    one = reckoning.books
    yield f"requests            {one.requests} (and {one.untaken} that never arrived: no answer, no claim, not asked again)"
    yield f"deliveries          {one.deliveries}, of which {one.duplicates} answered as duplicates"
    yield f"runs                {one.runs}"
    yield f"records             {_counts(one.states)}"
    yield f"outcomes            {_counts(one.outcomes)}, in {one.outcome_messages} messages"
    yield f"answers lost        {one.lost_answers} (OutcomeUnknown; an operator settled them)"
    yield f"messages received again  {reckoning.received_again}"
    for kind in KINDS:
        yield f"{kind:<19} {one.sums[kind]}"
    yield f"duration            {reckoning.seconds:.0f} s"
    yield "THE BOOKS BALANCE" if one.balanced else "THE BOOKS DO NOT BALANCE"


def harm(done: Harm) -> Iterator[str]:
    """What was done to the hosts."""
    yield f"kills               {done.kills.total()}"
    for step, number in sorted(done.kills.items()):
        yield f"  {step:<30} {number}"
    yield f"stops               {done.stops.total()}"
    for step, number in sorted(done.stops.items()):
        yield f"  {step:<30} {number}"
    starts = sorted(done.restart_seconds)
    yield (
        f"starts              {len(starts)}, each {starts[len(starts) // 2]:.2f} s in the median, "
        f"{starts[-1]:.2f} s at the most"
    )


def weather(seen: Weather) -> Iterator[str]:
    """What a workspace saw that throttles."""
    yield f"createRun calls     {seen.calls}, of which {seen.refused} were answered 429"
    latest = f", the latest {seen.early[-1] * 1000:.0f} ms after" if seen.early else ""
    yield f"under way when a 429 was read  {len(seen.early)}{latest}"


def offenders(reckoning: Reckoning) -> Iterator[str]:
    """Each request that does not add up, with all that is known of it."""
    for request_id, faults in list(reckoning.books.faults.items())[:SHOWN]:
        yield f"--- {request_id}: {'; '.join(faults)}"
        record = reckoning.seen.records.get(request_id)
        yield from _record(record) if record else ["    no record"]
        for told in (*reckoning.seen.results, *reckoning.seen.outcomes):
            if told["requestId"] == request_id:
                yield f"    {'result' if 'resultId' in told else 'outcome'} {json.dumps(told)}"
        wanted = record and record["clientRequestId"]
        for call in reckoning.seen.calls:
            if call.client_request_id == wanted:
                yield (
                    f"    createRun {call.seq} at {call.time} for {call.seconds} s: "
                    f"{call.status} {call.cut or ''} {call.run_id}"
                )
    more = len(reckoning.books.faults) - SHOWN
    if more > 0:
        yield f"--- and {more} more"


def summary(one: Books) -> str:
    """The books in a line, for a test that failed."""
    return f"{dict(one.sums)} {dict(one.faults)}"


def _record(record: Entity) -> Iterator[str]:
    shown = {k: v for k, v in record.items() if not k.startswith(("history", "request0"))}
    yield f"    record {json.dumps(shown, default=str)}"
    for entry in history(record):
        yield f"    {entry['at']} {entry['event']}: {entry['detail']}"


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counted.items()))
