"""The rights lookup on fakes: what it asks, how often, and what it leaves alone."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, override

import pytest

from shared.auth.policy import Policy
from shared.config.rule import Rule
from shared.gateway.rights import NO_RUN, PipelineState, Right, RightState, Statement
from shared.gateway.rights_lookup import KEPT_SECONDS, RightsLookup
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import StorageRefused, StorageUnavailable
from shared.ports import Evidence, Identity
from shared.synapse.reply import Answer, Lost, NotSent, Unreachable
from shared.triggers import health
from tests.fakes.pipelines import FakePipelines
from tests.fakes.storage_rights import FakeStorageRights
from tests.fakes.topic import FakeTopic
from tests.scenarios.world import ENDPOINT, World
from tests.unit.builders import ERROR

SALES = "https://sales.dev.azuresynapse.net"
DEFINITION = Answer(status=200, headers={}, body=b'{"name": "copy", "properties": {}}')


def a_rule(name: str, pipeline: str = "copy", workspace: str | None = None) -> Rule:
    fields = {"name": name, "pipelineName": pipeline, "workspace": workspace}
    return Rule.model_validate({key: value for key, value in fields.items() if value})


class Lookups:
    """A world, and the lookup of one of its processes."""

    def __init__(
        self,
        *rules: Rule,
        workspaces: Mapping[str, str] | None = None,
        synapse: FakePipelines | None = None,
        topic: FakeTopic | None = None,
    ) -> None:
        self.world = World()
        self.synapse = synapse or self.world.pipelines
        self.synapse.definitions["copy"] = DEFINITION
        self.storage = FakeStorageRights()
        self.hidden: set[str] = set()
        self.closed: set[str] = set()  #: workspaces in which the caller may start nothing
        self.throttle = self.world.host.gateway._runner.throttle
        self.lookup = RightsLookup(
            topic=topic,
            clock=self.world.clock,
            storage=self.storage,
            pipelines=self.synapse,
            throttle=self.throttle,
            policy=Policy(
                workspaces={"default": ENDPOINT} | dict(workspaces or {}),
                default_workspace="default",
                permits=lambda _, name, place: name not in self.hidden and place not in self.closed,
                permits_any=lambda _, place: place not in self.closed,
                names=lambda _: True,
                is_restricted=lambda _: False,
            ),
            rules=rules,
            settings=self.world.settings,
        )

    async def __call__(self) -> Statement:
        return await self.lookup("key")

    async def right(self, name: str, target: str = "default") -> Right:
        statement = await self()
        (found,) = (one for one in statement.rights if (one.right, one.target) == (name, target))
        return found

    async def pipelines(self) -> dict[str, PipelineState]:
        return {one.pipeline_name: one.state for one in (await self()).pipelines}


async def test_a_lookup_reads_and_looks_and_does_nothing_else() -> None:
    lookups = Lookups(a_rule("blob"))
    statement = await lookups()
    world = lookups.world

    assert lookups.storage.reads == ["runs", "runaudit"]
    assert lookups.synapse.looks == [NO_RUN]
    assert lookups.synapse.definition_looks == ["copy"]
    assert (lookups.synapse.calls, lookups.synapse.cancels, lookups.synapse.queries) == ([], [], [])
    assert (world.requests.messages, world.results.published, world.audit.entries) == ([], [], [])
    assert world.records.all() == []
    granted = {one.right for one in statement.rights if one.state is RightState.GRANTED}
    assert granted == {"readTable", "getToken", "reachWorkspace", "lookAtRuns"}
    assert statement.is_complete


async def test_ten_questions_in_a_minute_are_one_look() -> None:
    lookups = Lookups(a_rule("blob"))

    at_once = await asyncio.gather(*(lookups() for _ in range(5)))
    for _ in range(5):
        lookups.world.clock.advance(KEPT_SECONDS / 6)
        at_once.append(await lookups())

    assert (len(lookups.synapse.looks), len(lookups.synapse.definition_looks)) == (1, 1)
    assert len(lookups.storage.reads) == 2
    assert {one.looked_at for one in at_once} == {at_once[0].looked_at}


async def test_a_topic_adds_its_right_and_its_queue() -> None:
    topic = FakeTopic()
    topic.evidence = Evidence(refused=3.0, code="Unauthorized")
    lookups = Lookups(topic=topic)

    send = await lookups.right("sendEvents", "runs.westeurope-1.eventgrid.azure.net")

    assert send.state is RightState.REFUSED
    assert (send.role, send.scope) == ("EventGrid Data Sender", "Microsoft.EventGrid/topics/runs")
    assert (await lookups.right("putOnQueue", "run-outbox")).state is RightState.NOT_YET_SEEN


async def test_without_a_topic_nothing_is_said_of_it() -> None:
    statement = await Lookups()()

    assert "sendEvents" not in {one.right for one in statement.rights}
    assert "run-outbox" not in {one.target for one in statement.rights}


async def test_a_minute_later_it_looks_again() -> None:
    lookups = Lookups()
    lookups.synapse.may_look = False
    refused = await lookups.right("lookAtRuns")
    lookups.synapse.may_look = True

    lookups.world.clock.advance(KEPT_SECONDS)

    assert refused.state is RightState.REFUSED
    assert (await lookups.right("lookAtRuns")).state is RightState.GRANTED


async def test_each_workspace_is_looked_at_once_whatever_its_names() -> None:
    lookups = Lookups(
        a_rule("a"),
        a_rule("b", workspace="sales"),
        a_rule("c", workspace="also-sales"),
        workspaces={"sales": SALES, "also-sales": SALES},
    )
    statement = await lookups()

    assert len(lookups.synapse.looks) == 2
    assert lookups.synapse.definition_looks == ["copy", "copy"]
    targets = [one.target for one in statement.rights if one.right == "lookAtRuns"]
    assert targets == ["default", "sales, also-sales"]
    assert [(one.workspace, one.rules) for one in statement.pipelines] == [
        ("default", ("a",)),
        ("sales", ("b",)),
        ("also-sales", ("c",)),
    ]


async def test_a_missing_role_at_synapse_is_named_with_the_identity() -> None:
    lookups = Lookups()
    lookups.synapse.may_look = False
    lookups.synapse.who = Identity(object_id="11111111-2222-4333-8444-555555555555")
    found = await lookups.right("lookAtRuns")

    assert (found.state, found.role) == (RightState.REFUSED, "Synapse Monitoring Operator")
    assert found.command == (
        "./infra/grant_synapse_roles.sh --workspace w"
        " --principal-id 11111111-2222-4333-8444-555555555555 --apply"
    )


@pytest.mark.parametrize(
    ("failure", "state", "role"),
    [
        (
            StorageRefused("table runaudit: 403 x", code="AuthorizationPermissionMismatch"),
            RightState.REFUSED,
            "Storage Table Data Contributor",
        ),
        (StorageRefused("m", code="AuthorizationFailure"), RightState.REFUSED, None),
        (StorageUnavailable("table runaudit: 503 ServerBusy"), RightState.UNKNOWN, None),
    ],
)
async def test_a_table_that_can_not_be_read_is_told(
    failure: StorageUnavailable, state: RightState, role: str | None
) -> None:
    lookups = Lookups()
    lookups.storage.failures["runaudit"] = failure
    found = await lookups.right("readTable", "runaudit")

    assert (found.state, found.role) == (state, role)
    assert (await lookups.right("readTable", "runs")).state is RightState.GRANTED


async def test_what_is_only_used_is_told_by_its_use() -> None:
    lookups = Lookups()
    lookups.storage.evidence = {
        "table runs": Evidence(succeeded=1.0),
        "queue run-results": Evidence(refused=1.0, code="AuthorizationPermissionMismatch"),
    }
    lookups.synapse.evidence = Evidence(refused=2.0, code="AccessControlUnauthorized")

    assert (await lookups.right("writeTable", "runs")).state is RightState.GRANTED
    assert (await lookups.right("writeTable", "runaudit")).state is RightState.NOT_YET_SEEN
    assert (await lookups.right("putOnQueue", "run-requests")).state is RightState.NOT_YET_SEEN
    put = await lookups.right("putOnQueue", "run-results")
    assert (put.state, put.role) == (RightState.REFUSED, "Storage Queue Data Message Sender")
    start = await lookups.right("startRuns")
    assert (start.state, start.role) == (RightState.REFUSED, "Synapse Credential User")


async def test_without_a_token_nothing_is_asked() -> None:
    lookups = Lookups(a_rule("blob"))
    lookups.synapse.no_token = NotSent(error=ERROR)
    states = {one.right: one.state for one in (await lookups()).rights}

    assert states["getToken"] is states["lookAtRuns"] is RightState.UNKNOWN
    assert (lookups.synapse.looks, lookups.synapse.definition_looks) == ([], [])
    assert await lookups.pipelines() == {"copy": PipelineState.UNKNOWN}


async def test_a_workspace_that_is_away_is_asked_once() -> None:
    lookups = Lookups(a_rule("a"), a_rule("b", "load"))
    lookups.synapse.unreachable = Unreachable(error=ERROR)

    assert (await lookups.right("reachWorkspace")).message == ERROR.message
    assert lookups.synapse.definition_looks == []
    assert set((await lookups.pipelines()).values()) == {PipelineState.UNKNOWN}


@pytest.mark.parametrize("status", [401, 403])
async def test_an_identity_that_may_not_read_artifacts_asks_for_one_pipeline_only(
    status: int,
) -> None:
    """It is no failure: the app needs no such right."""
    lookups = Lookups(a_rule("a"), a_rule("b", "load"), a_rule("c", "more"))
    lookups.synapse.definitions["copy"] = Answer(status=status, headers={}, body=b"")

    assert set((await lookups.pipelines()).values()) == {PipelineState.MAY_NOT_READ}
    assert lookups.synapse.definition_looks == ["copy"]
    assert (await lookups()).is_complete


async def test_a_rule_s_pipeline_that_is_missing_is_named() -> None:
    lookups = Lookups(a_rule("a"), a_rule("b", "laod"))

    assert await lookups.pipelines() == {
        "copy": PipelineState.FOUND,
        "laod": PipelineState.MISSING,
    }
    assert not (await lookups()).is_complete


async def test_a_caller_sees_the_pipelines_that_it_may_start() -> None:
    lookups = Lookups(a_rule("a"), a_rule("b", "load"))
    lookups.hidden = {"load"}

    assert list(await lookups.pipelines()) == ["copy"]


async def test_a_caller_sees_the_rights_of_workspaces_in_which_it_may_start_something() -> None:
    lookups = Lookups(
        a_rule("a"),
        a_rule("b", workspace="sales"),
        workspaces={"sales": SALES, "also-sales": SALES, "hr": "https://hr.dev.azuresynapse.net"},
    )
    lookups.closed = {"default", "sales", "hr"}
    statement = await lookups()
    lookups.closed = set()
    all_rights = (await lookups()).rights

    targets = {one.target for one in statement.rights}
    queues = {"run-requests", "run-results", "run-outcomes"}
    assert targets == {"runs", "runaudit", *queues, "also-sales"}
    assert {one.target for one in all_rights} - targets == {"default", "sales, also-sales", "hr"}
    text = statement.model_dump_json(by_alias=True)
    assert "hr" not in text
    assert '"sales' not in text


class Throttling(FakePipelines):
    """Answers the first look at a pipeline with a 429."""

    @override
    async def get_pipeline(self, endpoint: str, pipeline_name: str) -> Answer | Lost:
        await super().get_pipeline(endpoint, pipeline_name)
        return Answer(status=429, headers={"Retry-After": "7"}, body=b"")


async def test_a_throttled_workspace_is_left_alone_by_looks() -> None:
    lookups = Lookups(a_rule("a"), a_rule("b", "load"), synapse=Throttling())

    assert set((await lookups.pipelines()).values()) == {PipelineState.UNKNOWN}
    assert lookups.synapse.definition_looks == ["copy"]
    assert lookups.throttle.looks(ENDPOINT).remaining() == 7.0
    assert lookups.throttle.starts(ENDPOINT).remaining() == 0.0


async def test_a_workspace_that_rests_is_not_asked() -> None:
    lookups = Lookups(a_rule("a"))
    lookups.throttle.looks(ENDPOINT).rest(30.0)
    found = await lookups.right("lookAtRuns")

    assert (found.state, found.message) == (RightState.UNKNOWN, "The workspace is throttled.")
    assert (lookups.synapse.looks, lookups.synapse.definition_looks) == ([], [])


async def shown(lookups: Lookups | None, *faults: CloudError) -> tuple[int, dict[str, Any]]:
    async def found() -> tuple[CloudError, ...]:
        return faults

    async def statement() -> Statement | None:
        return None if lookups is None else await lookups()

    response = await health.settings(found(), statement(), ())
    return response.status_code, json.loads(response.get_body())


async def test_the_route_shows_what_is_wrong_and_what_is_refused() -> None:
    well, refused, broken = Lookups(), Lookups(a_rule("a")), Lookups()
    refused.synapse.may_look = False

    assert await shown(None) == (200, {"status": "ready", "faults": [], "notices": []})
    status, body = await shown(well)
    assert (status, body["status"], body["pipelines"]) == (200, "ready", [])
    assert body["lookedAt"] == "2026-11-24T08:30:00Z"
    assert {"right": "writeTable", "target": "runs", "state": "notYetSeen"} in body["rights"]
    status, body = await shown(refused)
    assert (status, body["status"], body["faults"]) == (200, "incomplete", [])
    status, body = await shown(broken, ERROR)
    assert (status, body["status"]) == (503, "not ready")
    assert body["rights"]
