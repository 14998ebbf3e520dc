"""The books at the end of a story: what has to be true, whatever the weather was."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from shared.runs.record import FINAL, Record, Status
from shared.runs.result import RunResult
from tests.explorer.ground import Ground
from tests.explorer.story import Visit

#: A caller was told to come again, or an operator may say more later: other news may follow.
PROVISIONAL = frozenset({"Throttled", "GatewayUnavailable", "OutcomeUnknown", "RequestCancelled"})


class Books:
    """Balances one story; each fault is kept with the ground."""

    def __init__(self, ground: Ground, visits: Iterable[Visit]) -> None:
        self._ground = ground
        self._blame = ground.blame
        self._visits = list(visits)
        self._records = {record.request_id: record for record in ground.records.standing()}
        self._results: dict[str, list[RunResult]] = defaultdict(list)
        for result in ground.results.published:
            for mark in {result.correlation_id, result.traceparent} - {None}:
                self._results[str(mark)].append(result)

    def balance(self) -> None:
        """Blame whatever does not balance."""
        self._count_runs()
        for record in self._records.values():
            self._judge(record)
        for visit in self._visits:
            self._see_answered(visit)
        self._see_audited()
        self._compare_news()

    def _count_runs(self) -> None:
        """Never two runs of one generation, and no run of nobody."""
        counts: Counter[tuple[str, int, int]] = Counter()
        sent_as = self._ground.records.sent_as
        for run in self._ground.workspace.runs:
            known = sent_as.get(run.call.client_request_id, set())
            counts.update(known)
            if not known:
                self._blame("doubled: a run that no record has asked for")
        for sent in sent_as.values():
            if len(sent) > 1:
                self._blame(f"shared: {sorted(sent)} have one client request id")
        resends = not self._ground.workspace.echoes and "resend" in self._ground.weather.features
        for key, count in counts.items():
            if count > 1 and not resends:
                self._blame(f"doubled: {key} has {count} runs")

    def _judge(self, record: Record) -> None:
        """A final record, in time, that says the truth about its run."""
        if record.request_id in self._ground.nameless:
            return  # it was answered under another id: that a run may exist
        if record.status not in FINAL:
            self._blame(f"orphan: {record.request_id} is {record.status} for ever")
            return
        runs = self._runs(record)
        if record.status is Status.STARTED and record.run_id not in runs:
            self._blame(f"lost: {record.request_id} is Started without a run")
        uncertain = record.error is not None and record.error.code == "OutcomeUnknown"
        said = any(entry.event.startswith("resolved by") for entry in record.history)
        said = said or "no run was started" in (record.error.message if record.error else "")
        if record.status is not Status.STARTED and runs and not (uncertain or said):
            self._blame(f"contradictory: {record.request_id} is {record.status} and has a run")

    def _runs(self, record: Record) -> set[str]:
        key = (
            record.request_id,
            self._ground.records.inserted[record.request_id],
            record.generation,
        )
        sent_as = self._ground.records.sent_as
        return {
            run.run_id
            for run in self._ground.workspace.runs
            if key in sent_as.get(run.call.client_request_id, set())
        }

    def _see_answered(self, visit: Visit) -> None:
        """Every accepted delivery, and every owner of a record, is answered; no conflict is made up."""
        results = self._results[visit.mark]
        if self._is_owed(visit) and not results:
            self._blame(f"unanswered: {visit.mark} ({visit.kind})")
        record = self._records.get(str(visit.fields.get("requestId")))
        conflicts = any(one.error and one.error.code == "RequestIdConflict" for one in results)
        # Of a record that is gone nobody can tell any more what it asked for.
        first = record is not None and self._ground.records.inserted[record.request_id] == 1
        if record is not None and first and conflicts and "parameters" in visit.fields:
            theirs = b'"variant":%d' % visit.fields["parameters"]["variant"]
            if theirs in record.request:
                self._blame(f"false: {visit.mark} is told of a conflict with its own request")

    def _is_owed(self, visit: Visit) -> bool:
        """Tell whether the gateway answers for a delivery: its sender, or a record, relies on it."""
        owner = visit.mark in self._ground.records.owners
        return visit.accepted or (owner and visit.told is None)

    def _see_audited(self) -> None:
        """Each delivery that has its answer stands in the audit, and its asker."""
        entries = self._ground.audit.entries
        audited = {mark for entry in entries for mark in (entry.correlation_id, entry.traceparent)}
        for visit in self._visits:
            told = visit.told is not None and visit.kind != "rerun"
            ended = told or (self._is_owed(visit) and self._results[visit.mark])
            if ended and visit.mark not in audited:
                self._blame(f"unaudited: {visit.mark} ({visit.kind})")
        if "principals" in self._ground.weather.features:
            self._see_askers()

    def _see_askers(self) -> None:
        entries = self._ground.audit.entries
        named = {entry.correlation_id for entry in entries if entry.principal}
        for entry in entries:
            if entry.generation and entry.principal is None and entry.correlation_id not in named:
                self._blame(f"anonymous: the audit of {entry.correlation_id} names no principal")

    def _compare_news(self) -> None:
        """Equal result ids are the same news, and one generation has one end."""
        by_id: dict[str, set[object]] = defaultdict(set)
        ends: dict[tuple[str, int], set[object]] = defaultdict(set)
        for result in self._ground.results.published:
            code = result.error.code if result.error else None
            news = (result.status, result.run_id, code, result.request_id, result.generation)
            by_id[result.result_id].add(news)
            if result.request_id and result.generation and code not in PROVISIONAL:
                ends[result.request_id, result.generation].add(news[:3])
        for result_id, different in by_id.items():
            if len(different) > 1:
                self._blame(f"contradictory: {different} have one result id {result_id}")
        resolved = {
            record.request_id
            for record in self._records.values()
            if any(entry.event.startswith("resolved by") for entry in record.history)
        }
        for (request_id, generation), told in ends.items():
            # An id whose record is gone may be used again, and end anew.
            ends_allowed = max(1, self._ground.records.inserted[request_id])
            if len(told) > ends_allowed and request_id not in resolved:
                self._blame(f"contradictory: {request_id}, {generation} ended as {told}")
