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
    names: Callable[[str], bool]  #: whether an entry of `access` names this principal
    bars: Callable[[str], bool]  #: whether anything is kept from this principal

    def place(self, request: RunRequest, principal: str) -> Place | CloudError:
        """Find the workspace of a request that this principal may start there."""
        name = request.workspace or self.default_workspace
        refusal = self.refusal(principal, request.pipeline_name, name)
        if refusal:
            return refusal
        return Place(name=name, endpoint=self.workspaces[name])

    def refusal(self, principal: str, pipeline_name: str, workspace: str) -> CloudError | None:
        """Tell why this principal may not start that pipeline there; None if it may."""
        # Permission comes first: who may start nothing there does not learn which workspaces there are.
        if not self.permits(principal, pipeline_name, workspace):
            message = f"The caller may not start {pipeline_name!r} in workspace {workspace!r}."
            return CloudError(code="NotPermitted", message=message, target="$.pipelineName")
        if workspace not in self.workspaces:
            message = f"The configuration names no workspace {workspace!r}."
            return CloudError(code="UnknownWorkspace", message=message, target="$.workspace")
        return None
