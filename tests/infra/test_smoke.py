"""infra.smoke on a made-up cloud: what it makes of answers, and how long it tries. The real one: tests/e2e/test_smoke.py."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import function_app
from infra.smoke import ways
from infra.smoke.__main__ import main
from infra.smoke.deployment import written
from infra.smoke.failures import explain
from infra.smoke.outside import Answer, Outside, Refused
from shared.auth import webhook_signature
from tests.unit.builders import as_received

GROUP = ("--resource-group", "rg-orders")
NO_ROLE = (
    "(AccessControlUnauthorized) Insufficient permissions to call this API. 1 does not have "
    "Microsoft.Synapse/workspaces/credentials/useSecret/action on scope workspaces/w/credentials/WorkspaceSystemIdentity"
)


class World:
    """An app that answers at once; a test says what is different."""

    def __init__(self) -> None:
        self.settings = {
            "RunStorage__queueServiceUri": "https://stx.queue.core.windows.net/",
            "HTTP_AUTH": "key",
        }
        self.functions = sorted(written())
        self.refused: dict[str, str] = {}  # by a word of the command
        self.answers: dict[str, list[Answer]] = {}  # by method and path, before the usual ones
        self.outcome: dict[str, Any] = {"status": "Started", "runId": "r"}
        self.end: str | None = "Succeeded"
        self.poison: list[str] = []
        self.audit: list[dict[str, Any]] = []
        self.results: list[str] = []
        self.pages = 1
        self.writes = {"audit", "result"}
        self.time = 1_800_000_000.0
        self.slept: list[float] = []
        self.proofs: set[tuple[str, str]] = set()
        self.tokens: list[str] = []

    @property
    def outside(self) -> Outside:
        return Outside(az=self.az, call=self.call, now=lambda: self.time, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def az(self, *words: str) -> Any:
        for word, text in self.refused.items():
            if word in words:
                raise Refused(text)
        known: dict[str, Callable[[], Any]] = {
            "account show": lambda: {"user": {"name": "ada"}},
            "account get-access-token": lambda: self.token(words[-1]),
            "functionapp list": lambda: [{"name": "app", "defaultHostName": "app.example"}],
            "functionapp config": lambda: [
                {"name": name, "value": value} for name, value in self.settings.items()
            ],
            "functionapp keys": lambda: {"functionKeys": {"default": "the-key"}},
            "functionapp function": lambda: [{"name": f"app/{name}"} for name in self.functions],
            "storage message": lambda: self.queue(words[2], words[-1]),
        }
        return known[" ".join(words[:2])]()

    def token(self, audience: str) -> Any:
        self.tokens.append(audience)
        return {"accessToken": "the-token"}

    def queue(self, verb: str, last: str) -> Any:
        if verb == "put":
            return self.take(json.loads(last)["requestId"])
        texts = self.poison if last.endswith("-poison") else self.results
        return [{"content": text} for text in texts]

    def take(self, id_: str) -> None:
        if "audit" in self.writes:
            self.audit.append(self.outcome | {"requestId": id_})
        if "result" in self.writes:
            text = json.dumps({"requestId": id_}).encode()
            self.results.append(base64.b64encode(text).decode())

    def call(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        path = url.removeprefix("https://app.example").partition("?")[0]
        self.proofs |= {item for item in headers.items() if item[0] in {"x-functions-key", "Authorization"}}  # fmt: skip
        waiting = self.answers.get(f"{method} {path}")
        if waiting:
            return waiting.pop(0)
        if (method, path) == ("GET", "/api/runs"):
            return self.page(int(url.rpartition("=")[2]) if "continuationToken" in url else 0)
        if method == "POST":
            wire = headers.get("x-ms-client-request-id")
            self.take(wire or json.loads(content or b"")["requestId"])
        if path.endswith("/outcome"):
            return Answer(
                200 if self.end == "Succeeded" else 202, json.dumps({"outcome": self.end})
            )
        return Answer(200, "{}")

    def page(self, number: int) -> Answer:
        entries = self.audit[number :: self.pages]
        more = {"continuationToken": str(number + 1)} if number + 1 < self.pages else {}
        return Answer(200, json.dumps({"value": entries} | more))


@pytest.fixture
def world() -> World:
    return World()


def test_the_functions_expected_are_those_that_the_app_has() -> None:
    """Read without the app's packages, which a person who deploys need not have."""
    names = {name for name, one in vars(function_app).items() if type(one).__name__ == "FunctionBuilder"}  # fmt: skip

    assert written() == names


def test_all_is_well(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*GROUP, "--pipeline", "copy"], world.outside) == 0

    said = capsys.readouterr().out
    assert said.count("Started r; audit and result") == 3
    assert "ok    outcome    the run has Succeeded" in said
    assert said.endswith("Everything came out right.\n")
    assert world.proofs == {("x-functions-key", "the-key")}
    assert "the-key" not in said


