"""How the simulated workspace behaves; tests change it by `PATCH /_sim/settings`."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from pydantic import Field

from local.synapse.errors import UnknownRun
from local.wire import Wire


class Access(Wire):
    """What a principal may do; `read` is any Synapse role at all, the others come on top of it."""

    read: bool = True
    run: bool = True
    monitor: bool = True
    cancel: bool = True
    artifacts: bool = True


class Admission(Wire):
    """How many createRuns are let through; what comes above is answered 429."""

    rate: float = Field(gt=0)  #: per second, in the long run
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
    admission: Admission | None = None
    #: every createRun takes this long
    latency_seconds: float = 0.0
    #: so many calls are kept for reading
    keep_calls: int = Field(default=100_000, ge=1)
