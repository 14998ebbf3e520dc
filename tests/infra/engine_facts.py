"""Facts about KEDA and GitHub's actions, each with its source; Kubernetes' and GitHub's own schemas come as packages."""

from typing import Any, Final

#: Versions of Kubernetes that the manifests are held to.
KUBERNETES: Final = ("1.34", "1.37")

_TEXT: Final = {"type": "string"}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return _object(
        "apiVersion",
        "kind",
        "metadata",
        "spec",
        apiVersion={"const": "keda.sh/v1alpha1"},
        kind={"const": kind},
        metadata=_object("name", "namespace", name=_TEXT, namespace=_TEXT),
        spec=spec,
    )


#: What KEDA 2.20.2 (kedacore/keda 68a5b50) takes, of what we may use: config/crd/bases for the resources, and
#: schema/generated/scalers-schema.json for the metadata of azure-queue, whose values are texts. With a workload identity
#: the scaler insists on accountName (pkg/scalers/azure_queue_scaler.go).
KEDA: Final[dict[str, dict[str, Any]]] = {
    "ScaledObject": _resource(
        "ScaledObject",
        _object(
            "scaleTargetRef",
            "triggers",
            scaleTargetRef=_object("name", name=_TEXT, kind=_TEXT, apiVersion=_TEXT),
            pollingInterval={"type": "integer", "minimum": 1},
            cooldownPeriod={"type": "integer", "minimum": 0},
            initialCooldownPeriod={"type": "integer", "minimum": 0},
            idleReplicaCount={"type": "integer", "minimum": 0},
            minReplicaCount={"type": "integer", "minimum": 0},
            maxReplicaCount={"type": "integer", "minimum": 1},
            triggers={
                "type": "array",
                "items": _object(
                    "type",
                    "metadata",
                    "authenticationRef",
                    type={"const": "azure-queue"},
                    name=_TEXT,
                    metadata=_object(
                        "accountName",
                        "queueName",
                        accountName=_TEXT,
                        queueName=_TEXT,
                        queueLength=_TEXT,
                        queueLengthStrategy={"enum": ["all", "visibleonly"]},
                        activationQueueLength=_TEXT,
                        endpointSuffix=_TEXT,
                    ),
                    authenticationRef=_object(
                        "name",
                        name=_TEXT,
                        kind={"enum": ["TriggerAuthentication", "ClusterTriggerAuthentication"]},
                    ),
                ),
            },
        ),
    ),
    "TriggerAuthentication": _resource(
        "TriggerAuthentication",
        _object(
            "podIdentity",
            podIdentity=_object(
                "provider",
                provider={"const": "azure-workload"},
                identityId=_TEXT,
                identityTenantId=_TEXT,
                identityAuthorityHost=_TEXT,
            ),
        ),
    ),
}

#: The commit and version of each action, as its repository tags them, and which of its inputs (action.yml) we may use.
ACTIONS: Final = {
    "actions/checkout": (
        "3d3c42e5aac5ba805825da76410c181273ba90b1",
        "v7.0.1",
        {"fetch-depth", "persist-credentials", "ref"},
    ),
    "actions/setup-python": (
        "5fda3b95a4ea91299a34e894583c3862153e4b97",
        "v7.0.0",
        {"cache", "cache-dependency-path", "python-version", "python-version-file"},
    ),
    "actions/upload-artifact": (
        "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f",
        "v7.0.0",
        {"if-no-files-found", "include-hidden-files", "name", "path", "retention-days"},
    ),
    "actions/download-artifact": (
        "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
        "v8.0.1",
        {"name", "path"},
    ),
    "Azure/login": (
        "f5d393ae46f8fde4be8b75f32e3fc50e654ad0ca",
        "v3.0.1",
        {"client-id", "environment", "subscription-id", "tenant-id"},
    ),
    "Azure/functions-action": (
        "c5060b3b8bb1ebbcb531abd00c822ecbaa8ea656",
        "v1.5.7",
        {"app-name", "package", "remote-build", "sku"},
    ),
}
