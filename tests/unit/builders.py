"""One valid thing of each kind; a test breaks one part of it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import azure.functions as func

from shared.kernel.cloud_error import CloudError
from shared.redaction.redact import Cutter
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Place, Record, claim
from shared.runs.request import RunRequest, decode

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
PLACE = Place(name="default", endpoint="https://w.dev.azuresynapse.net")
DELIVERY = Delivery(id="m-1", source=Source.QUEUE, correlation_id="c-1")
ERROR = CloudError(code="BadThing", message="It went wrong.")


def as_received(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers as the platform gives them: their names in any case."""
    received: Mapping[str, str] = func.HttpRequest("POST", "/", headers=headers, body=b"").headers
    return received


async def cut(text: str, secrets: Collection[str]) -> str:
    """Cut secrets out of one text."""
    return await (await Cutter.of(secrets)).cut(text)


def a_request(**fields: Any) -> RunRequest:
    body = {"pipelineName": "copy", "requestId": "order-17", "parameters": {"day": 1}} | fields
    request = decode(json.dumps(body).encode(), default_id="msg-0", limit=1 << 20)
    assert isinstance(request, RunRequest), request
    return request


def a_record(request: RunRequest | None = None, **fields: Any) -> Record:
    fresh = claim(request or a_request(), PLACE, DELIVERY, "queue", NOW, nonce="n-1")
    return replace(fresh, **fields)
