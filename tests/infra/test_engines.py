"""The image, the Kubernetes manifests and the workflows, held to every check; and one thing broken at a time."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.infra import checks_of_engines as engines, checks_of_workflows as workflows

ROOT = Path(__file__).resolve().parents[2]
CHECKS: Final[dict[str, Callable[[Path], Iterator[str]]]] = {
    "image": engines.image,
    "schemas": engines.schemas,
    "settings": engines.settings,
    "functions": engines.functions,
    "pods": engines.pods,
    "scaling": engines.scaling,
    "placeholders": engines.placeholders,
    "container apps": engines.container_apps,
    "secrets": engines.secrets,
    "workflow schema": workflows.schema,
    "actions": workflows.actions,
    "rights": workflows.rights,
    "expressions": workflows.expressions,
    "order": workflows.order,
    "delivery": workflows.delivery,
}
GATEWAY = "infra/kubernetes/gateway.yaml"
KEDA = "infra/kubernetes/keda.yaml"
CI = ".github/workflows/ci.yml"
DEPLOY = ".github/workflows/deploy.yml"

#: what is broken, the file, its text, the text instead, and the check that finds it
BREAKAGES: Final = [
    ("another Python", "Dockerfile", "4-python3.13", "4-python3.12", "image"),
    ("any version of the image", "Dockerfile", ":4-python3.13", "", "image"),
    ("folder left out", "Dockerfile", "COPY shared shared\n", "", "image"),
    ("folder at another place", "Dockerfile", "COPY shared shared", "COPY shared ./", "image"),
    ("file left out", "Dockerfile", "COPY function_app.py gateway.json", "COPY function_app.py", "image"),
    ("host looks elsewhere", "Dockerfile", "WORKDIR /home/site/wwwroot", "WORKDIR /app", "image"),
    ("compiled at each start", "Dockerfile", "RUN python -m compileall", "RUN true", "image"),
    ("compiled too early", "Dockerfile", "unchecked-hash .\n", "unchecked-hash .\nCOPY shared shared\n", "image"),
    ("pip chooses", "Dockerfile", "--no-deps ", "", "image"),
    ("context with more", ".dockerignore", "!shared", "!shared\n!local", "image"),
    ("context with less", ".dockerignore", "!gateway.json\n", "", "image"),
    ("property mistyped", GATEWAY, "terminationGracePeriodSeconds", "terminationGraceSeconds", "schemas"),
    ("number for a text", GATEWAY, 'cpu: "1"', "cpu: [1]", "schemas"),
    ("resource of no version", GATEWAY, "apiVersion: apps/v1", "apiVersion: apps/v2", "schemas"),
    ("property that KEDA lacks", KEDA, "cooldownPeriod", "coolDownPeriod", "schemas"),
    ("value that KEDA lacks", KEDA, "visibleonly", "visible", "schemas"),
    ("number where KEDA wants a text", KEDA, 'queueLength: "16"', "queueLength: 16", "schemas"),
    ("account left out", KEDA, "        accountName: ${STORAGE_ACCOUNT}\n", "", "schemas"),
    ("provider of another cloud", KEDA, "azure-workload", "aws", "schemas"),
    ("setting misspelt", GATEWAY, "RUNS_TABLE:", "RUN_TABLE:", "settings"),
    ("setting that the app refuses", GATEWAY, "HTTP_AUTH: key", "HTTP_AUTH: none", "settings"),
    ("endpoint left out", GATEWAY, "  SYNAPSE_ENDPOINT: ${SYNAPSE_ENDPOINT}\n", "", "settings"),
    ("table renamed", GATEWAY, "RUNS_TABLE: runs", "RUNS_TABLE: requests", "settings"),
    ("an id for each pod", GATEWAY, "  AzureFunctionsWebHost__hostid: run-gateway\n", "", "settings"),
    ("host without blobs", GATEWAY, "AzureWebJobsStorage__blobServiceUri", "AzureWebJobsStorage__accountName", "settings"),
    ("function mistyped", GATEWAY, "value: start_from_http }", "value: start_from_htp }", "functions"),
    ("function left out", GATEWAY, "            - { name: AzureFunctionsJobHost__functions__21, value: settings }\n", "", "functions"),
    ("no probe served", GATEWAY, "functions__0, value: live", "functions__0, value: queue", "functions"),
    ("queue read by both", GATEWAY, "value: forget }", "value: answer_poison }", "functions"),
    ("no workload identity", GATEWAY, '        azure.workload.identity/use: "true"\n', "", "pods"),
    ("another account", GATEWAY, "serviceAccountName: run-gateway", "serviceAccountName: default", "pods"),
    ("settings elsewhere", GATEWAY, "configMapRef: { name: run-gateway }", "configMapRef: { name: gateway }", "pods"),
    ("another port", GATEWAY, "http://+:8080", "http://+:80", "pods"),
    ("probe of no route", GATEWAY, "path: /api/health/live", "path: /healthz", "pods"),
    ("selector that finds nothing", GATEWAY, "selector: { app.kubernetes.io/name: run-gateway,", "selector: { app.kubernetes.io/name: gateway,", "pods"),
    ("queue renamed", KEDA, "queueName: run-requests\n", "queueName: requests\n", "scaling"),
    ("poison queue not looked at", KEDA, "run-requests-poison", "run-results", "scaling"),
    ("hidden messages counted", KEDA, "visibleonly", "all", "scaling"),
    ("another batch", KEDA, 'queueLength: "16"', 'queueLength: "5"', "scaling"),
    ("one pod for ever", KEDA, "minReplicaCount: 0", "minReplicaCount: 1", "scaling"),
    ("callers scaled to zero", KEDA, "    name: run-gateway-queue\n  min", "    name: run-gateway-http\n  min", "scaling"),
    ("identity of another name", KEDA, "      authenticationRef:\n        name: run-gateway-queues", "      authenticationRef:\n        name: keda", "scaling"),
    ("placeholder that nobody fills", GATEWAY, "${GATEWAY_CLIENT_ID}", "${CLIENT_ID}", "placeholders"),
    ("setting of a container app misspelt", "docs/containers.md", "RunStorage__tableServiceUri=", "RunStorage__tablesServiceUri=", "container apps"),
    ("identity of a container app left out", "docs/containers.md", "      AZURE_CLIENT_ID=<client-id> \\\n", "", "container apps"),
    ("connection string", GATEWAY, "  HTTP_AUTH: key", "  HTTP_AUTH: key\n  RunStorage: AccountName=x;AccountKey=y", "secrets"),
    ("secret in the image", "Dockerfile", "WORKDIR", "ENV RunStorage=AccountKey=y\nWORKDIR", "secrets"),
    ("key of a workflow mistyped", CI, "runs-on:", "run-on:", "workflow schema"),
    ("right that GitHub lacks", CI, "contents: read", "contents: reed", "workflow schema"),
    ("action by a tag", CI, "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "actions"),
    ("commit of another version", DEPLOY, "# v3.0.1", "# v3.0.0", "actions"),
    ("input that an action lacks", DEPLOY, "client-id:", "clientid:", "actions"),
    ("workflow that is not there", DEPLOY, "workflows/ci.yml", "workflows/check.yml", "actions"),
    ("rights for every job", CI, "permissions: {}", "permissions: write-all", "rights"),
    ("a right too many", CI, "contents: read", "contents: write", "rights"),
    ("identity without a guard", DEPLOY, "    environment: production\n", "", "rights"),
    ("token kept", CI, "persist-credentials: false", "persist-credentials: true", "rights"),
    ("secret read", DEPLOY, "vars.AZURE_CLIENT_ID", "secrets.AZURE_CLIENT_ID", "expressions"),
    ("variable misspelt", DEPLOY, "vars.AZURE_TENANT_ID", "vars.AZURE_TENANT", "expressions"),
    ("command made of a branch's name", CI, "- run: make package", "- run: make package REF=${{ github.ref }}", "expressions"),
    ("job that is not there", DEPLOY, "needs: check", "needs: test", "order"),
    ("check left out", CI, "      - run: .ci/run\n", "", "delivery"),
    ("another artifact", DEPLOY, "name: run-gateway\n", "name: gateway\n", "delivery"),
    ("another file", CI, "run-gateway.zip", "gateway.zip", "delivery"),
    ("packages not installed", DEPLOY, "remote-build: true", "remote-build: false", "delivery"),
]  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("infra/kubernetes", ".github"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "docs").mkdir()
    for name in ("Dockerfile", ".dockerignore", "docs/containers.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("check", CHECKS)
def test_the_engines_pass(check: str) -> None:
    assert list(CHECKS[check](ROOT)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "check"),
    [breakage[1:] for breakage in BREAKAGES],
    ids=[breakage[0] for breakage in BREAKAGES],
)
def test_a_breakage_is_found_by_its_check(
    copy: Path, file: str, old: str, new: str, check: str
) -> None:
    path = copy / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))

    assert list(CHECKS[check](copy))
