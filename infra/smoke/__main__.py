"""Send one request through each way in of a deployed gateway, and follow it to its result and audit entry.

    python3 -m infra.smoke --resource-group rg-orders
    python3 -m infra.smoke --resource-group rg-orders --pipeline copyOrders

Without --pipeline the requests name a pipeline that is not there, so nothing is started: Synapse's own PipelineNotFound
is then the right answer; with it, one run is followed to its end. Calls are made as
the user who is signed in to az. Ends with 0 if everything came out right.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.smoke import looks
from infra.smoke.deployment import Deployment, find
from infra.smoke.failures import explain
from infra.smoke.looks import Line
from infra.smoke.outside import REAL, Json, Outside, Refused
from infra.smoke.ways import Asked, Send, Ways

_FOLLOWED = 90.0
_BETWEEN = 15.0
_ABSENT = "run-gateway-smoke-test"


@dataclass(slots=True)
class Report:
    """What was seen, each line printed as it comes."""

    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Print a line, and keep it."""
        self.lines.append(line)
        print(f"{'ok  ' if line.ok else 'FAIL'}  {line.what:<10} {line.said}", flush=True)
        if line.advice is not None and not line.ok:
            print(f"      {'':<10} {line.advice.text}", flush=True)

    @property
    def failed(self) -> list[Line]:
        """The lines that are not right."""
        return [line for line in self.lines if not line.ok]


def main(words: Sequence[str], outside: Outside = REAL) -> int:
    """Run the smoke test; returns its exit code."""
    given = arguments(words)
    asked = Asked(
        pipeline=given.pipeline or _ABSENT,
        event=given.event,
        hook=given.hook,
        github_event=given.github_event,
    )
    until = outside.now() + given.wait
    try:
        user = outside.az("account", "show")["user"]["name"]
        deployment = find(outside.az, given.resource_group, given.app)
        left = Ways(outside=outside, deployment=deployment, asked=asked).all()
    except Refused as refused:
        Report().add(looks.failed("deployment", str(refused)))
        return 1
    left = {name: send for name, send in left.items() if name not in given.skip}
    print(f"{deployment.url}, storage {deployment.account}, as {user}")
    while True:
        report = Report()
        for line in looks.setup(outside, deployment):
            report.add(line)
        queues = "queue" not in given.skip
        left = _play(outside, deployment, left, report, started=bool(given.pipeline), queues=queues)
        for line in looks.refused_rights(outside, deployment):
            report.add(line)
        if queues:
            report.add(looks.poison(outside, deployment))
        passes = any(line.advice is not None and line.advice.passes for line in report.failed)
        if not report.failed or not passes or outside.now() >= until:
            break
        print(f"What failed may pass by itself: trying that again in {_BETWEEN:.0f} s.", flush=True)
        outside.sleep(_BETWEEN)
    print("FAILED" if report.failed else "Everything came out right.")
    return 1 if report.failed else 0


def _play(
    outside: Outside,
    deployment: Deployment,
    sends: dict[str, Send],
    report: Report,
    *,
    started: bool,
    queues: bool,
) -> dict[str, Send]:
    """Send through each way and follow what was taken; returns the ways that did not come out right.

    `started` says that a run is what should come of it, `queues` that the queues can be reached from here.
    """
    began = outside.now()
    sent: dict[str, str] = {}  # ids by way
    for name, send in sends.items():
        id_ = f"smoke-{began:.0f}-{name.replace(' ', '-')}"
        refusal = send(id_)
        if refusal:
            report.add(looks.failed(name, refusal))
        else:
            sent[name] = id_
    entries = _entries(outside, deployment, began, list(sent.values()))
    if isinstance(entries, str):
        report.add(looks.failed("audit", entries))
        return sends
    told = looks.told(outside, deployment, list(sent.values())) if sent and queues else set()
    lines = {name: _outcome(name, entries.get(id_), started=started) for name, id_ in sent.items()}
    for name, line in lines.items():
        is_told = isinstance(told, set) and sent[name] in told
        seen = "" if not line.ok else f"; audit{' and result' if is_told else ', result not seen'}"
        report.add(replace(line, said=line.said + seen))
    if isinstance(told, str):
        report.add(looks.failed("results", told))
    if started and "http" in lines and lines["http"].ok:
        report.add(looks.ended(outside, deployment, sent["http"]))
    right = {name for name, line in lines.items() if line.ok}
    return {name: send for name, send in sends.items() if name not in right}


def _entries(
    outside: Outside, deployment: Deployment, began: float, ids: Sequence[str]
) -> Mapping[str, Json] | str:
    """Wait for the audit entry of each id; return what there is, or why the audit can't be read."""
    while True:
        found = looks.audited(outside, deployment, began, ids) if ids else {}
        if isinstance(found, str) or len(found) == len(ids) or outside.now() > began + _FOLLOWED:
            return found
        outside.sleep(1.0)


def _outcome(name: str, entry: Json, *, started: bool) -> Line:
    """Judge what the audit says of a request."""
    if entry is None:
        advice = explain("run_gateway.not_ready") if name == "queue" else None
        said = f"no audit entry after {_FOLLOWED:.0f} s"
        return Line(ok=False, what=name, said=said, advice=advice)
    error: Json = entry.get("error") or {}
    said = f"{entry['status']} {entry.get('runId') or error.get('code', '')}"
    if entry["status"] == "Started":
        return Line(ok=True, what=name, said=said)
    # What an event starts is its rule's business, and there to be started.
    absent = name in {"queue", "http", "wire"} and not started
    if absent and error.get("code") == "PipelineNotFound":
        return Line(ok=True, what=name, said=f"{said}, as it should: no --pipeline was given")
    return looks.failed(name, f"{said}: {error.get('message', '')}")


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="infra.smoke",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--resource-group", required=True, metavar="GROUP")
    parser.add_argument("--app", default="", metavar="NAME", help="where the group has several")
    parser.add_argument("--pipeline", metavar="NAME", help="a harmless one: it is started 3 times")
    parser.add_argument(
        "--event", type=Path, metavar="FILE", help="for /api/events; starts what its rule says"
    )
    parser.add_argument(
        "--hook",
        type=_hook,
        metavar="NAME=FILE",
        help="for /api/hooks/NAME; starts what its rule says",
    )
    parser.add_argument("--github-event", default="push", metavar="TYPE", help="of a GitHub hook")
    parser.add_argument(
        "--wait",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="for roles to take effect (600)",
    )
    parser.add_argument("--skip", action="append", default=[], choices=("queue", "http", "wire"))
    return parser.parse_args(words)


def _hook(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    return name, Path(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
