"""Our reading of answers is that of Azure's libraries: the same bytes, the same values, the same facts."""

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient
from hypothesis import example, given, strategies as st

from shared.adapters.clock import SystemClock
from shared.adapters.storage import entity_json, point
from shared.adapters.storage.account import Account
from shared.adapters.storage.columns import INT64
from shared.adapters.storage.facts import ByConnectionString
from shared.adapters.storage.library import translated
from shared.kernel.errors import StorageUnavailable
from shared.ports import Receipt
from tests.contracts.raw_server import Connection, RawServer
from tests.contracts.storage_recorder import DATE, ETAG, MESSAGE, account_at, answer, meaning
from tests.contracts.test_point_requests import ENTITIES, EVERY_TYPE

KEYS = {"PartitionKey": "p", "RowKey": "r"}
RECEIPT = Receipt(message_id="2f7fdb90-5df1-4b8e-ac2f-064cfa58202b", pop_receipt="AgA=")
BOM = "\ufeff"


@dataclass(slots=True)
class Side:
    """The library's clients and ours, before a server that gives both the same answer."""

    table: TableClient
    queue: QueueClient
    account: Account
    answer: bytes = b""


@pytest.fixture(scope="module")
async def side() -> AsyncIterator[Side]:
    async def script(connection: Connection) -> None:
        while True:
            await connection.read()
            await connection.write(found.answer)

    async with RawServer(script) as server:
        text = account_at(server.port)
        account = Account(ByConnectionString(text=text))
        async with (
            TableClient.from_connection_string(text, "runs", retry_total=0) as table,
            QueueClient.from_connection_string(text, "results", retry_total=0) as queue,
        ):
            found = Side(table, queue, account)
            yield found
        await account.aclose()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pause(_: object, seconds: float) -> None:
        """Ask again at once."""

    monkeypatch.setattr(SystemClock, "pause", pause)


CONDITION: Any = {"etag": ETAG, "match_condition": MatchConditions.IfNotModified}
# Without an insert: the library leaves its errors unread. Ours are read in one place for all operations.
THEIRS: dict[str, Callable[[Side], Awaitable[object]]] = {
    "merge": lambda side: side.table.update_entity(KEYS, UpdateMode.MERGE, **CONDITION),
    "replace": lambda side: side.table.upsert_entity(KEYS, UpdateMode.REPLACE),
    "get": lambda side: side.table.get_entity("p", "r"),
    "delete": lambda side: side.table.delete_entity(KEYS, **CONDITION),
    "page": lambda side: anext(side.table.query_entities("RowKey eq ''")),
    "put": lambda side: side.queue.send_message("m"),
    "hide": lambda side: side.queue.update_message(
        RECEIPT.message_id, RECEIPT.pop_receipt, visibility_timeout=1
    ),
    "withdraw": lambda side: side.queue.delete_message(RECEIPT.message_id, RECEIPT.pop_receipt),
}


def ours(side: Side) -> Mapping[str, Callable[[], Awaitable[object]]]:
    wire = side.account._opened()._wire
    requests = {
        "merge": point.merge("runs", dict(KEYS), ETAG),
        "replace": point.replace("runs", dict(KEYS)),
        "get": point.get("runs", "p", "r"),
        "delete": point.delete("runs", "p", "r", ETAG),
        "page": point.page("runs", "RowKey eq ''", select=("RowKey",), size=1, after={}),
        "put": point.put_message("results", "m", hidden=0),
        "hide": point.hide_message("results", RECEIPT, hidden=1),
        "withdraw": point.delete_message("results", RECEIPT),
    }
    return {name: partial(wire.send, "it", request) for name, request in requests.items()}


def in_json(code: str) -> str:
    """As the table service writes an error."""
    text = f"Words.\nRequestId:0c0e4ef5-0002-0000-0000-000000000000\nTime:{DATE}"
    error = {"code": code, "message": {"lang": "en-US", "value": text}}
    return json.dumps({"odata.error": error})


def in_xml(code: str) -> str:
    """As the queue service writes one, and Azurite's tables where the caller is refused."""
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return f"{head}<Error><Code>{code}</Code><Message>Words.\nTime:{DATE}</Message></Error>"


def in_atom(code: str) -> str:
    """As the table service writes one where JSON was not asked for."""
    space = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
    words = '<message xml:lang="en-US">Words.</message>'
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return f'{head}<error xmlns="{space}"><code>{code}</code>{words}</error>'


