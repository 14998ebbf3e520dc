"""The books of a play: what was sent, held against what can be seen in the end.

Every valid request has exactly one run; every delivery has a result and an audit entry; all results of one request and
generation agree with one another, with the record and with the workspace; nothing is Failed that has a run. The end of
every run that is followed is told in one way: by messages, the entity beside the record and one audit entry.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.synapse.client import SeenRun
from shared.runs.identity import client_request_id
from tests.crash.observed import Entity, Observed, error_code, history
from tests.crash.plan import Entry
from tests.crash.senders import Sent

type News = tuple[str, str | None, str | None]  # status, run id, error code

OUTCOME = "outcome"  #: the event of an audit entry
#: What a message and its entity have in common, but for times and the error.
CONTENT = (
    *("outcomeId", "requestId", "generation", "runId", "runGroupId", "outcome", "pipelineName"),
    *("workspace", "source", "correlationId", "traceparent", "monitorUrl"),
)
LOST_ANSWER: News = ("Failed", None, "OutcomeUnknown")


@dataclass(slots=True, kw_only=True)
class Books:
    """The sums, and what is wrong with which request."""

    requests: int = 0
    deliveries: int = 0
    untaken: int = (
        0  #: their callers over HTTP got no answer and did not ask again, and no claim had landed
    )
    runs: int = 0
    states: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0  #: deliveries that were answered as duplicates
    lost_answers: int = 0  #: OutcomeUnknown, at some time
    outcomes: Counter[str] = field(default_factory=Counter)
    outcome_messages: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def balanced(self) -> bool:
        return not self.faults

    def blame(self, request_id: str, kind: str, what: str = "") -> None:
        self.sums[kind] += 1
        self.faults[request_id].append(f"{kind} {what}".strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One request and all that belongs to it."""

    request_id: str
    sent: Sequence[Sent]
    record: Entity | None
    results: Sequence[dict[str, Any]]
    runs: Sequence[SeenRun]
    told: Sequence[dict[str, Any]]  #: outcome messages
    kept: Sequence[Entity]  #: outcomes beside the record
    audited: Sequence[Entity]  #: outcomes in the audit

    @property
    def taken(self) -> bool:
        return self.record is not None or any(sent.accepted for sent in self.sent)

    def owed(self) -> Iterator[Sent]:
        """The deliveries that have to have an answer."""
        claimed_by = (self.record or {}).get("deliveryCorrelationId")
        for sent in self.sent:
            if sent.accepted or sent.posting.correlation_id == claimed_by:
                yield sent


def balance(
    sent: Iterable[Sent],
    observed: Observed,
    endpoint: str,
    *,
    alone: bool = True,
    follow: bool = True,
) -> Books:
    """Balance the books.

    Args:
        sent: every delivery.
        observed: what can be seen in the end.
        endpoint: of the workspace.
        alone: whether every run there should belong to one of these requests.
        follow: whether runs were followed.
    """
    books = Books()
    cases = list(_cases(sent, observed, endpoint))
    audited = _audited(observed)
    for case in cases:
        if not case.taken:
            books.untaken += 1
            continue
        books.requests += 1
        books.deliveries += sum(1 for _ in case.owed())
        _judge_runs(books, case)
        _judge_news(books, case)
        _judge_answers(books, case, audited)
        _judge_outcomes(books, case, follow=follow)
    known = {run.run_id for case in cases for run in case.runs}
    books.runs = len(known)
    for run in observed.runs:
        if alone and run.run_id not in known:
            books.runs += 1
            books.blame(f"run {run.run_id}", "doubled", "a run of no request")
    books.outcome_messages = len(observed.outcomes)
    for outcome in (*observed.outcomes, *observed.kept):
        if outcome["runId"] not in known:
            books.blame(outcome["requestId"], "told two ways", "of a run that is not its own")
    for one in observed.index:
        books.blame(one["requestId"], "left open", one["runId"])
    books.duplicates = len({r["correlationId"] for r in observed.results if r["duplicate"]})
    return books


def too_early(observed: Observed) -> list[str]:
    """Find requests whose run has an outcome and no end."""
    ended = {run.run_id for run in observed.runs if run.run_end is not None}
    told = (*observed.outcomes, *observed.kept)
    return [one["requestId"] for one in told if one["runId"] not in ended]


def _cases(sent: Iterable[Sent], observed: Observed, endpoint: str) -> Iterator[_Case]:
    by_request: defaultdict[int, list[Sent]] = defaultdict(list)
    for one in sent:
        by_request[one.posting.request.number].append(one)
    ids = _ids(observed)
    results = _by_request(observed.results)
    told = _by_request(observed.outcomes)
    kept = _by_request(observed.kept)
    audited = _by_request(one for one in observed.audit if one["event"] == OUTCOME)
    runs: defaultdict[str | None, list[SeenRun]] = defaultdict(list)
    for run in observed.runs:
        runs[run.client_request_id].append(run)
    for number, group in by_request.items():
        named = next((one.request_id for one in group if one.request_id), None)
        request_id = named or ids.get(group[0].posting.correlation_id) or f"request {number}"
        record = observed.records.get(request_id)
        generations = range(1, 1 + (record["generation"] if record else 1))
        nonce = record["nonce"] if record else ""
        sent_as = [client_request_id(endpoint, request_id, each, nonce) for each in generations]
        yield _Case(
            request_id=request_id,
            sent=group,
            record=record,
            results=results[request_id],
            runs=[run for one in sent_as for run in runs[one]],
            told=told[request_id],
            kept=kept[request_id],
            audited=audited[request_id],
        )


