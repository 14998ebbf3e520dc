"""What a pipeline declares of its activities: how each ends.

Errors of failures were collected from public code: errorCode is a string, failureType UserError or SystemError, details a
list, "" or absent; what holds a failed activity fails with BadRequest and "Operation on target <inner> failed: ...".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from local.wire import Wire

type Ends = Literal["Succeeded", "Failed", "Cancelled", "Skipped"]


class Activity(Wire):
    """An activity; one that holds others (ForEach, If, Until, ExecutePipeline) takes their time."""

    name: str
    type: str = "Copy"
    #: null of one that holds others: Failed if one of these failed, as recorded for all but Until
    status: Ends | None = None
    error_code: str | None = None
    message: str = ""
    failure_type: Literal["", "UserError", "SystemError"] = "UserError"
    #: of any type, as in the wild; null: absent
    details: Any = Field(default_factory=list)
    output: Mapping[str, Any] = Field(default_factory=dict)
    #: how often it is tried; all but the last attempt failed
    attempts: int = Field(default=1, ge=1)
    inside: tuple["Activity", ...] = ()

    @property
    def failed(self) -> bool:
        if self.status is not None:
            return self.status == "Failed"
        return any(one.failed for one in self.inside)

    @property
    def failure(self) -> str:
        return self.message or told(self.inside)

    @property
    def code(self) -> str:
        """Copy's commonest code unless one is given; that of a container is BadRequest."""
        if self.error_code is not None:
            return self.error_code
        return "BadRequest" if self.inside else "2200"


def told(activities: Sequence[Activity]) -> str:
    """Say what the first failed one does to what holds it: one more such sentence for each level."""
    for one in activities:
        if one.failed:
            return f"Operation on target {one.name} failed: {one.failure}"
    return ""
