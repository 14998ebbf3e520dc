"""What an error of Azure's libraries means: shared/adapters/storage/library.py."""

import pytest
from azure.core import exceptions as foreign

from shared.adapters.storage import library
from shared.adapters.storage.facts import Changed, Exists, Missing, NotCreated
from shared.kernel.errors import StorageRefused, StorageUnavailable


class _Answer:
    """As much of an answer as azure-core's errors read."""

    def __init__(self, status: int, body: str = "") -> None:
        self.status_code = status
        self.reason = "Because"
        self.request = None
        self.headers: dict[str, str] = {}
        self._body = body

    def text(self) -> str:
        return self._body


def an_error(status: int, code: str) -> foreign.HttpResponseError:
    body = f'{{"odata.error":{{"code":"{code}","message":{{"value":"hunter2"}}}}}}'
    return foreign.HttpResponseError(message="hunter2", response=_Answer(status, body))


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (404, "ResourceNotFound", Missing),
        (404, "EntityNotFound", Missing),
        (404, "MessageNotFound", Missing),
        (404, "TableNotFound", NotCreated),
        (404, "QueueNotFound", NotCreated),
        (409, "EntityAlreadyExists", Exists),
        (412, "UpdateConditionNotSatisfied", Changed),
        (412, "ConditionNotMet", Changed),
        (400, "PopReceiptMismatch", Changed),
        (409, "TableBeingDeleted", StorageUnavailable),
        (404, "AccountNotFound", StorageUnavailable),
        (503, "ServerBusy", StorageUnavailable),
        (500, "OperationTimedOut", StorageUnavailable),
        (403, "AuthorizationPermissionMismatch", StorageRefused),
        (401, "InvalidAuthenticationInfo", StorageRefused),
        (413, "RequestBodyTooLarge", StorageUnavailable),
    ],
)
def test_a_code_means_one_thing(status: int, code: str, meaning: type[Exception]) -> None:
    """The service's own code decides, not the status: 409 has many meanings."""
    read = library.read("table runs", an_error(status, code))

    assert type(read) is meaning
    assert str(read) == f"table runs: {status} {code}"


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"odata.error":5}', "\ud800"])
def test_an_answer_without_a_code_is_told_by_its_status(body: str) -> None:
    """As that of a proxy on the way."""
    error = foreign.HttpResponseError(message="hunter2", response=_Answer(502, body))

    assert str(library.read("queue q", error)) == "queue q: 502"


FOREIGN_ERRORS = sorted(
    {
        kind
        for kind in vars(foreign).values()
        if isinstance(kind, type) and issubclass(kind, foreign.AzureError)
    },
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize(
    "error",
    [
        *(pytest.param(kind.__new__(kind), id=kind.__name__) for kind in FOREIGN_ERRORS),
        pytest.param(foreign.AzureError("hunter2", error=OSError("hunter2")), id="with a cause"),
    ],
)
async def test_no_foreign_error_gets_out(error: Exception) -> None:
    """Every error of azure-core becomes ours, and none of its words go on."""

    async def fail() -> None:
        raise error

    with pytest.raises(StorageUnavailable) as caught:
        await library.translated("table runs", fail())

    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__