JSON = "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"
XML = "application/xml"
OF_TABLES = {
    "ResourceNotFound": 404,
    "EntityNotFound": 404,
    "TableNotFound": 404,
    "EntityAlreadyExists": 409,
    "TableBeingDeleted": 409,
    "UpdateConditionNotSatisfied": 412,
    "ConditionNotMet": 412,
    "InvalidInput": 400,
    "PropertyValueTooLarge": 400,
    "RequestBodyTooLarge": 413,
    "AuthenticationFailed": 403,
    "AuthorizationFailure": 403,
    "AuthorizationPermissionMismatch": 403,
    "InvalidAuthenticationInfo": 401,
    "AtomFormatNotSupported": 415,
    "OperationTimedOut": 500,
    "ServerBusy": 503,
    "SomethingNew": 418,
}
OF_QUEUES = {
    "QueueNotFound": 404,
    "MessageNotFound": 404,
    "PopReceiptMismatch": 400,
    "QueueBeingDeleted": 409,
    "OutOfRangeQueryParameterValue": 400,
    "AuthenticationFailed": 403,
    "AuthorizationPermissionMismatch": 403,
    "InvalidAuthenticationInfo": 401,
    "InternalError": 500,
    "ServerBusy": 503,
}
ERRORS: dict[str, tuple[frozenset[str], bytes]] = {}
TABLES, QUEUES = frozenset(list(THEIRS)[:5]), frozenset(list(THEIRS)[5:])
for code, status in OF_TABLES.items():
    ERRORS |= {
        f"json {code}": (TABLES, answer(status, in_json(code), content_type=JSON)),
        f"atom {code}": (TABLES, answer(status, in_atom(code), content_type=XML)),
        f"xml {code}": (
            TABLES,
            answer(status, in_xml(code), content_type=XML, x_ms_error_code=code),
        ),
    }
for code, status in OF_QUEUES.items():
    ERRORS |= {
        f"queue {mark!a} {code}": (
            QUEUES,
            answer(status, mark + in_xml(code), content_type=XML, x_ms_error_code=code),
        )
        for mark in ("", BOM)
    }
ERRORS |= {
    "no body": (TABLES | QUEUES, answer(400)),
    "a code in the header alone": (
        TABLES | QUEUES,
        answer(413, x_ms_error_code="RequestBodyTooLarge"),
    ),
    "a code in another case of letters": (QUEUES, answer(404, X_MS_Error_Code="QueueNotFound")),
    "a page of a proxy": (
        TABLES | QUEUES,
        answer(502, "<html><body>hunter2", content_type="text/html"),
    ),
    "a redirect": (TABLES | QUEUES, answer(304)),
}
# The library takes every 404 of a deletion for a success, even that of a table that does not exist.
SWALLOWED = {"ResourceNotFound", "EntityNotFound", "TableNotFound"}


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        (name, operation)
        for name, (operations, _) in ERRORS.items()
        for operation in sorted(operations)
        if operation != "delete" or name.rpartition(" ")[2] not in SWALLOWED
    ],
)
# The library asks an element of XML whether it is true.
@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
async def test_an_error_is_the_same_fact(side: Side, name: str, operation: str) -> None:
    side.answer = ERRORS[name][1]

    with pytest.raises(Exception) as theirs:  # noqa: PT011 - any; they are compared
        await translated("it", THEIRS[operation](side))
    with pytest.raises(Exception) as found:  # noqa: PT011 - the same
        await ours(side)[operation]()

    assert type(found.value) is type(theirs.value)
    assert str(found.value) == str(theirs.value)
    assert getattr(found.value, "code", None) == getattr(theirs.value, "code", None)


def as_stored(entity: Mapping[str, Any], **more: str) -> str:
    """Write an entity as the service answers it."""
    written = json.loads(entity_json.encode(entity))
    return json.dumps({"odata.metadata": "https://a/$metadata#runs/@Element"} | written | more)


def plain(value: object) -> str:
    """Show a value with its type, those of the library as what they hold."""
    held = value[0] if isinstance(value, tuple) and value[1] == INT64 else value
    kind = "datetime" if hasattr(held, "tzinfo") else type(held).__name__
    return f"{kind} {held!s}"


async def both(side: Side, body: str) -> None:
    side.answer = answer(200, body, content_type=JSON, etag=ETAG)

    theirs = await side.table.get_entity("p", "r")
    row = await side.account.table("runs").get("p", "r")

    assert {name: plain(value) for name, value in row.values.items()} == {
        name: plain(value) for name, value in theirs.items()
    }
    assert row.etag == theirs.metadata["etag"] == ETAG


@example(EVERY_TYPE)
@given(ENTITIES)
async def test_an_entity_is_the_same_values(side: Side, entity: dict[str, Any]) -> None:
    stored = {"odata.etag": ETAG, "Timestamp": "2026-11-25T21:23:39.9822653Z"}

    await both(side, as_stored(entity, **stored))


