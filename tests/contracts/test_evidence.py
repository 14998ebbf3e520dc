"""What the adapters remember of rights that can't be tried, on Azurite behind the proxy and over the wire."""

import base64
import json
from collections.abc import Awaitable, Callable

import pytest

from local.storage_proxy.faults import BUSY, REFUSED, Answer, Fault, Match
from local.synapse import errors
from shared.adapters.storage import call as storage_call
from shared.adapters.storage.account import Account
from shared.adapters.storage.audit import TableAudit
from shared.adapters.storage.queues import AnswerQueue, RequestQueue
from shared.adapters.storage.records import TableRecords
from shared.adapters.tokens import identity
from shared.kernel.errors import StorageRefused, StorageUnavailable
from shared.ports import Evidence, Identity
from shared.runs import result as run_result
from shared.runs.record import Status
from shared.runs.request import Resume
from tests.contracts.calling_synapse import a_call, synapse
from tests.contracts.raw_server import ACCEPTED, RawServer, answer, answers
from tests.contracts.test_audit import an_entry
from tests.contracts.worlds import Storage, fresh_name
from tests.unit.builders import DELIVERY, ERROR, a_record

RESULT = run_result.answer(a_record(status=Status.FAILED, error=ERROR), DELIVERY)
CODE = "AuthorizationPermissionMismatch"
WRITES: dict[str, Callable[[Account, str], Awaitable[object]]] = {
    "table": lambda account, name: TableRecords(account, name).insert(a_record()),
    "audit table": lambda account, name: TableAudit(account, name).append(an_entry()),
    "workspace table": lambda account, name: TableRecords(account, name).note_echo(
        "https://w", echoed=False
    ),
    "queue": lambda account, name: AnswerQueue(account, name).publish(RESULT),
    "requests queue": lambda account, name: RequestQueue(account, name).enqueue(
        Resume(resume="order-17"), 1
    ),
}


@pytest.mark.parametrize("kind", WRITES)
async def test_the_last_success_and_the_last_refusal_of_a_write_are_remembered(
    storage: Storage, account: Account, kind: str
) -> None:
    name = fresh_name()
    what = f"{kind.rsplit(maxsplit=1)[-1]} {name}"
    before = account.written(what)

    await WRITES[kind](account, name)
    written = account.written(what)
    storage.proxy.proxy.faults.add(Fault(act=REFUSED, match=Match(name=name), times=None))
    with pytest.raises(StorageRefused) as refusal:
        await WRITES[kind](account, name)
    refused = account.written(what)

    assert before == Evidence()
    assert written.succeeded is not None
    assert (written.refused, written.code) == (None, "")
    assert refused.refused is not None
    assert refused.succeeded is not None
    assert refused.refused <= refused.succeeded
    assert refused.code == refusal.value.code == CODE


async def test_a_changed_record_is_written_with_the_same_right(account: Account) -> None:
    name = fresh_name()
    records = TableRecords(account, name)
    await records.insert(a_record())
    stored = await records.get("order-17")
    assert stored is not None
    first = account.written(f"table {name}").succeeded
    await records.update(stored, a_record(status=Status.FAILED, error=ERROR))
    second = account.written(f"table {name}").succeeded

    assert first is not None
    assert second is not None


async def test_another_failure_says_nothing_about_the_right(
    storage: Storage, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_call, "DEADLINE", 0.5)
    name = fresh_name()
    storage.proxy.proxy.faults.add(Fault(act=BUSY, times=None))

    with pytest.raises(StorageUnavailable):
        await WRITES["queue"](account, name)

    assert account.written(f"queue {name}") == Evidence()


async def test_evidence_outlives_the_session(account: Account) -> None:
    name = fresh_name()
    await WRITES["queue"](account, name)

    await account.aclose()

    assert account.written(f"queue {name}").succeeded is not None


async def test_trying_to_read_makes_no_table(storage: Storage, account: Account) -> None:
    name = fresh_name()
    await account.try_reading(name)
    await TableRecords(account, name).insert(a_record())
    await account.try_reading(name)

    asked = [call.operation.operation for call in storage.proxy.proxy.calls]
    assert asked == ["getRecord", "insertRecord", "createTable", "insertRecord", "getRecord"]
    assert account.written(f"table {name}").refused is None


@pytest.mark.parametrize(
    ("status", "code", "refused"),
    [
        (403, CODE, True),
        (403, "AuthorizationFailure", True),
        (401, "InvalidAuthenticationInfo", True),
        (400, "InvalidInput", False),
    ],
)
async def test_a_refused_read_has_the_service_s_code(
    storage: Storage, account: Account, status: int, code: str, *, refused: bool
) -> None:
    storage.proxy.proxy.faults.add(Fault(act=Answer(status=status, code=code), times=None))

    with pytest.raises(StorageUnavailable) as caught:
        await account.try_reading("runs")

    assert isinstance(caught.value, StorageRefused) is refused
    assert not refused or getattr(caught.value, "code", None) == code


# At Synapse.


def told(reply_: bytes, status: int) -> bytes:
    return answer(status, json.loads(reply_))


@pytest.mark.parametrize(
    ("text", "succeeded", "code"),
    [
        (ACCEPTED, True, None),
        (told(errors.credential_missing("p", "w").body, 403), False, "AccessControlUnauthorized"),
        (told(errors.role_missing("p", "a", "s").body, 401), False, "Unauthorized"),
        (told(errors.flat(404, "PipelineNotFound", "m").body, 404), False, None),
        (answer(500, {}), False, None),
        (answer(429, {}), False, None),
    ],
)
async def test_what_a_start_showed_is_remembered(
    text: bytes, code: str | None, *, succeeded: bool
) -> None:
    async with RawServer(answers(text)) as server, synapse() as pipelines:
        before = pipelines.started(server.url)
        await pipelines.create_run(a_call(server.url))
        found = pipelines.started(server.url)
        elsewhere = pipelines.started("https://elsewhere.dev.azuresynapse.net")

    assert before == elsewhere == Evidence()
    assert (found.succeeded is not None) is succeeded
    assert (found.refused is not None) is (code is not None)
    assert found.code == (code or "")


OID, APP = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"


def a_token(claims: object) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"header.{part}.signature"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (a_token({"oid": OID, "appid": APP}), Identity(object_id=OID, client_id=APP)),
        (a_token({"oid": OID, "azp": APP}), Identity(object_id=OID, client_id=APP)),
        (a_token({"oid": OID}), Identity(object_id=OID)),
        (a_token({"oid": "$(rm -r .)", "appid": 7}), Identity()),
        (a_token([OID]), Identity()),
        ("planted-token", Identity()),
        ("a.b.c", Identity()),
        ("a.é.c", Identity()),
        ("a.____.c", Identity()),
        ("", Identity()),
    ],
)
def test_the_identity_is_read_from_its_token(token: str, expected: Identity) -> None:
    """What is no GUID would stand in a command."""
    assert identity(token) == expected
