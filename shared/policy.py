"""May this request be started at all, and where?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.cloud_error import CloudError
from shared.record import Place
from shared.run_request import RunRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The configuration's word on a request, apart from its time."""

    workspaces: Mapping[str, str]  #: name → endpoint
    default_workspace: str
    permits: Callable[[str, str, str], bool]  #: (principal, pipeline name, workspace name)

    def place(self, request: RunRequest, principal: str) -> Place | CloudError:
        """Find the workspace of a request that this principal may start there."""
        name = request.workspace or self.default_workspace
        refusal = self.refusal(principal, request.pipeline_name, name)
        if refusal:
            return refusal
        return Place(name=name, endpoint=self.workspaces[name])

    def refusal(self, principal: str, pipeline_name: str, workspace: str) -> CloudError | None:
        """Tell why this principal may not start that pipeline there; None if it may."""
        if workspace not in self.workspaces:
            message = f"The configuration names no workspace {workspace!r}."
            return CloudError(code="UnknownWorkspace", message=message, target="$.workspace")
        if self.permits(principal, pipeline_name, workspace):
            return None
        message = f"The caller may not start {pipeline_name!r} in workspace {workspace!r}."
        return CloudError(code="NotPermitted", message=message, target="$.pipelineName")

    def bar(self, principal: str, pipeline_name: str, workspace: str) -> CloudError | None:
        """Tell that this principal may have nothing to do with what is recorded; None if it may.

        The workspace may have gone from the configuration since, and the answer names nothing that
        the caller did not.
        """
        if self.permits(principal, pipeline_name, workspace):
            return None
        message = (
            "The caller may have nothing to do with this request: it may not start its pipeline."
        )
        return CloudError(code="NotPermitted", message=message)
