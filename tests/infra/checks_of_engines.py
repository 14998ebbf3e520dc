"""What the image and the Kubernetes manifests promise: each check yields what is wrong."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import kubernetes_validate
import pathspec
import yaml

from local import package
from shared import wiring
from shared.config import settings as app_settings
from shared.config.settings import Settings
from tests.infra import checks_of_contract as contract, engine_facts
from tests.served_functions import names, triggers

WWWROOT: Final = "/home/site/wwwroot"
#: What Core Tools' own Dockerfile.python3.13 starts from (azure-functions-core-tools 3ee97a6).
BASE: Final = "mcr.microsoft.com/azure-functions/python:4-python{version}"
PROBES: Final = {"live": "/api/health/live", "ready": "/api/health/ready"}
#: Settings of a container besides those of every deployment. Settings of Azure's own that it has not, as Application
#: Insights', are not held against it.
HOST: Final = {"ASPNETCORE_URLS", "AzureFunctionsWebHost__hostid"}
#: Settings that infra/main.bicep gives by their defaults, or for Entra or a topic alone.
_DEFAULTS: Final = {
    "ENTRA_AUDIENCES",
    "ENTRA_AUTHORITY",
    "ENTRA_TENANT_ID",
    "FOLLOW_RUNS",
    "FOLLOW_SECONDS",
    "HTTP_AUTH",
    "OUTCOME_TOPIC_ENDPOINT",
    "PUBLIC_URL",
    "RUNS_TABLE",
    "RUN_AUDIT_TABLE",
    "RUN_OUTBOX_QUEUE",
    "RUN_OUTCOMES_QUEUE",
    "RUN_REQUESTS_QUEUE",
    "RUN_RESULTS_QUEUE",
    "RUN_TELEMETRY",
}
_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}")
_EXAMPLES: Final = {"SYNAPSE_ENDPOINT": "https://contoso.dev.azuresynapse.net"}

type Manifest = dict[str, Any]


def image(root: Path) -> Iterator[str]:
    """The image is made of Microsoft's for our Python and of the files of the package, at the host's place."""
    text = (root / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    version = (wiring.ROOT / ".python-version").read_text().strip()
    if [line[1:] for line in lines if line[0] == "FROM"] != [[BASE.format(version=version)]]:
        yield f"The image does not start from {BASE.format(version=version)}."
    members = set(package.members(wiring.ROOT))
    context = {path for path in _tracked() if not _docker_ignore(root).match_file(path)}
    yield from (f".dockerignore and .funcignore differ over {path}." for path in context ^ members)
    if ["WORKDIR", WWWROOT] not in lines or f"AzureWebJobsScriptRoot={WWWROOT}" not in text:
        yield f"The host does not look into {WWWROOT}."
    copied = set(_copied(lines, context))
    yield from (f"{path} is not in the image as in the package." for path in copied ^ members)
    install = next((line for line in lines if line[:2] == ["RUN", "pip"]), [])
    if not {"--no-deps", "/requirements.txt"} <= set(install):
        yield "pip may choose what requirements.txt does not say."
    if lines[-1][:4] != ["RUN", "python", "-m", "compileall"] or lines[-1][-1] != ".":
        yield "The app's modules are not compiled once they are all there."


def _tracked() -> list[str]:
    every = package.members(wiring.ROOT)
    return [*every, "pyproject.toml", "local.settings.sample.json", "docs/http.md", "local/run.py"]


def _docker_ignore(root: Path) -> pathspec.GitIgnoreSpec:
    """Read .dockerignore; its patterns are of the root, where git's are of any folder."""
    lines = [line for line in (root / ".dockerignore").read_text().splitlines() if line]
    patterns = [line for line in lines if not line.startswith("#")]
    return pathspec.GitIgnoreSpec.from_lines(
        f"!/{line[1:]}" if line.startswith("!") else f"/{line}" for line in patterns
    )


def _copied(lines: list[list[str]], context: set[str]) -> Iterator[str]:
    """Name what COPY puts below the WORKDIR, by its path there."""
    for line in lines:
        if line[0] != "COPY" or line[-1].startswith("/"):
            continue
        *sources, target = line[1:]
        for path in context:
            if path in sources and target == "./":
                yield path
            for folder in sources:
                if path.startswith(f"{folder}/"):
                    yield f"{target}/{path.removeprefix(f'{folder}/')}"