def test_with_entra_a_token_for_the_first_audience_is_the_proof(world: World) -> None:
    world.settings |= {"HTTP_AUTH": "entra", "ENTRA_AUDIENCES": "https://dev.azuresynapse.net, api://x"}  # fmt: skip

    assert main([*GROUP, "--pipeline", "copy"], world.outside) == 0
    assert world.tokens == ["https://dev.azuresynapse.net"]
    assert world.proofs == {("Authorization", "Bearer the-token")}


def test_a_run_whose_end_is_not_reported_is_seen(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.end = None
    assert main([*GROUP, "--pipeline", "copy"], world.outside) == 1

    said = capsys.readouterr().out
    assert "FAIL  outcome    the run is still open after 180 s" in said
    assert "looks_refused" in said


def test_a_run_that_is_not_followed_is_not_waited_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.end = None
    world.settings["FOLLOW_RUNS"] = "none"

    assert main([*GROUP, "--pipeline", "copy"], world.outside) == 0
    assert "not followed: FOLLOW_RUNS=none" in capsys.readouterr().out


def test_an_entry_on_a_later_page_of_the_audit_is_found(world: World) -> None:
    world.pages = 3

    assert main([*GROUP, "--pipeline", "copy"], world.outside) == 0


def test_a_result_that_was_read_by_another_is_no_failure(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.results = ["no base64", base64.b64encode(b"[1]").decode()]
    world.writes = {"audit"}

    assert main([*GROUP, "--pipeline", "copy"], world.outside) == 0
    assert capsys.readouterr().out.count("audit, result not seen") == 3


def test_a_role_is_waited_for_and_what_came_right_is_not_sent_again(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = Answer(403, json.dumps({"error": {"code": "Denied", "message": NO_ROLE}}))
    world.answers["POST /api/runs"] = [denied, denied]

    assert main([*GROUP, "--pipeline", "copy"], world.outside) == 0
    assert len(world.audit) == 3  # queue, wire, and http at the third time
    assert world.slept.count(15.0) == 2
    assert capsys.readouterr().out.count("lacks Synapse Credential User on WorkspaceSystemIdentity") == 2  # fmt: skip


def test_it_gives_up_when_the_time_is_over(world: World) -> None:
    world.outcome = {"status": "Failed", "error": {"code": "Denied", "message": NO_ROLE}}

    assert main([*GROUP, "--pipeline", "copy", "--wait", "40"], world.outside) == 1
    assert world.slept.count(15.0) == 3


def test_what_does_not_pass_by_itself_is_not_tried_again(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"code": "PipelineNotFound", "message": "The Pipeline nope was not found"}
    world.outcome = {"status": "Failed", "error": error}

    assert main([*GROUP, "--pipeline", "nope"], world.outside) == 1
    assert 15.0 not in world.slept
    assert "no published pipeline of that name" in capsys.readouterr().out


def test_a_message_that_nobody_takes_is_told_after_a_while(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.writes = set()

    assert main([*GROUP, "--wait", "0"], world.outside) == 1
    said = capsys.readouterr().out
    assert said.count("no audit entry after 90 s") == 3
    assert "Storage Queue Data Contributor on run-requests" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.settings.update(AzureWebJobsStorage=""), "Remove that setting."),
        (lambda w: w.functions.clear(), "azure-functions-host#11915"),
        (lambda w: w.functions.remove("answer_poison"), "not answer_poison"),
        (lambda w: w.poison.append("x"), "1 messages in run-requests-poison"),
        (lambda w: w.refused.update(function="(AuthorizationFailed) no"), "Website Contributor"),
        (lambda w: w.refused.update(put="AuthorizationPermissionMismatch"), "Storage Queue Data Message Sender on run-requests"),
        (lambda w: w.refused.update(peek="AuthorizationFailure"), "--skip queue"),
        (lambda w: w.answers.update({"GET /api/runs": [Answer(403, '{"error": {"code": "NotPermitted"}}')]}), "access of gateway.json"),
        (lambda w: w.answers.update({"GET /api/health/ready": [Answer(503, "Function host is not running.")]}), "Storage Blob Data Owner"),
        (
            lambda w: w.answers.update({
                "GET /api/health/ready": [Answer(503, '{"status": "not ready"}')],
                "GET /api/health/settings": [Answer(503, '{"faults": [{"target": "RunStorage", "message": "403"}]}')],
            }),
            "Storage Table Data Contributor on the account",
        ),
        (
            lambda w: w.answers.update({
                "GET /api/health/settings": [Answer(200, '{"rights": [{"right": "lookAtRuns", "state": "refused", "message": "Refused: grant it with infra/grant_synapse_roles.sh"}]}')],
            }),
            "right lookAtRuns",
        ),
        (lambda w: w.answers.update({"POST /api/runs": [Answer(401, "")]}), "The app doesn't take your proof"),
        (lambda w: w.answers.update({"POST /api/runs": [Answer(404, "")]}), "The platform knows no such route"),
        (lambda w: w.answers.update({"POST /api/runs": [Answer(0, "timed out")]}), "Nothing answers there"),
    ],
)  # fmt: skip
def test_a_failure_is_told_with_what_it_means(
    world: World, capsys: pytest.CaptureFixture[str], change: Any, says: str
) -> None:
    change(world)

    assert main([*GROUP, "--pipeline", "copy", "--wait", "0"], world.outside) == 1
    said = capsys.readouterr().out
    assert says in said
    assert said.endswith("FAILED\n")


@pytest.mark.parametrize(
    ("refused", "arguments", "says"),
    [
        ({"show": "Please run 'az login' to setup account."}, (), "az login"),
        ({"keys": "(AuthorizationFailed) no"}, (), "Website Contributor"),
        ({}, ("--app", "other"), "Which function app of rg-orders?"),
        ({}, ("--hook", "nobody=README.md"), "gateway.json has no hook nobody."),
    ],
)
def test_without_a_deployment_nothing_is_sent(
    world: World,
    capsys: pytest.CaptureFixture[str],
    refused: dict[str, str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    world.refused = refused

    assert main([*GROUP, *arguments], world.outside) == 1
    assert says in capsys.readouterr().out
    assert world.audit == []


def test_an_app_of_another_making_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    del world.settings["RunStorage__queueServiceUri"]

    assert main(GROUP, world.outside) == 1
    assert "it is not deployed from infra/" in capsys.readouterr().out


def test_the_queue_can_be_left_out_where_it_is_out_of_reach(world: World) -> None:
    world.refused = {"storage": "AuthorizationFailure"}

    assert main([*GROUP, "--pipeline", "copy", "--skip", "queue"], world.outside) == 0


@pytest.mark.parametrize("secret", ["a-secret-of-github-s", '["a-secret-of-github-s", "an older one"]'])  # fmt: skip
def test_github_s_signature_is_one_that_the_app_takes(secret: str) -> None:
    signed = ways._github(secret, "push")("id-1", b"{}")

    assert webhook_signature.github(as_received(signed), b"{}", [b"a-secret-of-github-s"]) == "id-1"
    assert signed["X-GitHub-Event"] == "push"


def test_a_standard_webhook_s_signature_is_one_that_the_app_takes() -> None:
    secret = f"whsec_{base64.b64encode(b'sixteen bytes or more').decode()}"
    signed = ways._standard_webhooks(f"{secret}, whsec_older", lambda: 1_800_000_000.5)("id-1", b"{}")  # fmt: skip

    now = datetime.fromtimestamp(1_800_000_000, UTC)
    assert (
        webhook_signature.standard_webhooks(
            as_received(signed), b"{}", [b"sixteen bytes or more"], now
        )
        == "id-1"
    )


NO_READ = (
    "(Unauthorized) The principal '1' does not have the required Synapse RBAC permission to perform this action. "
    "Required permission: Action: Microsoft.Synapse/workspaces/read, Scope: workspaces/w/*."
)


@pytest.mark.parametrize(
    ("text", "role"),
    [
        (NO_ROLE, "Synapse Credential User"),
        (NO_READ, "Synapse Credential User"),
        ("createRun was sent and its answer was lost; the gateway may not look: no", "Synapse Monitoring Operator"),
        ("(ClientIpAddressNotAuthorized) Client Ip address : 203.0.113.7", "GATEWAY_OUTBOUND_IP"),
        (
            "(ClientIpAddressNotAuthorized) Client IP address 172.16.0.4 is not authorized to access private endpoint connection",
            "private endpoint",
        ),
        ("You do not have the required permissions needed to perform this operation.", "Storage Queue Data"),
        ("The request may be blocked by network rules of storage account.", "vnetEnabled"),
    ],
)  # fmt: skip
def test_the_words_of_an_error_name_what_is_missing(text: str, role: str) -> None:
    advice = explain(text)

    assert advice is not None
    assert role in advice.text


@pytest.mark.parametrize(
    "text",
    [
        "InvalidTemplate: Unable to parse expression",
        'HTTP 503 {"error": {"code": "RetriesExhausted"}}',
        'HTTP 404 {"error": {"code": "NotFound"}}',
    ],
)
def test_an_error_that_is_not_known_is_left_as_it_is(text: str) -> None:
    """An app that answers is there: its own refusals are none of the platform's."""
    assert explain(text) is None


def test_the_page_shows_lines_as_they_are_printed() -> None:
    page = (Path(function_app.__file__).parent / "docs" / "deploy.md").read_text()

    assert f"{len(written())} of {len(written())} indexed" in page
