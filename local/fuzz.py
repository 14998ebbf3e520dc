"""Checks that the app answers every call as its OpenAPI document says: `make fuzz` runs schemathesis on the local stack."""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from local import fuzz_hooks, schemas, stack

HOOKS = stack.ROOT / "local" / "fuzz_hooks.py"
#: Names every check that is left out, with its reason.
CHECKS = stack.ROOT / "local" / "schemathesis.toml"
KEY = "fuzz-key"
_OTHER = "other methods"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of a run of schemathesis."""

    passed: bool
    answers: Mapping[str, Counter[int]]  #: the number of responses by status, by operation
    output: str

    @property
    def cases(self) -> int:
        return sum(statuses.total() for statuses in self.answers.values())

    def shown(self) -> str:
        """Return the report for the log."""
        lines = (
            f"{operation}: "
            + ", ".join(f"{count} times {status}" for status, count in sorted(found.items()))
            for operation, found in sorted(self.answers.items())
        )
        return "\n".join((self.output, *lines, f"{self.cases} cases were answered."))


async def fuzz(examples: int, *, seed: int | None = None, workers: int = 2) -> Verdict:
    """Start the stack and send up to `examples` cases for each operation in each phase."""
    async with stack.running(host_arguments=("--keys", KEY)) as running:
        run_ids = await _prepare(running.url)
        with tempfile.TemporaryDirectory() as directory:
            report = Path(directory) / "cases.ndjson"
            schemathesis = await asyncio.create_subprocess_exec(
                *_command(running.url, report, examples, seed, workers),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=directory,  # it writes its database of examples there
                env={
                    **os.environ,
                    "NO_COLOR": "1",
                    "SCHEMATHESIS_HOOKS": str(HOOKS),
                    fuzz_hooks.RUN_IDS_VARIABLE: " ".join(run_ids),
                },
            )
            output, _ = await schemathesis.communicate()
            return Verdict(
                passed=schemathesis.returncode == 0,
                answers=_answers(report),
                output=output.decode(errors="replace"),
            )


async def _prepare(url: str) -> list[str]:
    """Make requests in each state, for the routes below a request; returns the ids of their runs."""
    run_ids = []
    later = datetime.now(UTC) + timedelta(hours=6)
    bodies: dict[str, dict[str, str]] = {
        "started": {"pipelineName": "failsLater"},
        "failed": {"pipelineName": "brokenExpression"},
        "waiting": {"pipelineName": "copyOrders", "notBefore": later.isoformat()},
    }
    async with httpx.AsyncClient(base_url=url, headers={"x-functions-key": KEY}) as http:
        for number in range(fuzz_hooks.COUNT):
            for state, body in bodies.items():
                name = fuzz_hooks.request_id(state, number)
                answer = await http.post("/api/runs", json={**body, "requestId": name})
                run_ids += [answer.json()["runId"]] if "runId" in answer.text else []
    return run_ids


def _command(url: str, report: Path, examples: int, seed: int | None, workers: int) -> list[str]:
    return [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(CHECKS)),
        *("run", str(schemas.OPENAPI), "--url", url, "--header", f"x-functions-key: {KEY}"),
        *("--max-examples", str(examples), "--workers", str(workers), "--continue-on-failure"),
        *("--report", "ndjson", "--report-ndjson-path", str(report), "--request-timeout", "240"),
        *(("--seed", str(seed)) if seed is not None else ()),
        *("--suppress-health-check", "all"),  # they concern the generator's speed, not the app
    ]


def _answers(report: Path) -> Mapping[str, Counter[int]]:
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    known = {
        f"{method.upper()} {path}"
        for path, methods in json.loads(schemas.OPENAPI.read_bytes())["paths"].items()
        for method in methods
    }
    for event in map(json.loads, report.read_text().splitlines()):
        recorder = event.get("ScenarioFinished", {}).get("recorder", {})
        for case_id, interaction in recorder.get("interactions", {}).items():
            case = recorder["cases"][case_id]["value"]
            response = interaction.get("response")
            operation = f"{case['method']} {case['path']}"
            # schemathesis also tries methods that a path doesn't have.
            found[operation if operation in known else _OTHER][
                response["status_code"] if response else 0
            ] += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="local.fuzz", description=__doc__)
    parser.add_argument(
        "--examples",
        type=int,
        default=300,
        help="cases for each operation in each phase (default: 300)",
    )
    parser.add_argument(
        "--at-least", type=int, default=0, metavar="CASES", help="fail if fewer were answered"
    )
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    verdict = asyncio.run(fuzz(given.examples, seed=given.seed))
    print(verdict.shown())
    return 0 if verdict.passed and verdict.cases >= given.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
