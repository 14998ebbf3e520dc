"""Names the operation of the storage service that a request is.

    queue   POST   /account/run-requests/messages                 putMessage
    table   POST   /account/runs                                  insertRecord
    table   PATCH  /account/runs(PartitionKey='…',RowKey='…')     mergeRecord
    table   PATCH  /account/runaudit(…)                           mergeAudit

The noun of a table's operation is its row's: Workspace for the row `workspace`, Outcome for rows `outcome-…`, OpenRun in
partitions `open-…`, Chain in the partition `follow`, Audit in a table whose name ends so, Record in any other.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, unquote_plus

_ENTITY: Final = re.compile(r"(?P<name>\w+)\((?P<key>.*)\)")
#: By the keys in the URL, in the body of an insert, or in the filter of a query.
_NOUNS: Final = (
    ("Workspace", re.compile(r"RowKey(='|\":\s*\")workspace")),
    ("Outcome", re.compile(r"RowKey(='|\":\s*\"| ge ')outcome-")),
    ("OpenRun", re.compile(r"PartitionKey(='|\":\s*\"| g[et] ')open-")),
    ("Chain", re.compile(r"PartitionKey(='|\":\s*\"| eq ')follow['\"]")),
)
_QUEUE_VERBS: Final = {"PUT": "createQueue", "DELETE": "deleteQueue"}
_MESSAGES_VERBS: Final = {"POST": "putMessage", "GET": "getMessages", "DELETE": "clearMessages"}
_MESSAGE_VERBS: Final = {"PUT": "updateMessage", "DELETE": "deleteMessage"}
_ENTITY_VERBS: Final = {
    "GET": "get",
    "PATCH": "merge",
    "MERGE": "merge",
    "PUT": "replace",
    "DELETE": "delete",
}


class Service(StrEnum):
    """The two services of an account that the gateway uses."""

    QUEUE = "queue"
    TABLE = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation, by its name, its queue or table, and its key (a message's id or an entity's keys)."""

    service: Service
    method: str
    operation: str
    name: str
    key: str = ""
    query: str = ""  #: as it was sent


def read(service: Service, method: str, target: str, body: bytes) -> Operation:
    """Read the operation out of a request. One that is not known is named by its method alone.

    Args:
        service: the service that it is for.
        method: the HTTP method.
        target: path and query as they were sent.
        body: the request's body.
    """
    path, _, query = target.partition("?")
    steps = [unquote(step) for step in path.split("/")[2:]]  # what follows /account/
    if service is Service.QUEUE:
        return _of_queue(method, steps, query)
    return _of_table(method, "/".join(steps), query, body)


def _of_queue(method: str, steps: list[str], query: str) -> Operation:
    name, rest = (steps[0], steps[1:]) if steps else ("", [])
    if rest == ["messages"]:
        known = _MESSAGES_VERBS.get(method)
        if "peekonly=" in query:
            known = "peekMessages"
    elif len(rest) == 2:
        known = _MESSAGE_VERBS.get(method)
    else:
        known = None if "comp=" in query else _QUEUE_VERBS.get(method)
    return Operation(
        service=Service.QUEUE,
        method=method,
        operation=known or method.lower(),
        name=name,
        key=rest[1] if len(rest) == 2 else "",
        query=query,
    )


def _of_table(method: str, step: str, query: str, body: bytes) -> Operation:
    entity = _ENTITY.fullmatch(step)
    name, key = (entity["name"], entity["key"]) if entity else (step, "")
    return Operation(
        service=Service.TABLE,
        method=method,
        operation=_table_operation(method, name, key, _keys(key, query, body)),
        name=name,
        key=key,
        query=query,
    )


def _keys(key: str, query: str, body: bytes) -> str:
    """Return the text that names the rows: the URL's keys, a query's filter, or the body of an insert."""
    return key or unquote_plus(query) + body.decode(errors="replace")


def _table_operation(method: str, name: str, key: str, keys: str) -> str:
    if name == "$batch":
        return "batch"
    if name == "Tables":
        return {"POST": "createTable", "DELETE": "deleteTable"}.get(method, "listTables")
    noun = _noun(name, keys)
    if key:
        return _ENTITY_VERBS.get(method, method.lower()) + noun
    return ("insert" if method == "POST" else "query") + noun


def _noun(name: str, keys: str) -> str:
    if name.endswith("audit"):
        return "Audit"
    return next((noun for noun, pattern in _NOUNS if pattern.search(keys)), "Record")
