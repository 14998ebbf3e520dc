"""Translates an HTTP request for a function, and the function's answer, as the platform's host does.

Of a header or query name that comes more than once the values are joined by commas, in their order: the platform's
StringValues.ToString() does so. Query values that are empty are left out, and so is a body without Content-Length
(chunked): the platform hands neither to a worker in another process (functions-host issue 7930).
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http.cookies import Morsel, SimpleCookie

from aiohttp import hdrs, web
from multidict import CIMultiDict, MultiMapping

from local.host.protos import RpcHttp, RpcHttpCookie, TypedData

LOG = logging.getLogger(__name__)
BODY_LIMIT = 104_857_600
COOKIE_FIELDS = {"domain": "domain", "path": "path", "secure": "secure", "httponly": "http_only"}


async def data(request: web.BaseRequest, route_values: Mapping[str, str]) -> TypedData:
    """Return the trigger's value."""
    return TypedData(
        http=RpcHttp(
            method=request.method,
            url=f"{request.scheme}://{request.host}{request.raw_path}",
            headers={name.lower(): value for name, value in _joined(request.headers).items()},
            params=route_values,
            query={name: value for name, value in _joined(request.query).items() if value},
            body=await _body(request),
        )
    )


def response(value: TypedData | None) -> web.Response:
    """Return the function's answer."""
    if value is None:
        return web.Response(status=204)
    if value.kind != "http":
        return web.Response(text=str(getattr(value, value.kind or "", "")))
    answer = value.http
    headers = CIMultiDict(answer.headers)
    for cookie in answer.cookies or ():
        headers.add(hdrs.SET_COOKIE, _cookie(cookie))
    return web.Response(status=int(answer.status_code), headers=headers, body=answer.body.bytes)


async def _body(request: web.BaseRequest) -> TypedData:
    length = request.content_length or 0
    if length > BODY_LIMIT:
        raise web.HTTPRequestEntityTooLarge(BODY_LIMIT, length)
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # nothing of the answer itself is written yet
    if length:
        return TypedData(bytes=await request.read())
    if request.can_read_body:
        LOG.warning("a request body without Content-Length is dropped, as on the platform")
        await request.read()
    return TypedData()


def _joined(values: MultiMapping[str]) -> dict[str, str]:
    """Names that differ in case alone are one name, in its first spelling."""
    spelled: dict[str, str] = {}
    joined: dict[str, str] = {}
    for name, value in values.items():
        first = spelled.setdefault(name.lower(), name)
        joined[first] = f"{joined[first]},{value}" if first in joined else value
    return joined


def _cookie(cookie: RpcHttpCookie) -> str:
    morsel: Morsel[str] = Morsel()
    morsel.set(cookie.name, cookie.value, SimpleCookie().value_encode(cookie.value)[1])
    for attribute, field in COOKIE_FIELDS.items():
        held = getattr(cookie, field)
        if held is not None and held.value:
            morsel[attribute] = held.value
    if cookie.max_age is not None:
        morsel["max-age"] = int(cookie.max_age.value)
    if cookie.expires is not None:
        morsel["expires"] = format_datetime(
            datetime.fromtimestamp(cookie.expires.value.seconds, UTC), usegmt=True
        )
    if cookie.same_site is not None:
        morsel["samesite"] = cookie.same_site
    return morsel.OutputString()
