"""Decides whether a request may be started, and in which workspace."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self

from shared.auth import access_list
from shared.config.gateway_json import Access, GatewayConfig
from shared.config.settings import HttpAuth, Settings
from shared.kernel.cloud_error import CloudError, Code
from shared.runs.caller import Caller
from shared.runs.record import Place
from shared.runs.request import RunRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The configuration's rules for requests, apart from their times."""

    workspaces: Mapping[str, str]  #: name → endpoint
    default_workspace: str
    permits: Callable[[str, str, str], bool]  #: (principal, pipeline name, workspace name)
    permits_any: Callable[[str, str], bool]  #: (principal, workspace name): whether any pipeline
    names: Callable[[str], bool]  #: whether an entry of `access` names this principal
    is_restricted: Callable[[str], bool]  #: whether anything is forbidden to this principal

    @classmethod
    def configured(cls, config: GatewayConfig, settings: Settings) -> Self:
        """Return the policy of this configuration."""

        def granted(principal: str) -> Collection[Access]:
            # Anyone in a tenant can get a token; keys, queues and rules are controlled by the operator.
            is_operators = Caller.read(principal).object_id is None
            is_open = is_operators or settings.http_auth is not HttpAuth.ENTRA
            return access_list.entries(config.access, principal, default=is_open)

        return cls(
            workspaces=config.endpoints(settings.synapse_endpoint),
            default_workspace=config.default_workspace,
            permits=lambda one, *what: access_list.permits(granted(one), *what),
            permits_any=lambda one, workspace: access_list.permits_any(granted(one), workspace),
            names=lambda one: bool(granted(one)),
            is_restricted=lambda one: access_list.is_restricted(granted(one)),
        )

    def place(self, request: RunRequest, principal: str) -> Place | CloudError:
        """Return the workspace of a request, or why this principal may not start it there."""
        name = request.workspace or self.default_workspace
        refusal = self.refusal(principal, request.pipeline_name, name)
        return refusal or Place(name=name, endpoint=self.workspaces[name])

    def refusal(self, principal: str, pipeline_name: str, workspace: str) -> CloudError | None:
        """Return why this principal may not start that pipeline there; None if it may."""
        # Permission comes first: a caller without it does not learn which workspaces exist.
        if not self.permits(principal, pipeline_name, workspace):
            message = f"The caller may not start {pipeline_name!r} in workspace {workspace!r}."
            return CloudError(code=Code.NOT_PERMITTED, message=message, target="$.pipelineName")
        if workspace not in self.workspaces:
            message = f"The configuration has no workspace {workspace!r}."
            return CloudError(code=Code.UNKNOWN_WORKSPACE, message=message, target="$.workspace")
        return None