@example([EVERY_TYPE, EVERY_TYPE])
@given(st.lists(ENTITIES, max_size=3))
async def test_a_page_is_the_same_entities(side: Side, entities: list[dict[str, Any]]) -> None:
    """A selected property that an entity lacks comes as null."""
    rows = [json.loads(entity_json.encode(each)) | {"absent": None} for each in entities]
    side.answer = answer(200, json.dumps({"odata.metadata": "m", "value": rows}), content_type=JSON)

    theirs = [dict(each) async for each in side.table.query_entities("RowKey eq ''")]
    (found,) = [page async for page in side.account.table("runs").pages("q", select=("at",))]

    assert [{name: plain(value) for name, value in each.items()} for each in found] == [
        {name: plain(value) for name, value in each.items()} for each in theirs
    ]


async def test_a_page_has_the_times_of_writes_where_they_are_selected(side: Side) -> None:
    body = json.dumps({"value": [KEYS | {"Timestamp": "2026-11-25T21:23:39.9822653Z"}]})
    side.answer = answer(200, body, content_type=JSON)

    theirs = await anext(side.table.query_entities("RowKey eq ''"))
    (((found,)),) = [page async for page in side.account.table("runs").pages("q", select=("at",))]

    assert found["Timestamp"] == theirs.metadata["timestamp"]


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "{}", '{"value": 1}', '{"value": [1]}'])
async def test_what_is_no_page_is_no_end_of_the_table(side: Side, body: str) -> None:
    side.answer = answer(200, body, content_type=JSON)

    with pytest.raises(StorageUnavailable, match="it is no page of entities"):
        _ = [page async for page in side.account.table("runs").pages("q", select=("at",))]


@pytest.mark.parametrize(
    "marks",
    [{"NextPartitionKey": "1!8!cGFy+dA--", "NextRowKey": "1!4!cg--"}, {"NextPartitionKey": "p"}],
)
async def test_a_query_goes_on_where_the_page_ended(marks: dict[str, str]) -> None:
    """After an empty page too. The marks are sent back as they came, and those that did not come are left out."""
    pages = [{f"x-ms-continuation-{name}": text for name, text in marks.items()}, {}]

    async def script(connection: Connection) -> None:
        for headers in itertools.cycle(pages):
            await connection.read()
            body = json.dumps({"value": [] if headers else [KEYS]})
            await connection.write(answer(200, body, content_type=JSON, **headers))

    async with RawServer(script) as server:
        text = account_at(server.port)
        account = Account(ByConnectionString(text=text))
        found = [page async for page in account.table("runs").pages("q", select=("RowKey",))]
        await account.aclose()
        async with TableClient.from_connection_string(text, "runs", retry_total=0) as table:
            paged = table.query_entities("q", select=["RowKey"], results_per_page=1000).by_page()
            theirs = [[dict(each) async for each in page] async for page in paged]

    assert found == theirs == [[], [KEYS]]
    first, second, *of_library = [meaning(request) for request in server.arrived]
    assert [first, second] == of_library
    assert second.query == {**first.query, **marks}


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-25T21:23:39.9822653Z",
        "2026-11-25T21:23:39.982265Z",
        "2026-11-25T21:23:39.9Z",
        "2026-11-25T21:23:39Z",
        "1601-01-01T00:00:00Z",
        "9999-12-31T23:59:59.9999999Z",
    ],
)
async def test_a_time_is_the_same(side: Side, time: str) -> None:
    """The service keeps seven digits, and leaves out zeros at the end."""
    entity = {"odata.etag": ETAG, "Timestamp": time, "at": time, "at@odata.type": "Edm.DateTime"}

    await both(side, json.dumps(entity | KEYS))


async def test_an_age_is_the_answers_date_less_the_timestamp(side: Side) -> None:
    side.answer = answer(
        200,
        json.dumps({"Timestamp": "2026-11-25T21:23:39.9822653Z"} | KEYS),
        content_type=JSON,
        etag=ETAG,
    )

    row = await side.account.table("runs").get("p", "r")

    assert row.age == pytest.approx(1.017735)


@pytest.mark.parametrize("mark", ["", BOM])
async def test_a_receipt_is_the_same(side: Side, mark: str) -> None:
    side.answer = answer(201, mark + MESSAGE.removeprefix(BOM), content_type=XML)

    theirs = await side.queue.send_message("m")
    receipt = await side.account.queue("results").put("m")

    assert (receipt.message_id, receipt.pop_receipt) == (theirs.id, theirs.pop_receipt)


@pytest.mark.parametrize("name", ["ETag", "Etag", "etag", "ETAG"])
async def test_an_etag_is_found_in_any_case(side: Side, name: str) -> None:
    """Azurite writes Etag."""
    side.answer = answer(204, **{name: ETAG})

    theirs = await side.table.create_entity(KEYS)

    assert await side.account.table("runs").insert(dict(KEYS)) == theirs["etag"] == ETAG
