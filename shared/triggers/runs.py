"""`/api/runs`: starts, shows and lists requests."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import azure.functions as func

from shared.api import headers, views
from shared.auth.policy import Policy
from shared.gateway.gateway import Deferred, Gateway, Reception, unreadable
from shared.gateway.long_poll import LongPoll
from shared.kernel import validation
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import RecordUnreadable
from shared.ports import Audit, Clock, Records, VersionedRecord
from shared.runs import audit_query
from shared.runs.audit_entry import AuditEntry
from shared.runs.caller import Caller
from shared.runs.delivery import Delivery, Source
from shared.runs.request import REQUEST_ID, Rejection, told
from shared.triggers import responses, run_call
from shared.triggers.run_call import RunCall

_REQUEST_ID: Final = re.compile(REQUEST_ID.strip("^$"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The routes that take requests and show what became of them."""

    clock: Clock
    gateway: Gateway
    records: Records
    audit: Audit
    policy: Policy

    async def start(
        self, request: func.HttpRequest, caller: Caller, call_id: str
    ) -> func.HttpResponse:
        """Serve `POST /api/runs`: start the run now, and tell what came of it."""
        delivery = Delivery(id=call_id, source=Source.HTTP)
        call = run_call.read(request, call_id)
        if isinstance(call, Rejection):
            rejected = told(delivery, call)
            return responses.reply(await self.gateway.turn_away(call, rejected, caller.principal))
        delivery = told(delivery, call.request)
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
        beside = {"ETag": views.entity_tag(stored)}
        again = views.retry_after(stored)
        if again is not None:
            beside["Retry-After"] = str(again)
        if headers.is_unchanged(request.headers, beside["ETag"]):
            return responses.unchanged(beside)
        return responses.written((await views.show(stored.record)).to_json(), headers=beside)

    async def list(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `GET /api/runs`: the audit, newest first."""
        query = audit_query.read_query(request.url.partition("?")[2])
        if isinstance(query, CloudError):
            return responses.refusal(query)
        wanted = query.wanted(self.clock.now(), self._may_see(caller))
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
        patience = LongPoll(clock=self.clock, records=self.records)
        return await patience.wait(taken, delivery, since + wait)

    def _may_see(self, caller: Caller) -> Callable[[AuditEntry], bool]:
        def may_see(entry: AuditEntry) -> bool:
            # Of a message that could not be read no pipeline is known: it is for who may start any.
            name = entry.pipeline_name or ""
            workspace = entry.workspace or self.policy.default_workspace
            return self.policy.permits(caller.principal, name, workspace)

        return may_see


async def find(
    records: Records, policy: Policy, request: func.HttpRequest, caller: Caller
) -> VersionedRecord | CloudError:
    """Find the record that a path names, if the caller may start its pipeline."""
    request_id = request.route_params.get("requestId", "")
    if not _REQUEST_ID.fullmatch(request_id):
        bad = validation.fault("$.path.requestId", "The path should name a requestId.")
        return validation.invalid([bad])
    stored = await records.get(request_id)
    if stored is not None:
        record = stored.record
        if policy.permits(caller.principal, record.pipeline_name, record.workspace):
            return stored
    # Also of one that the caller may not read: it does not learn that there is such a request.
    return CloudError(code=Code.NOT_FOUND, message=f"No request {request_id!r} is recorded.")
