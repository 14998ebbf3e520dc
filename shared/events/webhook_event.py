"""Makes an event from a signed webhook: its payload is the data, its hook's name the source.

| event    | Standard Webhooks                  | GitHub                   |
|----------|------------------------------------|--------------------------|
| `id`     | header `webhook-id`                | header `X-GitHub-Delivery` |
| `source` | the hook's name in gateway.json    | the same                 |
| `type`   | the payload's `type`, else the hook's name | header `X-GitHub-Event` |
| `time`   | the payload's `timestamp`, if it is one | none                |
"""

from collections.abc import Mapping
from urllib.parse import parse_qs

from pydantic import JsonValue

from shared.config.gateway_json import Hook
from shared.events import event as events
from shared.events.envelope import Item
from shared.kernel import strict_json
from shared.kernel.cloud_error import CloudError, Code
from shared.runs.request import Content

_FORM = "application/x-www-form-urlencoded"


def read(name: str, hook: Hook, webhook_id: str, headers: Mapping[str, str], body: bytes) -> Item:
    """Read the event of a webhook whose signature is valid."""
    try:
        payload: dict[str, JsonValue] = strict_json.parse(_text(headers, body))
    except strict_json.Unreadable as error:
        event: events.Event | CloudError = CloudError(code=Code.INVALID_JSON, message=str(error))
    else:
        kind = headers.get("x-github-event") if hook.scheme == "github" else payload.get("type")
        time = None if hook.scheme == "github" else payload.get("timestamp")
        value = {
            "specversion": "1.0",
            "id": webhook_id,
            "source": name,
            "type": kind if isinstance(kind, str) and kind else name,
            "time": time,
            "data": payload,
        }
        event = events.read(value)
    return Item(event=event, content=Content.of(body), named=webhook_id)


def _text(headers: Mapping[str, str], body: bytes) -> bytes:
    """Extract the JSON from a form, which GitHub sends unless its hook is set to JSON."""
    if not headers.get("content-type", "").strip().lower().startswith(_FORM):
        return body
    form = parse_qs(body.decode(errors="replace"))
    return form.get("payload", [""])[0].encode()
