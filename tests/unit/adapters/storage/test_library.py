"""What an error of Azure's libraries means: shared/adapters/storage/library.py."""

import pytest
from azure.core import exceptions as foreign
from azure.data.tables import TableErrorCode

from shared.adapters.storage import library
from shared.adapters.storage.facts import Changed, Exists, Missing, NotCreated
from shared.kernel.errors import StorageRefused, StorageUnavailable


class _Answer:
    """As much of an answer as azure-core's errors read."""

    reason = "hunter2"
    request = None

    def __init__(self, status: int) -> None:
        self.status_code = status
        self.headers: dict[str, str] = {}

    def text(self) -> str:
        return "hunter2"


def an_error(status: int, code: object = None) -> foreign.HttpResponseError:
    error = foreign.HttpResponseError(message="hunter2", response=_Answer(status))
    if code is not None:
        error.error_code = code  # type: ignore[attr-defined]  # both libraries add it
    return error


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


def test_a_code_of_the_librarys_own_enumeration_is_its_text() -> None:
    read = library.read("table runs", an_error(404, TableErrorCode.TABLE_NOT_FOUND))

    assert type(read) is NotCreated
    assert str(read) == "table runs: 404 TableNotFound"


def test_an_answer_without_a_code_is_told_by_its_status() -> None:
    """As that of a proxy on the way."""
    assert str(library.read("queue q", an_error(502))) == "queue q: 502"


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
