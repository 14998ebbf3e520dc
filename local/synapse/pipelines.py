"""The workspace's pipelines, and how their runs go.

The file given with `--pipelines`:
{"workspace": "local", "pipelines": [{"name": "copy", "parameters": {"n": {"type": "Int", "defaultValue": 1}},
"concurrency": null, "error": null, "queuedSeconds": 0.05, "runSeconds": 0.2, "outcome": "Failed", "message": "",
"activities": [{"name": "Copy", "status": "Failed", "message": "no"}]}]}. Only `name` is required; Life and
activities.Activity have the rest. A fault of the kind `live` gives a single run another life (faults.Live).
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from local.synapse.activity import Activity, told
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


#: The specification has a free string. Canceled and Uncertain were never recorded; DataKitchen's agent reads both
#: (dataops-observability-agents, agents/synapse_analytics/helpers.py).
type Outcome = Literal["Succeeded", "Failed", "Cancelled", "Canceled", "Uncertain"]


class Life(Wire):
    """How a run goes. Seconds of null never pass: it waits, runs, or is being cancelled without end."""

    queued_seconds: float | None = Field(default=0.05, ge=0)
    run_seconds: float | None = Field(default=0.2, ge=0)
    outcome: Outcome = "Succeeded"
    #: what a failed run says; if empty, what its first failed activity makes it say
    message: str = ""
    #: none: one, which ends as the run does
    activities: tuple[Activity, ...] = ()
    #: how long cancelling takes. Recorded: 10-12 s, TestCancelRun.json (Azure/azure-sdk-for-net) and test_pipeline.yaml
    #: (Azure/azure-cli); hours: MicrosoftDocs/azure-docs #42583
    cancel_seconds: float | None = Field(default=0.1, ge=0)
    #: another one: the run ended by itself meanwhile
    cancel_outcome: Outcome = "Cancelled"
    #: queryPipelineRuns shows each change of this run so much later, on top of the setting queryLagSeconds
    lag_seconds: float = Field(default=0.0, ge=0)
    #: queryActivityruns shows its activities so much later
    activity_lag_seconds: float = Field(default=0.0, ge=0)

    @property
    def failure(self) -> str:
        """What the run says if it fails."""
        return self.message or told(self.activities)


class Pipeline(Life):
    name: str
    parameters: Mapping[str, Parameter] = Field(default_factory=dict)
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