def _by_request(found: Iterable[dict[str, Any]]) -> defaultdict[str, list[dict[str, Any]]]:
    by_request: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        by_request[one["requestId"]].append(one)
    return by_request


def _ids(observed: Observed) -> dict[str, str]:
    """Find which request a delivery made, where its sender could not know."""
    told = [(r.get("deliveryCorrelationId"), r["requestId"]) for r in observed.records.values()]
    told += [(r.get("correlationId"), r.get("requestId")) for r in observed.results]
    return {correlation: name for correlation, name in told if correlation and name}


def _judge_runs(books: Books, case: _Case) -> None:
    if not case.runs:
        books.blame(case.request_id, "lost")
    if len(case.runs) > 1:
        books.blame(case.request_id, "doubled", f"{len(case.runs)} runs")
    status = "absent" if case.record is None else str(case.record["status"])
    books.states[status] += 1
    if case.runs and status != "Started":
        books.blame(case.request_id, "contradictory", f"it has a run and is {status}")


def _judge_news(books: Books, case: _Case) -> None:
    if case.record is None:
        return
    stands = _news_of_record(case.record)
    by_generation: defaultdict[int, set[News]] = defaultdict(set)
    for result in case.results:
        by_generation[int(result.get("generation") or 0)].add(_news(result))
    books.lost_answers += any(LOST_ANSWER in news for news in by_generation.values())
    resolved = any(entry["event"].startswith("resolved by") for entry in history(case.record))
    resolved = resolved or case.record["generation"] > 1
    for generation, found in by_generation.items():
        news = found - {LOST_ANSWER} if resolved else found
        is_last = generation == case.record["generation"]
        if len(news) > 1 or (is_last and not news <= {stands}) or not generation:
            books.blame(case.request_id, "contradictory", f"results {found}, record {stands}")
    if stands[1] and stands[1] not in {run.run_id for run in case.runs}:
        books.blame(case.request_id, "contradictory", f"the workspace has no run {stands[1]}")
    for answer in (answer for sent in case.sent for answer in sent.answers):
        if answer.get("runId") not in {None, stands[1]}:
            books.blame(case.request_id, "contradictory", f"HTTP answered {answer['runId']}")


def _judge_answers(books: Books, case: _Case, audited: set[str | None]) -> None:
    answered = {result.get("correlationId") for result in case.results}
    for sent in case.owed():
        name = sent.posting.correlation_id
        if name not in answered:
            books.blame(case.request_id, "unanswered", name)
        if name not in audited:
            books.blame(case.request_id, "unaudited", name)
        knows = sent.posting.entry is not Entry.EVENT and not sent.put_lost
        if knows and sent.request_id is None:
            books.blame(case.request_id, "unsent", name)


def _judge_outcomes(books: Books, case: _Case, *, follow: bool) -> None:
    """Hold what is told of a run's end, in three places, against the workspace."""
    places = {"message": case.told, "entity": case.kept, "audit": case.audited}
    ended = [run for run in case.runs if run.run_end is not None] if follow else []
    if not ended:
        told = [place for place, found in places.items() if found]
        if told:
            books.blame(case.request_id, "told early", f"{told}")
        return
    for place, found in places.items():
        if not found:
            books.blame(case.request_id, "untold", f"no {place}")
    record = case.record or {}
    truth = {
        (record.get("generation"), run.run_id, run.status, _time(run.run_end)) for run in ended
    }
    meant = {_meaning(one) for one in (*case.told, *case.kept)}
    audited = {(one["generation"], one["runId"], one["outcome"]) for one in case.audited}
    if not meant <= truth or len(meant) > 1 or not audited <= {one[:3] for one in meant}:
        what = f"{meant}, the audit {audited}, the workspace {truth}"
        books.blame(case.request_id, "told two ways", what)
    contents = {_content(one) for one in (*case.told, *case.kept)}
    if len({json.dumps(one, sort_keys=True) for one in case.told}) > 1 or len(contents) > 1:
        books.blame(case.request_id, "told two ways", f"{contents}")
    if max(len(case.kept), len(case.audited)) > 1:
        books.blame(case.request_id, "told two ways", "several entities or audit entries")
    books.outcomes.update({str(meaning[2]) for meaning in meant})


def _meaning(outcome: dict[str, Any]) -> tuple[object, ...]:
    return outcome["generation"], outcome["runId"], outcome["outcome"], _time(outcome.get("runEnd"))


def _content(outcome: dict[str, Any]) -> tuple[str, ...]:
    """Return what a message and an entity have in common, in one form."""
    error = outcome.get("error") or {}
    error = json.loads(error) if isinstance(error, str) else error
    details = [(one["code"], one["message"]) for one in error.get("details") or ()]
    texts = (str(outcome.get(name) or "") for name in CONTENT)
    return (
        *texts,
        _time(outcome.get("runEnd")),
        f"{error.get('code')} {error.get('message')} {details}",
    )


def _time(value: str | datetime | None) -> str:
    if value is None:
        return ""
    time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def _audited(observed: Observed) -> set[str | None]:
    """The deliveries whose end is in the audit; that a recovery message found no record is none."""
    return {
        entry.get("correlationId")
        for entry in observed.audit
        if entry["event"] != OUTCOME and entry.get("errorCode") != "NotFound"
    }


def _news(result: dict[str, Any]) -> News:
    return result["status"], result.get("runId"), (result.get("error") or {}).get("code")


def _news_of_record(record: Entity) -> News:
    return record["status"], record.get("runId") or None, error_code(record)
