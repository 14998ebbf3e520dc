"""What was seen of the app's rights becomes the statement: shared/gateway/rights.py."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.config.rule import Rule
from shared.config.settings import StorageSettings
from shared.gateway import rights
from shared.gateway.rights import (
    NO_RUN,
    PipelineState,
    Right,
    RightState,
    Statement,
    StorageSeen,
    Tried,
    WorkspaceSeen,
)
from shared.kernel.cloud_error import CloudError
from shared.ports import Evidence, Identity
from shared.synapse.reply import Answer, Lost
from tests.fakes.clock import START

SETTINGS = StorageSettings.model_validate(
    {
        "RunStorage__queueServiceUri": "https://orders.queue.core.windows.net",
        "RunStorage__tableServiceUri": "https://orders.table.core.windows.net",
    }
)
GRANTED = Tried(state=RightState.GRANTED)
DONE = Evidence(succeeded=10.0)
STORAGE = StorageSeen(
    tables={"runs": (GRANTED, DONE), "runaudit": (GRANTED, DONE)},
    queues={"run-requests": DONE, "run-results": DONE},
)
LOST = Lost(sent=False, error=CloudError(code="GatewayUnavailable", message="Nobody answers."))


def an_answer(status: int, code: str = "", **fields: Any) -> Answer:
    body = {"error": {"code": code, "message": "m"}} if code else fields
    return Answer(status=status, headers={}, body=json.dumps(body).encode())


NO_SUCH_RUN = an_answer(400, "ReferencedPipelineRunNotFound")
FOUND_RUN = Answer(status=200, headers={}, body=json.dumps({"runId": NO_RUN}).encode())
FOUND = an_answer(200, name="copy", properties={})
WORKSPACE = WorkspaceSeen(
    endpoint="https://w.dev.azuresynapse.net",
    names=("default",),
    identity=Identity(object_id="11111111-2222-4333-8444-555555555555"),
    no_token=None,
    run=NO_SUCH_RUN,
    started=DONE,
    pipelines={"copy": FOUND},
)
WANTED = {("default", "copy"): ["blob", "vehicle"]}


def state(storage: StorageSeen = STORAGE, **workspace: Any) -> Statement:
    seen = replace(WORKSPACE, **workspace)
    return rights.state(storage, [seen], WANTED, settings=SETTINGS, now=START)


def the(statement: Statement, right: str, target: str = "default") -> Right:
    (found,) = (one for one in statement.rights if (one.right, one.target) == (right, target))
    return found


def test_all_is_well() -> None:
    statement = state()

    assert {one.state for one in statement.rights} == {RightState.GRANTED}
    assert [(one.right, one.target) for one in statement.rights] == [
        ("readTable", "runs"),
        ("writeTable", "runs"),
        ("readTable", "runaudit"),
        ("writeTable", "runaudit"),
        ("putOnQueue", "run-requests"),
        ("putOnQueue", "run-results"),
        ("getToken", "default"),
        ("reachWorkspace", "default"),
        ("lookAtRuns", "default"),
        ("startRuns", "default"),
    ]
    assert {one.message for one in statement.rights} == {None}
    assert statement.is_complete
    assert statement.looked_at == START


def test_what_was_not_used_yet_is_no_failure() -> None:
    storage = StorageSeen(
        tables={"runs": (GRANTED, Evidence())}, queues={"run-results": Evidence()}
    )
    statement = state(storage, started=Evidence())

    for right, target in (("writeTable", "runs"), ("putOnQueue", "run-results")):
        assert the(statement, right, target).state is RightState.NOT_YET_SEEN
    assert the(statement, "startRuns").state is RightState.NOT_YET_SEEN
    assert statement.is_complete


REFUSED = Evidence(refused=5.0, code="AuthorizationPermissionMismatch")


@pytest.mark.parametrize(
    ("storage", "right", "target", "role", "scope"),
    [
        (
            replace(
                STORAGE,
                tables={"runs": (Tried(state=RightState.REFUSED, code=REFUSED.code), DONE)},
            ),
            "readTable",
            "runs",
            "Storage Table Data Contributor",
            "Microsoft.Storage/storageAccounts/orders",
        ),
        (
            replace(STORAGE, tables={"runaudit": (GRANTED, REFUSED)}),
            "writeTable",
            "runaudit",
            "Storage Table Data Contributor",
            "Microsoft.Storage/storageAccounts/orders",
        ),
        (
            replace(STORAGE, queues={"run-requests": REFUSED}),
            "putOnQueue",
            "run-requests",
            "Storage Queue Data Contributor",
            "Microsoft.Storage/storageAccounts/orders/queueServices/default/queues/run-requests",
        ),
        (
            replace(STORAGE, queues={"run-results": REFUSED}),
            "putOnQueue",
            "run-results",
            "Storage Queue Data Message Sender",
            "Microsoft.Storage/storageAccounts/orders/queueServices/default/queues/run-results",
        ),
    ],
)
def test_a_right_that_storage_refuses_names_what_grants_it(
    storage: StorageSeen, right: str, target: str, role: str, scope: str
) -> None:
    statement = state(storage)
    found = the(statement, right, target)

    assert (found.state, found.role, found.scope) == (RightState.REFUSED, role, scope)
    assert found.command is not None
    assert found.command.startswith(f'az role assignment create --role "{role}" --scope "$(az ')
    assert found.message == (
        f"Refused [AuthorizationPermissionMismatch]: the identity lacks the role {role} on {scope}."
        f" Grant it with: {found.command}"
    )
    assert found.role_id
    assert not statement.is_complete


SCRIPT = (
    "./infra/grant_synapse_roles.sh --workspace w --principal-id 11111111-2222-4333-8444-555555555555"
    " --apply"
)


@pytest.mark.parametrize(
    ("seen", "right", "code", "role", "scope"),
    [
        (
            {"run": an_answer(status, code)},
            "lookAtRuns",
            code,
            "Synapse Monitoring Operator",
            "workspaces/w",
        )
        for status, code in ((401, "Unauthorized"), (403, "Forbidden"))
    ]
    + [
        (
            {"started": Evidence(refused=1.0, code="AccessControlUnauthorized")},
            "startRuns",
            "AccessControlUnauthorized",
            "Synapse Credential User",
            "workspaces/w/credentials/WorkspaceSystemIdentity",
        )
    ],
)
def test_a_right_that_synapse_refuses_names_what_grants_it(
    seen: dict[str, Any], right: str, code: str, role: str, scope: str
) -> None:
    found = the(state(**seen), right)

    assert (found.state, found.role, found.scope, found.command) == (
        RightState.REFUSED,
        role,
        scope,
        SCRIPT,
    )
    meanwhile = "Requests are started all the same; no outcome is reported. "
    assert found.message == (
        f"Refused [{code}]: the identity lacks the role {role} on {scope}. "
        f"{meanwhile if right == 'lookAtRuns' else ''}Grant it with: {SCRIPT}"
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ClientIpAddressNotAuthorized", "firewall"),
        ("AuthenticationFailed", "token was not accepted"),
        ("InvalidTokenAuthenticationAudience", "another service"),
        ("", "proxy"),
        ("UnreadableResponse", "proxy"),
    ],
)
def test_a_refusal_that_no_role_mends_names_none(code: str, words: str) -> None:
    found = the(state(run=an_answer(403, code)), "lookAtRuns")

    assert found.state is RightState.REFUSED
    assert (found.role, found.scope, found.command) == (None, None, None)
    assert found.message is not None
    assert words in found.message


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (Evidence(succeeded=1.0, refused=2.0, code="x"), RightState.GRANTED),
        (Evidence(succeeded=2.0, refused=1.0, code="x"), RightState.REFUSED),
        (Evidence(succeeded=1.0, refused=1.0, code="x"), RightState.GRANTED),
        (Evidence(refused=1.0, code="x"), RightState.REFUSED),
    ],
)
def test_the_last_use_of_a_right_counts_and_both_times_are_told(
    evidence: Evidence, expected: RightState
) -> None:
    found = the(state(started=evidence), "startRuns")

    assert found.state is expected
    assert found.last_refusal == START - timedelta(seconds=evidence.refused or 0)
    done = evidence.succeeded
    assert found.last_success == (None if done is None else START - timedelta(seconds=done))


@pytest.mark.parametrize(
    "run",
    [
        NO_SUCH_RUN,
        an_answer(404, "ReferencedPipelineRunNotFound"),
        FOUND_RUN,
    ],
)
def test_any_word_on_the_run_shows_that_looks_are_allowed(run: Answer) -> None:
    assert the(state(run=run), "lookAtRuns").state is RightState.GRANTED


def test_a_workspace_that_is_away_is_unknown_and_no_refusal() -> None:
    statement = state(run=LOST)

    for right in ("reachWorkspace", "lookAtRuns"):
        found = the(statement, right)
        assert (found.state, found.message) == (RightState.UNKNOWN, "Nobody answers.")
        assert found.role is None
    assert the(statement, "getToken").state is RightState.GRANTED
    assert not statement.is_complete


@pytest.mark.parametrize("status", [429, 500, 502])
def test_a_workspace_that_does_not_serve_is_reached(status: int) -> None:
    statement = state(run=an_answer(status, "Busy"))

    assert the(statement, "reachWorkspace").state is RightState.GRANTED
    assert the(statement, "lookAtRuns").state is RightState.UNKNOWN


def test_a_missing_token_is_told() -> None:
    found = the(state(no_token=LOST.error, run=LOST), "getToken")

    assert (found.state, found.message) == (RightState.UNKNOWN, "Nobody answers.")


def test_storage_that_is_away_is_unknown() -> None:
    away = Tried(state=RightState.UNKNOWN, reason="table runs: 503 ServerBusy")
    found = the(state(replace(STORAGE, tables={"runs": (away, DONE)})), "readTable", "runs")

    assert (found.state, found.message) == (RightState.UNKNOWN, "table runs: 503 ServerBusy")


HTML = Answer(status=200, headers={}, body=b"<html>sign in</html>")
PAGE = Answer(status=404, headers={}, body=b"<html>not found</html>")
FLAT = Answer(status=404, headers={}, body=b'{"code": "PipelineNotFound", "message": "m"}')
LONG = Answer(status=200, headers={}, body=b'{"name": "copy", "properties": {"act')


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (FOUND, PipelineState.FOUND),
        (LONG, PipelineState.FOUND),
        (an_answer(404, "PipelineNotFound"), PipelineState.MISSING),
        (FLAT, PipelineState.MISSING),
        (an_answer(401, "Unauthorized"), PipelineState.MAY_NOT_READ),
        (an_answer(403, "Forbidden"), PipelineState.MAY_NOT_READ),
        (an_answer(500, "InternalServerError"), PipelineState.UNKNOWN),
        (HTML, PipelineState.UNKNOWN),
        (PAGE, PipelineState.UNKNOWN),
        (LOST, PipelineState.UNKNOWN),
    ],
)
def test_a_pipeline_of_a_rule(outcome: Answer | Lost, expected: PipelineState) -> None:
    statement = state(pipelines={"copy": outcome})

    (found,) = statement.pipelines
    assert (found.pipeline_name, found.workspace, found.rules) == (
        "copy",
        "default",
        ("blob", "vehicle"),
    )
    assert found.state is expected
    assert statement.is_complete is (expected is not PipelineState.MISSING)
    told = {PipelineState.MISSING, PipelineState.UNKNOWN}
    assert bool(found.message) is (expected in told)


def a_rule(name: str, pipeline: str, workspace: str | None = None) -> Rule:
    return Rule.model_validate(
        {"name": name, "pipelineName": pipeline} | ({"workspace": workspace} if workspace else {})
    )


def test_pipelines_are_wanted_once_for_all_their_rules() -> None:
    wanted = rights.wanted_pipelines(
        [
            a_rule("a", "copy"),
            a_rule("b", "copy", "sales"),
            a_rule("c", "copy", "default"),
            a_rule("d", "load"),
        ],
        "default",
    )

    assert wanted == {
        ("default", "copy"): ["a", "c"],
        ("sales", "copy"): ["b"],
        ("default", "load"): ["d"],
    }


def test_what_a_caller_may_not_see_is_left_out() -> None:
    statement = state(names=("default", "sales"))

    def is_copy(name: str, workspace: str) -> bool:
        return (name, workspace) == ("copy", "default")

    assert statement.only(is_copy, lambda _: True) == statement
    assert statement.only(lambda *_: False, lambda _: True).pipelines == ()
    of_sales = statement.only(is_copy, lambda one: one == "sales")
    assert the(of_sales, "startRuns", "sales").state is RightState.GRANTED
    of_storage = [one for one in statement.rights if one.target != "default, sales"]
    assert list(statement.only(is_copy, lambda _: False).rights) == of_storage
