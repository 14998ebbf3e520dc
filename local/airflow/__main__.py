"""Run `make airflow`; see the package."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local import certificate, stack
from local.airflow import environment
from local.airflow.environment import PythonMissing
from local.synapse.identity import SYSTEM_CLIENT

CALLS = Path(__file__).with_name("calls.py")
DOCS = stack.ROOT / "docs" / "clients.md"
BEGIN, END = "<!-- make airflow writes this -->", "<!-- until here -->"
PATIENCE = 300.0
ACCESS = {
    "access": [{"principals": [SYSTEM_CLIENT], "pipelines": ["*"], "workspaces": ["default"]}]
}


async def main() -> int:
    """Call the gateway through Airflow; returns the exit code."""
    python = environment.interpreter()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        file, key = certificate.write(directory)
        rules = directory / "gateway.json"
        rules.write_text(json.dumps(ACCESS))
        tls = ("--tls-cert", str(file), "--tls-key", str(key))
        env = {"HTTP_AUTH": "entra", "GATEWAY_CONFIG": str(rules), "FOLLOW_SECONDS": "1"}
        async with stack.running(env=env, host_arguments=tls) as running:
            outcomes = await asyncio.to_thread(_call, python, running, file, directory)
    _tell(outcomes, _versions(python))
    return 0 if outcomes and all(outcome["passed"] for outcome in outcomes) else 1


def _call(python: Path, running: stack.Stack, file: Path, home: Path) -> list[dict[str, Any]]:
    """Run the calls; the credential that Airflow's hook makes by itself gets its tokens from the simulated identity."""
    values = os.environ | {
        "GATEWAY": f"https://127.0.0.1:{running.host.port}",
        "SIMULATOR": running.synapse.url,
        "SAMPLES": str(stack.ROOT / "samples" / "clients"),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(stack.ROOT / "samples" / "clients"),
        "AIRFLOW_CONN_SYNAPSE": json.dumps({"conn_type": "azure_synapse"}),
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "IDENTITY_ENDPOINT": f"{running.synapse.url}/identity",
        "IDENTITY_HEADER": stack.IDENTITY_HEADER,
        # Of requests; and of aiohttp, by which triggers call.
        "REQUESTS_CA_BUNDLE": str(file),
        "SSL_CERT_FILE": str(file),
    }
    # Where a DAG is played, Airflow keeps its tasks' states.
    database = [str(python.with_name("airflow")), "db", "migrate"]
    subprocess.run(database, env=values, check=True, capture_output=True)
    done = subprocess.run(
        [python, str(CALLS)],
        env=values,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    said = [
        line.removeprefix("outcome ")
        for line in done.stdout.splitlines()
        if line.startswith("outcome ")
    ]
    if not said:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="\n", file=sys.stderr)
    return [json.loads(line) for line in said]


def _versions(python: Path) -> str:
    names = (
        "apache-airflow",
        "apache-airflow-providers-http",
        "apache-airflow-providers-microsoft-azure",
        "azure-synapse-artifacts",
    )
    code = f"from importlib.metadata import version as v; print(', '.join(n + ' ' + v(n) for n in {names!r}))"
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def _tell(outcomes: list[dict[str, Any]], versions: str) -> None:
    """Show the outcome, and keep it in the docs."""
    rows = [
        f"| {outcome['name']} | {'passed' if outcome['passed'] else 'FAILED'} | {outcome['what']} |"
        for outcome in outcomes
    ]
    passed = sum(outcome["passed"] for outcome in outcomes)
    day = datetime.now(UTC).date().isoformat()
    head = f"{passed} of {len(outcomes)} passed on {day}, over TLS, with `HTTP_AUTH=entra`: {versions}."
    text = "\n".join([head, "", "| called | | outcome |", "|---|---|---|", *rows])
    print(text)
    before, _, rest = DOCS.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    DOCS.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except PythonMissing as missing:
        sys.exit(str(missing))
