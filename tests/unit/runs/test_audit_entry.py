"""What the audit keeps of who asked."""

import pytest

from shared.runs import audit_entry
from shared.runs.caller import KEY, Caller
from shared.runs.record import start
from shared.runs.request import Rejection
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record

ADA = Caller.user(
    "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002", "Ada Lovelace"
)
APP = Caller.application(
    "aaaaaaaa-0000-4000-8000-000000000003", "bbbbbbbb-0000-4000-8000-000000000004", None
)


def asked(entry: audit_entry.AuditEntry) -> tuple[str | None, ...]:
    return entry.principal, entry.object_id, entry.application_id, entry.caller_name


@pytest.mark.parametrize(
    ("principal", "kept"),
    [
        (ADA.principal, (ADA.object_id, ADA.object_id, ADA.application_id, "Ada Lovelace")),
        (APP.principal, (APP.object_id, APP.object_id, APP.application_id, None)),
        (KEY.principal, ("key", None, None, None)),
        ("rule:blob-created", ("rule:blob-created", None, None, None)),
        (None, (None, None, None, None)),
    ],
)
def test_a_caller_is_kept_by_object_application_and_name(
    principal: str | None, kept: tuple[str | None, ...]
) -> None:
    done = start(a_record(), "run-1", "started", NOW)
    rejection = Rejection(error=ERROR, request_id="order-17")

    answer = audit_entry.of_answer(done, DELIVERY, principal, NOW, parameters=True)
    refused = audit_entry.of_rejection(rejection, DELIVERY, principal, NOW)

    assert asked(answer) == asked(refused) == kept