def manifests(root: Path) -> list[Manifest]:
    """Read the manifests, their placeholders filled in."""
    text = "\n---\n".join(path.read_text() for path in sorted(_files(root)))
    filled = _PLACEHOLDER.sub(lambda found: _EXAMPLES.get(found[1], found[1].lower()), text)
    return [one for one in yaml.safe_load_all(filled) if one]


def _files(root: Path) -> Iterator[Path]:
    return (root / "infra" / "kubernetes").glob("*.yaml")


def _of_kind(root: Path, kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests(root) if one.get("kind") == kind}


def schemas(root: Path) -> Iterator[str]:
    """Kubernetes and KEDA take every manifest."""
    for one in manifests(root):
        name = f"{one.get('kind')} {one.get('metadata', {}).get('name')}"
        if one.get("apiVersion", "").startswith("keda.sh/"):
            known = engine_facts.KEDA.get(one["kind"], False)
            for error in jsonschema_rs.validator_for(known).iter_errors(one):
                yield f"{name}: {error.message}"
            continue
        for version in engine_facts.KUBERNETES:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:  # fmt: skip
                yield f"{name}, Kubernetes {version}: {error.message}"


def settings(root: Path) -> Iterator[str]:
    """Every setting is one that the app or the host reads, and the app takes them."""
    given = next(iter(_of_kind(root, "ConfigMap").values()))["data"]
    known = contract.read_by_the_app() | contract.PLATFORM | HOST
    yield from (f"{name} is set, and nothing reads it." for name in given.keys() - known)
    yield from (f"{name} is not set." for name in HOST - given.keys())
    for service in ("blob", "queue", "table"):
        if f"AzureWebJobsStorage__{service}ServiceUri" not in given:
            yield f"The host has no {service} storage."
    faults = app_settings.read(given)
    if not isinstance(faults, Settings):
        yield from (f"{fault.target}: {fault.message}" for fault in faults)
        return
    for name in ("requests_queue", "results_queue", "outcomes_queue", "runs_table", "audit_table"):
        if getattr(faults, name) != Settings.model_fields[name].default:
            yield f"{Settings.model_fields[name].alias} is not the app's default."


def functions(root: Path) -> Iterator[str]:
    """Each function is served by one of the Deployments, what the queues start by the one that KEDA scales."""
    served = {name: _served(one) for name, one in _of_kind(root, "Deployment").items()}
    together = [name for listed in served.values() for name in listed if name not in PROBES]
    yield from (f"There is no function {name}." for name in set(together) - set(names()))
    for name in set(names()) - PROBES.keys():
        if together.count(name) != 1:
            yield f"{name} is served {together.count(name)} times."
    queues = {name for name, trigger in triggers().items() if trigger["type"] == "queueTrigger"}
    if served["run-gateway-queue"] != queues | PROBES.keys():
        yield "The queues' Deployment does not serve the queues alone."
    if not served["run-gateway-http"] >= PROBES.keys():
        yield "The Deployment for HTTP has no probes."


def _served(deployment: Manifest) -> set[str]:
    """Read the host's list of functions."""
    prefix = "AzureFunctionsJobHost__functions__"
    environment = {one["name"]: one["value"] for one in _container(deployment)["env"]}
    return {value for name, value in environment.items() if name.startswith(prefix)}


def _container(deployment: Manifest) -> Manifest:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(container)


def pods(root: Path) -> Iterator[str]:
    """Pods have the identity, the settings and the probes, and their selectors find them."""
    accounts, maps = _of_kind(root, "ServiceAccount"), _of_kind(root, "ConfigMap")
    for name, deployment in _of_kind(root, "Deployment").items():
        yield from (f"{name}: {fault}" for fault in _pod(deployment, accounts, maps))
        yield from (f"{name}: {fault}" for fault in _probes(root, _container(deployment)))
    if "azure.workload.identity/client-id" not in accounts["run-gateway"]["metadata"]["annotations"]:  # fmt: skip
        yield "The service account stands for no identity."
    http = _of_kind(root, "Deployment")["run-gateway-http"]["spec"]["template"]["metadata"]
    for name, service in _of_kind(root, "Service").items():
        if not service["spec"]["selector"].items() <= http["labels"].items():
            yield f"{name}: the service finds no pods."


