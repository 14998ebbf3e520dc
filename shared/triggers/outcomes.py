"""Promises outcomes, and shows them: to a caller whom `access` names, and to whoever has a ticket."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import azure.functions as func

from shared.api import headers, views
from shared.api.links import Links
from shared.auth.policy import Policy
from shared.config.settings import Settings
from shared.gateway.outcome_view import SOONEST, OutcomeState, OutcomeView, Stage
from shared.gateway.tickets import Tickets
from shared.gateway.tracking import FollowPorts, Tracking
from shared.gateway.until_outcome import UntilOutcome
from shared.kernel import validation
from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Clock, Records, TicketKeys
from shared.runs.caller import Caller
from shared.runs.record import Record
from shared.triggers import responses
from shared.triggers.request_path import find

# Every end but success: no poller asks again after it, and all take it for a failure. They try 408, 429 and 5xx again,
# Azure's SDK for Go for ever (Azure/azure-sdk-for-go, issue 22884).
_FAILED: Final = 424
# For an end that nobody will know.
_UNKNOWN: Final = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRoutes:
    """The routes for callers who wait for an outcome."""

    view: OutcomeView
    until_outcome: UntilOutcome
    tickets: Tickets
    links: Links
    records: Records
    policy: Policy

    @classmethod
    def over(
        cls,
        *,
        clock: Clock,
        records: Records,
        ports: FollowPorts,
        keys: TicketKeys,
        tracking: Tracking,
        policy: Policy,
        settings: Settings,
    ) -> Self:
        """Return the routes over these ports."""
        until_outcome = UntilOutcome(
            records=records,
            chains=ports.chains,
            tracking=tracking,
            policy=policy,
            settings=settings,
        )
        view = OutcomeView(
            clock=clock,
            records=records,
            outcomes=ports.outcomes,
            open_runs=ports.open_runs,
            until_outcome=until_outcome,
        )
        return cls(
            view=view,
            until_outcome=until_outcome,
            tickets=Tickets(clock=clock, keys=keys),
            links=Links(address=settings.address),
            records=records,
            policy=policy,
        )

    async def promise(self, record: Record, applied: Mapping[str, str]) -> func.HttpResponse:
        """Answer `POST /api/runs?until=outcome` with 202, also for what has ended: the address says how."""
        await self.until_outcome.promise(record)
        ticket = await self.tickets.issue(record.request_id, record.generation)
        beside = self.links.poll(ticket) | responses.after(SOONEST) | dict(applied)
        return responses.written(views.accepted(record).to_json(), 202, beside)

    async def of_request(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `GET /api/runs/{requestId}/outcome`."""
        stored = await find(request, self.records, self.policy, caller)
        if isinstance(stored, CloudError):
            return responses.refusal(stored)
        wait = headers.wait(request.headers)
        if isinstance(wait, CloudError):
            return responses.refusal(validation.invalid([wait]))
        return await self._answer(await self.view.of_request(stored, wait))

    async def of_ticket(self, request: func.HttpRequest) -> func.HttpResponse:
        """Serve `GET /api/outcomes/{ticket}`."""
        wait = headers.wait(request.headers)
        # Without a word on what is wrong: a preference is a wish.
        state = await self._state(request, 0 if isinstance(wait, CloudError) else wait)
        return await self._answer(state)

    async def operation(self, request: func.HttpRequest) -> func.HttpResponse:
        """Serve `GET /api/operations/{ticket}`: 200, however it ended."""
        state = await self._state(request, 0)
        if state is None:
            return _absent()
        body = views.operation(state).to_json()
        return responses.written(body, headers=await self._again(state))

    async def _state(self, request: func.HttpRequest, wait: int) -> OutcomeState | None:
        ticket = await self.tickets.read(request.route_params.get("ticket", ""))
        return await self.view.of_ticket(ticket, wait) if ticket else None

    async def _answer(self, state: OutcomeState | None) -> func.HttpResponse:
        if state is None:
            return _absent()
        body = views.outcome(state).to_json()
        return responses.written(body, _status(state), await self._again(state))

    async def _again(self, state: OutcomeState) -> dict[str, str]:
        """Return the headers of an answer after which the caller asks again: its ticket is renewed."""
        if state.retry_after is None:
            return {}
        after = responses.after(state.retry_after)
        if self.links.address is None:
            return after
        ticket = await self.tickets.issue(state.request_id, state.generation)
        return after | self.links.poll(ticket)


def _status(state: OutcomeState) -> int:
    if state.retry_after is not None:
        return 202
    if state.stage is Stage.SUCCEEDED:
        return 200
    is_unknown = state.error is not None and state.error.code == Code.INVALID_STATE
    return _UNKNOWN if is_unknown else _FAILED


def _absent() -> func.HttpResponse:
    """Answer for what is forged, expired or gone, in the same words."""
    return responses.refusal(CloudError(code=Code.NOT_FOUND, message="There is no such outcome."))
