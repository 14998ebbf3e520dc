"""What is looked at: functions, readiness, what became of each request, what waits in the poison queue."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from infra.smoke.deployment import Deployment, indexed, written
from infra.smoke.failures import Advice, explain
from infra.smoke.outside import Json, Outside, Refused

#: Clocks differ, and a page of the audit has 200 entries: more pages than this are not turned.
_BEFORE = timedelta(minutes=10)
_PAGES = 10
#: Seconds that a harmless pipeline may take until its end is reported, and between two looks.
_ENDS = 180.0
_LOOKS = 5.0
_NOT_INDEXED = Advice(
    "The deployment succeeded and the platform found no function in it (azure-functions-host#11915). The log of the "
    "host says why: most often an import that failed. Wait a minute, restart the app, or deploy again.",
    passes=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the report."""

    ok: bool
    what: str
    said: str
    advice: Advice | None = None


def failed(what: str, error: str) -> Line:
    """Report an error with what it means."""
    return Line(ok=False, what=what, said=error, advice=explain(error))


def setup(outside: Outside, deployment: Deployment) -> Iterator[Line]:
    """Look at the app before anything is sent."""
    if "AzureWebJobsStorage" in deployment.settings:
        error = "AzureWebJobsStorage is set: the host takes it before the identity, even empty."
        yield Line(ok=False, what="settings", said=error, advice=Advice("Remove that setting."))
    else:
        yield Line(
            ok=True, what="settings", said=f"{len(deployment.settings)}, no AzureWebJobsStorage"
        )
    yield _functions(outside, deployment)
    yield _readiness(outside, deployment)


def _functions(outside: Outside, deployment: Deployment) -> Line:
    expected = written()
    try:
        found = indexed(outside.az, deployment)
    except Refused as refused:
        return failed("functions", str(refused))
    missing = sorted(expected - found)
    said = f"{len(expected & found)} of {len(expected)} indexed"
    if not missing:
        return Line(ok=True, what="functions", said=said)
    return Line(
        ok=False, what="functions", said=f"{said}; not {', '.join(missing)}", advice=_NOT_INDEXED
    )


def _readiness(outside: Outside, deployment: Deployment) -> Line:
    answer = outside.call("GET", f"{deployment.url}/api/health/ready", {}, None)
    if answer.status == 200:
        return Line(ok=True, what="ready", said="settings, storage and Synapse's token")
    if answer.body.get("status") != "not ready":
        return failed("ready", answer.said())
    said = outside.call("GET", f"{deployment.url}/api/health/settings", deployment.proof, None)
    faults = said.body.get("faults") or []
    text = " ".join(f"{one['target']}: {one['message']}" for one in faults)
    return failed("ready", text or said.said())


def refused_rights(outside: Outside, deployment: Deployment) -> Iterator[Line]:
    """Report each right that the app lacks, as it says itself: with the role, its scope and the command."""
    said = outside.call("GET", f"{deployment.url}/api/health/settings", deployment.proof, None)
    for right in said.body.get("rights") or []:
        if right["state"] == "refused":
            yield Line(ok=False, what=f"right {right['right']}", said=right["message"])


def audited(
    outside: Outside, deployment: Deployment, since: float, ids: Sequence[str]
) -> Mapping[str, Json] | str:
    """Find the audit entry of each id, or say why the audit can't be read."""
    start = quote((datetime.fromtimestamp(since, UTC) - _BEFORE).isoformat())
    url = f"{deployment.url}/api/runs?top=200&since={start}"
    found: dict[str, Json] = {}
    token = ""
    for _ in range(_PAGES):
        answer = outside.call("GET", url + token, deployment.proof, None)
        if answer.status != 200:
            return answer.said()
        for entry in answer.body["value"]:
            found |= dict.fromkeys(_named(entry) & set(ids), entry)
        if not answer.body.get("continuationToken") or len(found) == len(ids):
            break
        token = f"&continuationToken={quote(answer.body['continuationToken'])}"
    return found


def _named(entry: Json) -> set[str]:
    return {entry.get("requestId", ""), entry.get("correlationId", "")}


def told(outside: Outside, deployment: Deployment, ids: Sequence[str]) -> set[str] | str:
    """Find which ids have a result on the queue of results, or say why it can't be read. Takes none away."""
    try:
        messages = _peek(
            outside, deployment, deployment.setting("RUN_RESULTS_QUEUE", "run-results")
        )
    except Refused as refused:
        return str(refused)
    return {one for message in messages for one in _named(_decoded(message)) & set(ids)}


def ended(outside: Outside, deployment: Deployment, id_: str) -> Line:
    """Follow a run to its end, as the gateway reports it: how it ended is the pipeline's own business."""
    if deployment.setting("FOLLOW_RUNS", "all") == "none":
        return Line(ok=True, what="outcome", said="not followed: FOLLOW_RUNS=none")
    began = outside.now()
    url = f"{deployment.url}/api/runs/{quote(id_)}/outcome"
    while True:
        answer = outside.call("GET", url, deployment.proof, None)
        if answer.body.get("outcome"):
            return Line(ok=True, what="outcome", said=f"the run has {answer.body['outcome']}")
        if answer.status != 202:
            return failed("outcome", answer.said())
        if outside.now() > began + _ENDS:
            return failed("outcome", f"the run is still open after {_ENDS:.0f} s")
        outside.sleep(_LOOKS)


def poison(outside: Outside, deployment: Deployment) -> Line:
    """Look whether the platform gave up on a message."""
    queue = f"{deployment.setting('RUN_REQUESTS_QUEUE', 'run-requests')}-poison"
    try:
        messages = _peek(outside, deployment, queue)
    except Refused as refused:
        return failed("poison", str(refused))
    if not messages:
        return Line(ok=True, what="poison", said="empty")
    advice = Advice("The app answers them; docs/operate.md has how to put them back.")
    return Line(ok=False, what="poison", said=f"{len(messages)} messages in {queue}", advice=advice)


def _peek(outside: Outside, deployment: Deployment, queue: str) -> list[Json]:
    found = outside.az(
        *("storage", "message", "peek", "--auth-mode", "login", "--num-messages", "32"),
        *("--account-name", deployment.account, "--queue-name", queue),
    )
    return list(found or [])


def _decoded(message: Json) -> Json:
    text = message["content"]
    try:
        body = json.loads(text if text.startswith("{") else base64.b64decode(text))
    except (ValueError, binascii.Error):
        return {}
    return body if isinstance(body, dict) else {}