def _pod(
    deployment: Manifest, accounts: dict[str, Manifest], maps: dict[str, Manifest]
) -> Iterator[str]:
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    if not deployment["spec"]["selector"]["matchLabels"].items() <= labels.items():
        yield "its selector does not find its pods."
    if labels.get("azure.workload.identity/use") != "true":
        yield "no workload identity is given to its pods."
    if template["spec"]["serviceAccountName"] not in accounts:
        yield "there is no such service account."
    if {one["configMapRef"]["name"] for one in _container(deployment)["envFrom"]} != maps.keys():
        yield "its settings are elsewhere."


def _probes(root: Path, container: Manifest) -> Iterator[str]:
    url = next(iter(_of_kind(root, "ConfigMap").values()))["data"].get("ASPNETCORE_URLS", "")
    (port,) = container["ports"]
    if not url.endswith(f":{port['containerPort']}"):
        yield f"the host does not listen at {port['containerPort']}."
    for name, path in (("startupProbe", "live"), ("livenessProbe", "live"), ("readinessProbe", "ready")):  # fmt: skip
        call = container[name]["httpGet"]
        if call != {"path": PROBES[path], "port": port["name"]}:
            yield f"its {name} asks {call}."
        if f"/{triggers()[path]['route']}" != PROBES[path]:
            yield f"{path} is served elsewhere."


def scaling(root: Path) -> Iterator[str]:
    """KEDA looks at the app's own queues, as the host takes them, and counts no hidden message."""
    (scaled,) = _of_kind(root, "ScaledObject").values()
    spec = scaled["spec"]
    targets = _of_kind(root, "Deployment")
    target = targets.get(spec["scaleTargetRef"]["name"])
    if target is None or "replicas" in target["spec"]:
        yield "KEDA's target is not there, or has a number of pods of its own."
    queue = Settings.model_fields["requests_queue"].default
    asked = [one["metadata"]["queueName"] for one in spec["triggers"]]
    if sorted(asked) != [queue, f"{queue}-poison"]:
        yield f"KEDA looks at {asked}."
    batch = json.loads((wiring.ROOT / "host.json").read_text())["extensions"]["queues"]["batchSize"]
    for one in spec["triggers"]:
        if one["metadata"].get("queueLength") != str(batch):
            yield f"A pod takes {batch} messages at a time."
        if one["metadata"].get("queueLengthStrategy") != "visibleonly":
            yield "A request that waits would keep a pod."
        if one["authenticationRef"]["name"] not in _of_kind(root, "TriggerAuthentication"):
            yield "A trigger has no identity."
    if spec.get("minReplicaCount") != 0:
        yield "It does not scale to zero."


def placeholders(root: Path) -> Iterator[str]:
    """docs/containers.md sets every placeholder, and none that is not there."""
    used = {name for path in _files(root) for name in _PLACEHOLDER.findall(path.read_text())}
    text = (root / "docs" / "containers.md").read_text()
    yield from (f"{name} is set in vain, or not at all." for name in used ^ set(re.findall(r"^export (\w+)=", text, re.MULTILINE)))  # fmt: skip


def container_apps(root: Path) -> Iterator[str]:
    """The command in docs/containers.md gives a container app all settings that it needs, and the app takes them."""
    text = (root / "docs" / "containers.md").read_text().partition("--env-vars")[2]
    block = text.partition("```")[0].replace("<", "").replace(">", "")
    given = dict(re.findall(r"^ +(\w+)=(\S+)", block, re.MULTILINE))
    insights = {name for name in contract.PLATFORM if name.startswith("APPLICATIONINSIGHTS_")}
    own = contract.read_by_the_app() - contract.OPTIONAL.keys() - _DEFAULTS
    wanted = own | contract.PLATFORM - insights | {"AzureFunctionsWebHost__hostid"}
    yield from (f"{name} is not set, or nothing reads it." for name in wanted ^ given.keys())
    faults = app_settings.read(given)
    if not isinstance(faults, Settings):
        yield from (f"{fault.target}: {fault.message}" for fault in faults)


def secrets(root: Path) -> Iterator[str]:
    """No secret and no connection string."""
    for path in (root / "Dockerfile", *_files(root)):
        for found in contract.SECRETS.findall(path.read_text()):
            yield f"{path.name} holds {found}."
    yield from (f"{name} is a Secret." for name in _of_kind(root, "Secret"))
    data = next(iter(_of_kind(root, "ConfigMap").values()))["data"]
    yield from (f"{name} is a connection string." for name in {"AzureWebJobsStorage", "RunStorage"} & data.keys())  # fmt: skip
