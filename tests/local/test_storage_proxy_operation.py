"""What a call to the storage service is: local/storage_proxy/operation.py."""

import pytest

from local.storage_proxy import operation
from local.storage_proxy.operation import Service

WORKSPACE = b'{"PartitionKey": "a", "RowKey": "workspace"}'
RECORD = "/acct/runs(PartitionKey='a',RowKey='record')"
ENCODED = "/acct/runs(PartitionKey=%27a%27,RowKey=%27workspace%27)"


@pytest.mark.parametrize(
    ("method", "target", "body", "name"),
    [
        ("POST", "/acct/Tables", b"", "createTable"),
        ("DELETE", "/acct/Tables('runs')", b"", "deleteTable"),
        ("GET", "/acct/Tables?$top=1", b"", "listTables"),
        ("POST", "/acct/$batch", b"", "batch"),
        ("POST", "/acct/runs", b'{"RowKey": "record"}', "insertRecord"),
        ("POST", "/acct/runs", WORKSPACE, "insertWorkspace"),
        ("POST", "/acct/runaudit", b"{}", "insertAudit"),
        ("POST", "/acct/xaudit", WORKSPACE, "insertAudit"),
        ("GET", RECORD, b"", "getRecord"),
        ("PATCH", RECORD, b"{}", "mergeRecord"),
        ("MERGE", RECORD, b"{}", "mergeRecord"),
        ("PUT", RECORD, b"{}", "replaceRecord"),
        ("DELETE", RECORD, b"", "deleteRecord"),
        ("GET", ENCODED, b"", "getWorkspace"),
        ("PUT", ENCODED, b"", "replaceWorkspace"),
        ("GET", "/acct/runaudit()?$filter=x", b"", "queryAudit"),
        ("GET", "/acct/runs()", b"", "queryRecord"),
        ("POST", "/acct/runs", b'{"PartitionKey": "open-ab-0", "RowKey": "x"}', "insertOpenRun"),
        ("GET", "/acct/runs(PartitionKey='open-ab-0',RowKey='x')", b"", "getOpenRun"),
        ("GET", "/acct/runs()?$filter=PartitionKey%20ge%20%27open-ab-0%27", b"", "queryOpenRun"),
        ("PATCH", "/acct/runs(PartitionKey='follow',RowKey='x')", b"{}", "mergeChain"),
        ("GET", "/acct/runs()?$filter=PartitionKey+eq+%27follow%27", b"", "queryChain"),
        ("POST", "/acct/runs", b'{"PartitionKey": "a", "RowKey": "outcome-1"}', "insertOutcome"),
        ("GET", "/acct/runs(PartitionKey='a',RowKey='outcome-12')", b"", "getOutcome"),
    ],
)
def test_a_call_of_the_table_service_has_a_name(
    method: str, target: str, body: bytes, name: str
) -> None:
    """By its method, its path, and the row that it is about."""
    assert operation.read(Service.TABLE, method, target, body).operation == name


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("PUT", "/acct/q", "createQueue"),
        ("DELETE", "/acct/q", "deleteQueue"),
        ("GET", "/acct/q?comp=metadata", "get"),
        ("PUT", "/acct/q?comp=metadata", "put"),
        ("POST", "/acct/q/messages?visibilitytimeout=1", "putMessage"),
        ("GET", "/acct/q/messages?numofmessages=32", "getMessages"),
        ("GET", "/acct/q/messages?peekonly=true", "peekMessages"),
        ("DELETE", "/acct/q/messages", "clearMessages"),
        ("PUT", "/acct/q/messages/id?popreceipt=x", "updateMessage"),
        ("DELETE", "/acct/q/messages/id?popreceipt=x", "deleteMessage"),
        ("GET", "/acct?comp=list", "get"),
        ("GET", "/", "get"),
    ],
)
def test_a_call_of_the_queue_service_has_a_name(method: str, target: str, name: str) -> None:
    """By its method and its path."""
    assert operation.read(Service.QUEUE, method, target, b"").operation == name


def test_a_call_tells_where_it_goes() -> None:
    """The keys are readable, whatever they were in the URL."""
    read = operation.read(Service.TABLE, "GET", ENCODED + "?$select=a", b"")

    assert (read.name, read.key, read.query) == (
        "runs",
        "PartitionKey='a',RowKey='workspace'",
        "$select=a",
    )
