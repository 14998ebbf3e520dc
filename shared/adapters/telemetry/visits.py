"""The gateway, each visit of a request in a span of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import override

from opentelemetry.trace import Span

from shared.adapters.telemetry import quiet, spans
from shared.gateway.attempt import Attempt, Exhausted
from shared.gateway.gateway import Answered, Deferred, Gateway, Reception
from shared.gateway.runner import OnOpen
from shared.ports import VersionedRecord
from shared.redaction import patterns
from shared.runs.delivery import Delivery, Source
from shared.runs.request import Rejection, Resume, RunRequest
from shared.runs.result import ResultStatus


class TracedGateway(Gateway):
    """Takes each delivery as `Gateway` does; one without a trace gets that of its visit."""

    @override
    async def submit(
        self,
        request: RunRequest,
        delivery: Delivery,
        principal: str,
        *,
        recoverable: bool = False,
        on_open: OnOpen | None = None,
    ) -> Reception:
        with self._visit("process", delivery, request.request_id) as visit:
            return visit.end(
                await super().submit(
                    request, visit.delivery, principal, recoverable=recoverable, on_open=on_open
                )
            )

    @override
    async def accept(self, request: RunRequest, delivery: Delivery, principal: str) -> Reception:
        with self._visit("accept", delivery, request.request_id) as visit:
            return visit.end(await super().accept(request, visit.delivery, principal))

    @override
    async def decline(self, rejection: Rejection, delivery: Delivery, principal: str) -> Reception:
        with self._visit("decline", delivery, rejection.request_id) as visit:
            return visit.end(await super().decline(rejection, visit.delivery, principal))

    @override
    async def exhaust(
        self, request: RunRequest, delivery: Delivery, principal: str, exhausted: Exhausted
    ) -> Reception:
        with self._visit("exhaust", delivery, request.request_id) as visit:
            return visit.end(await super().exhaust(request, visit.delivery, principal, exhausted))

    @override
    async def resume(self, message: Resume, delivery: Delivery) -> Reception | None:
        recipient = message.delivery or await self._first_delivery(message) or delivery
        by = message.deferred_by
        with self._visit("resume", recipient, message.resume, deferred_by=by) as visit:
            if message.delivery:
                message = message.model_copy(update={"delivery": visit.delivery})
            reception = await super().resume(message, delivery)
            return None if reception is None else visit.end(reception)

    @override
    async def turn_away(
        self,
        rejection: Rejection,
        delivery: Delivery,
        principal: str | None,
        *,
        publish: bool = True,
    ) -> Answered:
        if spans.visit() is not None:
            return await super().turn_away(rejection, delivery, principal, publish=publish)
        with self._visit("turn away", delivery, rejection.request_id) as visit:
            answered = await super().turn_away(
                rejection, visit.delivery, principal, publish=publish
            )
            visit.end(answered)
            return answered

    @override
    async def bring(self, stored: VersionedRecord, attempt: Attempt) -> Reception:
        trace = stored.record.delivery.traceparent
        if spans.visit() is not None:
            spans.relate(trace)
            return await super().bring(stored, attempt)
        # A rerun or an operator's word: if it brings no trace, the request's goes on.
        asked = attempt.delivery.traceparent or trace
        delivery = attempt.delivery.model_copy(update={"traceparent": asked})
        with self._visit("operate", delivery, stored.record.request_id) as visit:
            spans.relate(trace)
            return visit.end(await super().bring(stored, attempt))

    async def _first_delivery(self, message: Resume) -> Delivery | None:
        """Return the delivery of a request that an operator's message resumes without naming one."""
        stored = await self._records.get(message.resume)
        return stored.record.delivery if stored else None

    @contextmanager
    def _visit(
        self, what: str, delivery: Delivery, request_id: str | None, deferred_by: str | None = None
    ) -> Iterator["_Visit"]:
        # With the workspace, so that two deployments which get the same ids share no trace.
        seed = f"{self._settings.synapse_endpoint} {request_id or delivery.id}"
        known = {
            "run_gateway.source": delivery.source.value,
            "run_gateway.delivery_id": delivery.id,
            **({"run_gateway.request_id": request_id} if request_id else {}),
            **self._messaging(what, delivery.source),
        }
        name, producer = f"{what} {delivery.source}", spans.remote(delivery.traceparent)
        with (
            quiet.busy(),
            spans.visiting(
                name,
                producer=producer,
                seed=seed,
                deferred_by=deferred_by,
                attributes=known,
            ) as span,
        ):
            if producer is None:
                delivery = delivery.model_copy(update={"traceparent": spans.traceparent(span)})
            yield _Visit(span, delivery)

    def _messaging(self, what: str, source: Source) -> dict[str, str]:
        if source is not Source.QUEUE and what != "resume":
            return {}
        return {
            "messaging.system": "azure_queue",
            "messaging.operation.type": "process",
            "messaging.destination.name": self._settings.requests_queue,
        }


class _Visit:
    """A visit in progress."""

    def __init__(self, span: Span, delivery: Delivery) -> None:
        self._span = span
        self.delivery = delivery  #: with a trace in any case

    def end(self, reception: Reception) -> Reception:
        """Note what came of the visit."""
        match reception:
            case Answered(result=result):
                code = result.error.code if result.error else None
                self._note(
                    status=result.status,
                    pipeline=result.pipeline_name,
                    workspace=result.workspace,
                    run_id=result.run_id,
                    attempts=result.attempts,
                    duplicate=result.duplicate,
                    code=code,
                )
                if result.status is not ResultStatus.STARTED:
                    spans.fail(self._span, code or result.status)
            case Deferred(record=record, seconds=seconds):
                self._note(
                    status=record.status,
                    pipeline=patterns.cut(record.pipeline_name),
                    workspace=record.workspace,
                    attempts=record.attempts,
                    code=record.error.code if record.error else None,
                    wait_seconds=round(seconds, 1),
                )
        return reception

    def _note(self, **values: str | float | None) -> None:
        self._span.set_attributes(
            {f"run_gateway.{name}": value for name, value in values.items() if value is not None}
        )
