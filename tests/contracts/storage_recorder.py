"""A storage service that does nothing but remember what arrives, and what is the same in two requests to it.

What may differ is what reference pages of both services leave open: ids of the caller, times, the spacing of JSON.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree as ET

from local.azurite.server import DEVELOPMENT, connection_string
from tests.contracts.raw_server import Arrived, Connection

ETAG = "W/\"datetime'2026-11-25T21%3A23%3A39.9822653Z'\""
ENTITY = json.dumps(
    {
        "odata.etag": ETAG,
        "PartitionKey": "p",
        "RowKey": "r",
        "Timestamp": "2026-11-25T21:23:39.9822653Z",
    }
)
PAGE = f'{{"value":[{ENTITY}]}}'
DATE = "Wed, 25 Nov 2026 21:23:41 GMT"
MESSAGE = (
    "\ufeff<?xml version='1.0' encoding='utf-8'?><QueueMessagesList><QueueMessage>"
    "<MessageId>2f7fdb90-5df1-4b8e-ac2f-064cfa58202b</MessageId>"
    f"<InsertionTime>{DATE}</InsertionTime>"
    "<ExpirationTime>Fri, 31 Dec 9999 23:59:59 GMT</ExpirationTime>"
    "<PopReceipt>AgAAAAMAAAAAAAAAi/+hT2Be3AE=</PopReceipt>"
    f"<TimeNextVisible>{DATE}</TimeNextVisible></QueueMessage></QueueMessagesList>"
)
# Differ from call to call, or say who calls.
_FREE = {
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",  # compared with the body
    "date",
    "user-agent",
    "x-ms-client-request-id",
    "x-ms-date",
}
_SHOWN_BY_JSON = {"Edm.String", "Edm.Int32", "Edm.Boolean"}


def account_at(port: int) -> str:
    """Name the emulator's account on one port for both services."""
    return connection_string(queue_port=port, table_port=port)


def answer(status: int, body: str = "", **headers: str) -> bytes:
    """Write an answer of the service; an underscore stands for a hyphen."""
    fields = {"date": DATE, "content-length": str(len(body.encode())), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n{body}".encode()


def success(request: Arrived) -> bytes:
    """Answer as the services do when all is well."""
    method, target, _ = request.line.split()
    if "/messages" not in target:
        if "()?" in target:
            return answer(200, PAGE, content_type="application/json")
        if method == "GET":
            return answer(200, ENTITY, etag=ETAG, content_type="application/json")
        return answer(204, etag=ETAG, preference_applied="return-no-content")
    if method == "POST":
        return answer(201, MESSAGE, content_type="application/xml")
    return answer(204, x_ms_popreceipt="new", x_ms_time_next_visible=DATE)


async def recording(connection: Connection) -> None:
    """Answer each request of a connection with a success."""
    while True:
        await connection.write(success(await connection.read()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """All of a request that may not differ."""

    method: str
    path: str  #: as it was sent
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: object
    is_signed: bool
    is_dated: bool
    is_sized: bool


def meaning(request: Arrived) -> Meaning:
    """Read what a request means to the service."""
    method, target, _ = request.line.split(" ")
    path, _, query = target.partition("?")
    return Meaning(
        method=method,
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=dict(_header(*each) for each in request.headers.items() if each[0] not in _FREE),
        body=_body(request),
        is_signed=request.headers.get("authorization") == signature(request),
        is_dated="x-ms-date" in request.headers,
        is_sized=request.headers.get("content-length", "0") == str(len(request.body)),
    )


def signature(request: Arrived) -> str:
    """Sign a request as the reference pages say, from what arrived of it alone."""
    headers = request.headers
    is_table = "dataserviceversion" in headers
    text = _of_table(request) if is_table else _of_queue(request)
    key = base64.b64decode(DEVELOPMENT.key)
    found = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"SharedKey {DEVELOPMENT.name}:{base64.b64encode(found).decode()}"


def _of_table(request: Arrived) -> str:
    method, target, _ = request.line.split(" ")
    headers = request.headers
    lines = [
        method,
        headers.get("content-md5", ""),
        headers.get("content-type", ""),
        headers["x-ms-date"],
    ]
    return "\n".join([*lines, f"/{DEVELOPMENT.name}{target.partition('?')[0]}"])


def _of_queue(request: Arrived) -> str:
    method, target, _ = request.line.split(" ")
    path, _, query = target.partition("?")
    standard = (
        "content-encoding content-language content-length content-md5 content-type date "
        "if-modified-since if-match if-none-match if-unmodified-since range"
    )
    values = [request.headers.get(name, "") for name in standard.split()]
    values[2] = values[2].removeprefix("0") if values[2] == "0" else values[2]
    ours = sorted(name for name in request.headers if name.startswith("x-ms-"))
    parameters = sorted(each.partition("=")[::2] for each in query.split("&"))
    lines = [
        method,
        *values,
        *(f"{name}:{request.headers[name]}" for name in ours),
        f"/{DEVELOPMENT.name}{path}",
        *(f"{name.lower()}:{unquote(value)}" for name, value in parameters),
    ]
    return "\n".join(lines)


def _header(name: str, value: str) -> tuple[str, str]:
    if name == "content-type":
        return name, value.removesuffix(";odata=nometadata")
    # The queue library asks for the newest version, which not every cloud knows.
    return name, "any" if (name, value) == ("x-ms-version", "2026-10-06") else value


def _body(request: Arrived) -> object:
    if not request.body:
        return None
    if request.headers["content-type"].startswith("application/xml"):
        return _xml(ET.fromstring(request.body))
    given: dict[str, Any] = json.loads(request.body)
    shown = {name for name, kind in given.items() if kind in _SHOWN_BY_JSON and "@" in name}
    # As text, so that 3 is not 3.0, and 0.0 is not -0.0.
    return json.dumps({n: v for n, v in given.items() if n not in shown}, sort_keys=True)


def _xml(element: ET.Element) -> object:
    return element.tag, element.text, [_xml(child) for child in element]
