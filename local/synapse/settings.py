"""How the simulated workspace behaves; tests change it by `PATCH /_sim/settings`."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from pydantic import Field

from local.synapse.errors import UnknownRun
from local.synapse.workspace import HISTORY_SECONDS
from local.wire import Wire


class Access(Wire):
    """What a principal may do; `read` is any Synapse role at all, the others come on top of it."""

    read: bool = True
    run: bool = True
    monitor: bool = True
    cancel: bool = True
    artifacts: bool = True


class Admission(Wire):
    """How many calls are let through; what comes above is answered 429."""

    rate: float = Field(
        gt=0
    )  #: per second, in the long run; 1000 / 60 is the documented limit of looks
    burst: int = Field(default=1, ge=1)  #: at once, after a pause
    retry_after: float = 1.0
    form: Literal["seconds", "date", "ms", "none"] = "seconds"


class Changes(TypedDict, total=False):
    """The fields of Settings, each for itself."""

    echo: bool
    access: Mapping[str, Access]
    audience: str
    refuse_tokens: Literal["none", "all", "issued"]
    token_lifetime_seconds: int
    identity_down: bool
    identity_delay_seconds: float
    identities: Sequence[str] | None
    invisible_seconds: float
    unknown_run: Literal[400, 404]
    unknown_run_form: UnknownRun
    echo_values: bool
    admission: Admission | None
    monitoring: Admission | None
    role_missing: Literal[401, 403]
    query_lag_seconds: float
    date_off_seconds: float
    history_seconds: float
    cancel_ended: Literal["taken", "refused"]
    latency_seconds: float
    keep_calls: int


class Settings(Wire):
    #: is a run's id the caller's x-ms-client-request-id? If not, each POST starts a new run
    echo: bool = True
    #: by object id, application id or "*"; the first of these that is named counts
    access: Mapping[str, Access] = Field(default_factory=dict)
    audience: str = "https://dev.azuresynapse.net"
    #: refuse every token, or those issued until now (what a revocation looks like)
    refuse_tokens: Literal["none", "all", "issued"] = "none"
    token_lifetime_seconds: int = 3600
    identity_down: bool = False
    identity_delay_seconds: float = 0.0
    #: client ids of user-assigned identities; null accepts any
    identities: tuple[str, ...] | None = None
    #: a new run is not found by GET and query for this long
    invisible_seconds: float = 0.0
    #: how GET and cancel answer for an unknown run; 400 is the recorded one (errors.run_not_found)
    unknown_run: Literal[400, 404] = 400
    #: its form: one of Synapse's errors, or what a gateway in between would say
    unknown_run_form: UnknownRun = "nested"
    #: error messages quote parameter values
    echo_values: bool = False
    #: of createRun
    admission: Admission | None = None
    #: of looks: GET of a run, queryPipelineRuns and queryActivityruns together
    monitoring: Admission | None = None
    #: the status for who lacks a role; createRun's 403 stays (access)
    role_missing: Literal[401, 403] = 401
    #: queryPipelineRuns shows every change so much later; GET is always current
    query_lag_seconds: float = Field(default=0.0, ge=0)
    #: by how much the Date header differs from the clock of the runs' times. Recorded: an answer of 20:13:26 holds a
    #: lastUpdated of 20:13:27.139 (TestQueryRuns.json, Azure/azure-sdk-for-net), which is -1
    date_off_seconds: float = 0.0
    #: how long an ended run is remembered
    history_seconds: float = Field(default=HISTORY_SECONDS, gt=0)
    #: cancelling what has ended: Synapse took it (TestCancelRun.json, Azure/azure-sdk-for-net), Data Factory refuses it
    cancel_ended: Literal["taken", "refused"] = "taken"
    #: every createRun takes this long
    latency_seconds: float = 0.0
    #: so many calls are kept for reading
    keep_calls: int = Field(default=100_000, ge=1)
