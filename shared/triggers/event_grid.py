"""Takes events: each rule that an event matches makes a request, which is recorded and enqueued.

Events come by Event Grid's trigger, by the webhooks (`webhooks.py`), and as messages of the requests queue (Event
Grid's destination "storage queue"). Event Grid drops an event that is refused, so one that is invalid or matches no
rule is audited and acknowledged. Only a storage failure raises; then the event is delivered again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import azure.functions as func

from shared.config.rule import Rule
from shared.events import dry_run, envelope, event as events, rule_engine
from shared.events.envelope import Item
from shared.events.event import Event
from shared.events.rule_engine import Matched
from shared.gateway.gateway import Answered, Gateway, Reception, unreadable
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import RecordUnreadable
from shared.ports import Clock
from shared.runs.delivery import Delivery, Source
from shared.runs.request import Rejection
from shared.runs.result import ResultStatus

#: The principal in the audit of an event that no rule matched.
PRINCIPAL: Final = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One request that a rule has made from an event, and what became of it."""

    rule: str
    request_id: str
    reception: Reception
    duplicate: bool  #: whether an earlier delivery of the same event made it

    @property
    def refusal(self) -> CloudError | None:
        """The error of a request that was rejected; None if it was accepted."""
        reception = self.reception
        if isinstance(reception, Answered) and reception.result.status is ResultStatus.REJECTED:
            return reception.result.error
        return None


class Events:
    """Takes events from every entry point."""

    def __init__(self, *, gateway: Gateway, rules: Sequence[Rule], clock: Clock) -> None:
        self._gateway = gateway
        self._rules = rules
        self._clock = clock

    async def receive(self, event: func.EventGridEvent | func.CloudEvent) -> None:
        """Take one event from Event Grid's trigger."""
        read = events.read(_envelope(event))
        if isinstance(read, Event):
            await self.take(read, arrival(read.id))
        else:
            known = envelope.named(event.id) or "unnamed"
            await self.refuse(Rejection(error=read, request_id=None), arrival(known))

    async def receive_message(self, body: bytes, delivery: Delivery) -> bool:
        """Take the event in a message of the requests queue; False if the message holds none."""
        item = envelope.read_message(body)
        if item is None:
            return False
        await self.take_item(item, delivery)
        return True

    async def take_item(
        self, item: Item, delivery: Delivery, principal: str | None = None
    ) -> list[Taken]:
        """Take one item of a message, or record in the audit why it is no event."""
        if isinstance(item.event, Event):
            return await self.take(item.event, delivery, principal)
        rejection = Rejection(error=item.event, request_id=None, content=item.content)
        if item.named and len(item.named) <= 200:
            delivery = delivery.about(item.named, delivery.traceparent)
        await self.refuse(rejection, delivery, principal)
        return []

    async def take(
        self, event: Event, delivery: Delivery, principal: str | None = None
    ) -> list[Taken]:
        """Record and enqueue one request for each rule that matches.

        Without a principal, the authenticated sender, each rule is the principal of its own request.

        Raises:
            StorageUnavailable: nothing is lost, and the event should come again.
            RecordUnreadable: the record of a request can't be read; those of all other rules were taken. Never for
                a message of the poison queue: the platform would deliver it without an end.
        """
        matches = rule_engine.match(self._rules, event, self._clock.now())
        trace = event.traceparent or delivery.traceparent
        delivery = delivery.about(event.correlation_id, trace)
        if not matches:
            await self.refuse(_unmatched(event), delivery, principal)
        started = [await self._start(matched, delivery, principal) for matched in matches]
        for one in started:
            if isinstance(one, RecordUnreadable):
                raise one
        return [one for one in started if isinstance(one, Taken)]

    def why_not(self, item: Item, taken: Sequence[Taken]) -> dict[str, Any] | None:
        """Return why an event made no request; None if it made one."""
        refused = {one.rule: one.refusal for one in taken}
        errors = {rule: error for rule, error in refused.items() if error is not None}
        if len(errors) < len(refused):
            return None
        return dry_run.why_not(self._rules, item, self._clock.now(), errors)

    async def refuse(
        self, rejection: Rejection, delivery: Delivery, principal: str | None = None
    ) -> None:
        """Record in the audit what starts nothing. No result is published: no sender waits for one."""
        await self._gateway.note(rejection, delivery, principal or PRINCIPAL)

    async def _start(
        self, matched: Matched, delivery: Delivery, principal: str | None
    ) -> Taken | RecordUnreadable:
        asking = principal or matched.principal
        try:
            reception = await self._accept(matched, delivery, asking)
        except RecordUnreadable as error:
            rejection = unreadable(matched.request_id, error)
            if delivery.source is not Source.POISON:
                await self.refuse(rejection, delivery, asking)
                return error
            reception = await self._gateway.turn_away(rejection, delivery, asking)
        return Taken(
            rule=matched.rule,
            request_id=matched.request_id,
            reception=reception,
            duplicate=_is_duplicate(reception, delivery),
        )

    async def _accept(self, matched: Matched, delivery: Delivery, asking: str) -> Reception:
        if not isinstance(matched.outcome, CloudError):
            return await self._gateway.accept(matched.outcome, delivery, asking)
        rejection = Rejection(
            error=matched.outcome,
            request_id=matched.request_id,
            pipeline_name=matched.pipeline_name,
            workspace=matched.workspace,
        )
        # Event Grid may deliver again after the rule has changed; an earlier delivery's run is not taken back.
        return await self._gateway.decline(rejection, delivery, asking)


def arrival(event_id: str) -> Delivery:
    """Identify a delivery by its event: when Event Grid tries again, it is the same delivery."""
    return Delivery(id=event_id, source=Source.EVENT)


def _is_duplicate(reception: Reception, delivery: Delivery) -> bool:
    if isinstance(reception, Answered):
        return reception.result.duplicate
    return not reception.record.delivery.is_same(delivery)


def _envelope(event: func.EventGridEvent | func.CloudEvent) -> dict[str, Any]:
    """Restore the event as it was sent; the library picks its type by the body, not by the annotation."""
    fields: dict[str, Any] = event.to_dict()
    if isinstance(event, func.CloudEvent):
        extensions: dict[str, Any] = fields.pop("extension_attrs")
        # The library sets absent fields to None.
        return extensions | {name: value for name, value in fields.items() if value is not None}
    return {
        "id": event.id,
        "topic": event.topic,
        "subject": event.subject,
        "eventType": event.event_type,
        "eventTime": fields["event_time"],
        "dataVersion": event.data_version,
        "data": event.get_json(),
    }


def _unmatched(event: Event) -> Rejection:
    message = f"No rule of gateway.json matches an event of type {event.type}."
    return Rejection(error=CloudError(code=Code.NOT_FOUND, message=message), request_id=None)
