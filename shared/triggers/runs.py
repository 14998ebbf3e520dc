"""`/api/runs`: starts, shows and lists requests."""

import re
from dataclasses import dataclass
from typing import Final

import azure.functions as func

from shared.api import headers, views
from shared.auth.policy import Policy
from shared.gateway import long_poll, visibility
from shared.gateway.gateway import Deferred, Gateway, Reception, unreadable
from shared.gateway.refusal import settles_in
from shared.kernel import validation
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import RecordUnreadable
from shared.ports import Audit, Clock, Records, VersionedRecord
from shared.runs import audit_query
from shared.runs.caller import Caller
from shared.runs.delivery import Delivery, Source
from shared.runs.request import REQUEST_ID, Rejection, with_ids
from shared.triggers import responses, run_call
from shared.triggers.run_call import RunCall

_REQUEST_ID: Final = re.compile(REQUEST_ID.strip("^$"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The routes that take requests, show them and list the audit."""

    clock: Clock
    gateway: Gateway
    records: Records
    audit: Audit
    policy: Policy

    async def start(
        self, request: func.HttpRequest, caller: Caller, call_id: str
    ) -> func.HttpResponse:
        """Serve `POST /api/runs`: start the run now, and return the outcome."""
        delivery = Delivery(id=call_id, source=Source.HTTP)
        call = run_call.read(request, call_id)
        if isinstance(call, Rejection):
            rejected = with_ids(delivery, call)
            return responses.reply(await self.gateway.turn_away(call, rejected, caller.principal))
        delivery = with_ids(delivery, call.request)
        try:
            reception = await self._take(call, delivery, caller.principal)
        except RecordUnreadable as error:
            rejection = unreadable(call.request.request_id, error)
            await self.gateway.note(rejection, delivery, caller.principal)
            return responses.refusal(rejection.error)
        return responses.reply(reception, call.preference.applied())

    async def show(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `GET /api/runs/{requestId}`: the record with its history."""
        stored = await find(self.records, self.policy, request, caller)
        if isinstance(stored, CloudError):
            return responses.refusal(stored)
        beside = {"ETag": f'"{stored.tag}"'}
        again = settles_in(stored)
        if again is not None:
            beside |= responses.after(again)
        if headers.is_unchanged(request.headers, beside["ETag"]):
            return responses.unchanged(beside)
        return responses.written((await views.show(stored.record)).to_json(), headers=beside)

    async def list(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `GET /api/runs`: the audit, newest first."""
        query = audit_query.read_query(request.url.partition("?")[2])
        if isinstance(query, CloudError):
            return responses.refusal(query)
        may_see = visibility.of_audit(self.policy, caller.principal)
        wanted = query.wanted(self.clock.now(), may_see)
        if isinstance(wanted, CloudError):
            return responses.refusal(wanted)
        page = await self.audit.page(wanted)
        token = None if page.end is None else query.token(page.end)
        return responses.written(views.audited(page.entries, token).to_json())

    async def _take(self, call: RunCall, delivery: Delivery, principal: str) -> Reception:
        since, wait = self.clock.monotonic(), call.preference.wait
        if call.preference.at_once:
            return await self.gateway.accept(call.request, delivery, principal)
        taken = await self.gateway.submit(call.request, delivery, principal, recoverable=True)
        if not wait or not isinstance(taken, Deferred):
            return taken
        return await long_poll.wait(self.clock, self.records, taken, delivery, since + wait)


async def find(
    records: Records, policy: Policy, request: func.HttpRequest, caller: Caller
) -> VersionedRecord | CloudError:
    """Find the request that a path names, if the caller may see it."""
    request_id = request.route_params.get("requestId", "")
    if not _REQUEST_ID.fullmatch(request_id):
        bad = validation.fault("$.path.requestId", "The path should name a requestId.")
        return validation.invalid([bad])
    return await visibility.find(records, policy, request_id, caller.principal)
