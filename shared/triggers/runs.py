"""`/api/runs`: starts, shows and lists requests."""

from dataclasses import dataclass

import azure.functions as func

from shared.api import headers, views
from shared.auth.policy import Policy
from shared.following_ports import Outcomes
from shared.gateway import long_poll, visibility
from shared.gateway.gateway import Deferred, Gateway, Reception, unreadable
from shared.gateway.open_run_list import OpenRunList
from shared.gateway.refusal import settles_in
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import RecordUnreadable
from shared.ports import Audit, Clock, Records
from shared.runs import audit_query
from shared.runs.audit_query import RunState
from shared.runs.caller import Caller
from shared.runs.delivery import Delivery, Source
from shared.runs.request import Rejection, refuse, with_ids
from shared.triggers import responses, run_call
from shared.triggers.outcomes import OutcomeRoutes
from shared.triggers.request_path import find
from shared.triggers.run_call import RunCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The routes that take requests, show them and list the audit."""

    clock: Clock
    gateway: Gateway
    records: Records
    recorded: Outcomes
    audit: Audit
    open_runs: OpenRunList
    outcomes: OutcomeRoutes
    policy: Policy

    async def start(
        self, request: func.HttpRequest, caller: Caller, call_id: str
    ) -> func.HttpResponse:
        """Serve `POST /api/runs`: start the run now, and return the outcome."""
        delivery = Delivery(id=call_id, source=Source.HTTP)
        call = run_call.read(request, call_id)
        if isinstance(call, Rejection):
            rejected = with_ids(delivery, call)
            return await self._turn_away(call, rejected, caller)
        delivery = with_ids(delivery, call.request)
        promises = self.outcomes.until_outcome
        obstacle = await promises.obstacle(call.request) if call.until_outcome else None
        if obstacle:
            return await self._turn_away(refuse(call.request, obstacle), delivery, caller)
        try:
            reception = await self._take(call, delivery, caller.principal)
        except RecordUnreadable as error:
            rejection = unreadable(call.request.request_id, error)
            await self.gateway.note(rejection, delivery, caller.principal)
            return responses.refusal(rejection.error)
        if call.until_outcome and reception.record:
            return await self.outcomes.promise(reception.record, call.preference.applied())
        return responses.reply(reception, self.outcomes.links, call.preference.applied())

    async def show(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `GET /api/runs/{requestId}`: the record with its history."""
        stored = await find(request, self.records, self.policy, caller)
        if isinstance(stored, CloudError):
            return responses.refusal(stored)
        record = stored.record
        may_have = record.followed or record.generation > 1
        outcomes = await self.recorded.of_request(record.request_id) if may_have else []
        count = f"-{len(outcomes)}" if outcomes else ""
        beside = {"ETag": f'"{stored.tag}{count}"'}
        again = settles_in(stored)
        if again is not None:
            beside |= responses.after(again)
        if headers.is_unchanged(request.headers, beside["ETag"]):
            return responses.unchanged(beside)
        return responses.written((await views.show(record, outcomes)).to_json(), headers=beside)

    async def list(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `GET /api/runs`: the audit, or the runs that have not ended, newest first."""
        query = audit_query.read_query(request.url.partition("?")[2])
        if isinstance(query, CloudError):
            return responses.refusal(query)
        may_see = visibility.of_audit(self.policy, caller.principal)
        wanted = query.wanted(self.clock.now(), may_see)
        if isinstance(wanted, CloudError):
            return responses.refusal(wanted)
        is_open = query.outcome is RunState.RUNNING
        page = await (self.open_runs if is_open else self.audit).page(wanted)
        token = None if page.end is None else query.token(page.end)
        return responses.written(views.audited(page.entries, token).to_json())

    async def _turn_away(
        self, rejection: Rejection, delivery: Delivery, caller: Caller
    ) -> func.HttpResponse:
        answered = await self.gateway.turn_away(rejection, delivery, caller.principal)
        return responses.reply(answered, self.outcomes.links)

    async def _take(self, call: RunCall, delivery: Delivery, principal: str) -> Reception:
        since, wait = self.clock.monotonic(), call.preference.wait
        if call.preference.at_once:
            return await self.gateway.accept(call.request, delivery, principal)
        taken = await self.gateway.submit(call.request, delivery, principal, recoverable=True)
        if not wait or not isinstance(taken, Deferred):
            return taken
        return await long_poll.wait(self.clock, self.records, taken, delivery, since + wait)
