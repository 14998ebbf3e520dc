"""The workspace's pipelines, and how their runs go.

The file given with `--pipelines`:
{"workspace": "local", "pipelines": [{"name": "copy", "parameters": {"n": {"type": "Int", "defaultValue": 1}},
"queuedSeconds": 0.05, "runSeconds": 0.2, "cancelSeconds": 0.1, "outcome": "Succeeded", "message": "",
"concurrency": null, "error": null}]}. Only `name` is required.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from local.wire import Wire

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
RESOURCE_GROUP = "local"


class Parameter(Wire):
    type: Literal["Object", "String", "Int", "Float", "Bool", "Array", "SecureString"] = "String"
    default_value: Any = None


class FixedError(Wire):
    """An answer that createRun of a pipeline always gives; `body` is sent as JSON."""

    status: int = 400
    body: Any = None


class Pipeline(Wire):
    name: str
    parameters: Mapping[str, Parameter] = Field(default_factory=dict)
    queued_seconds: float = 0.05
    run_seconds: float = 0.2
    cancel_seconds: float = 0.1
    outcome: Literal["Succeeded", "Failed"] = "Succeeded"
    message: str = ""
    concurrency: int | None = Field(default=None, ge=1)
    #: "InvalidTemplate" is the recorded body with `message` in it
    error: Literal["InvalidTemplate"] | FixedError | None = None

    @cached_property
    def declared(self) -> dict[str, Any]:
        """The parameters as GET pipeline shows them."""
        shown = {}
        for name, parameter in self.parameters.items():
            given = "default_value" in parameter.model_fields_set
            default = {"defaultValue": parameter.default_value} if given else {}
            shown[name] = {"type": parameter.type, **default}
        return shown

    @cached_property
    def defaults(self) -> dict[str, Any]:
        given = {n: p for n, p in self.parameters.items() if "default_value" in p.model_fields_set}
        return {name: parameter.default_value for name, parameter in given.items()}


class Catalogue(Wire):
    workspace: str = "local"
    pipelines: tuple[Pipeline, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Pipeline]:
        return {pipeline.name: pipeline for pipeline in self.pipelines}

    @cached_property
    def resource_id(self) -> str:
        return (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
            f"/providers/Microsoft.Synapse/workspaces/{self.workspace}"
        )

    @classmethod
    def read(cls, path: Path) -> "Catalogue":
        return cls.model_validate_json(path.read_bytes())
