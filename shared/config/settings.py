"""Reads the environment as `Settings`, or every error with its setting's name."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from shared.kernel import guid
from shared.kernel.cloud_error import CloudError, Code

#: The similarity (difflib's ratio) from which a name counts as a misspelt setting: one letter in ten is wrong.
_ALIKE: Final = 0.9
DEFAULT_WORKSPACE: Final = "default"
#: As Azure shows a topic's endpoint; namespaces and their topics have other paths.
_TOPIC_PATH: Final = "/api/events"
PUBLIC_AUTHORITY: Final = "https://login.microsoftonline.com"
STORAGE: Final = "RunStorage"
#: The one setting whose empty value has a meaning: no outcome is sent.
OUTCOMES_QUEUE: Final = "RUN_OUTCOMES_QUEUE"
# Stricter than urlsplit, which accepts any text as a host and drops line breaks.
_URL: Final = re.compile(
    r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?/*", re.IGNORECASE
)


class HttpAuth(StrEnum):
    """How an HTTP caller proves its identity."""

    KEY = "key"  #: the platform's function keys
    ENTRA = "entra"  #: a bearer token that the app itself validates


class UnknownOutcome(StrEnum):
    """What to do if it can't be found out whether createRun started a run."""

    FAIL = "fail"  #: the request fails as OutcomeUnknown, for an operator to resolve
    RESEND = "resend"  #: createRun is sent again with the same id


class ResultsEncoding(StrEnum):
    """The encoding of messages on the results queue."""

    BASE64 = "base64"  #: what Functions consumers expect
    NONE = "none"  #: plain JSON


class AuditParameters(StrEnum):
    """How much of a request's parameters the audit keeps."""

    REDACTED = "redacted"  #: all but what looks like a secret
    NONE = "none"  #: nothing


class FollowRuns(StrEnum):
    """Which runs are followed to their end."""

    ALL = "all"  #: all but those of requests with `"follow": false`
    ASKED = "asked"  #: those of requests with `"follow": true`
    NONE = "none"  #: none, whatever a request says


class Exporting(StrEnum):
    """Whether traces and metrics are sent; see shared/config/telemetry.py for where to."""

    OFF = "off"
    OTEL = "otel"  #: by OpenTelemetry


def is_loopback(host: str | None) -> bool:
    """Return whether a host name can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def read_endpoint(text: str) -> str:
    """Return a workspace's endpoint without its trailing slashes. Raises ValueError with what is wrong."""
    example = "https://<workspace>.dev.azuresynapse.net"
    endpoint = _read_host(text, example)
    host = urlsplit(endpoint).hostname or ""
    if ".dev." not in host and not is_loopback(host):
        msg = f"Value should be the workspace's development endpoint, {example}"
        raise ValueError(msg)
    return endpoint


def _read_topic(text: str) -> str:
    """Return the URL that events are posted to."""
    example = "https://<topic>.<region>-1.eventgrid.azure.net/api/events"
    host = text.rstrip("/").removesuffix(_TOPIC_PATH)
    return _read_host(host, example) + _TOPIC_PATH


def _read_host(text: str, example: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        msg = f"Value should be a URL like {example}"
        raise ValueError(msg)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        msg = "Value should start with https:// (plain http is for loopback addresses only)"
        raise ValueError(msg)
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        msg = "Value should name only a host: no path, query or user"
        raise ValueError(msg)
    if not _URL.fullmatch(text) or not _has_good_port(parts):
        msg = f"Value should be a URL like {example}, without other characters"
        raise ValueError(msg)
    return text.rstrip("/")


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:  # its message quotes the value
        return False


def _read_tenant(text: str) -> str:
    if found := guid.read(text):
        return found
    msg = "Value should be the tenant's id, a GUID: tokens don't contain its domain"
    raise ValueError(msg)


Endpoint = Annotated[str, AfterValidator(read_endpoint)]
Tenant = Annotated[str, AfterValidator(_read_tenant)]
Topic = Annotated[str, AfterValidator(_read_topic)]
PublicUrl = Annotated[
    str, Field(max_length=200), AfterValidator(lambda text: _read_host(text, "https://<host>"))
]
Authority = Annotated[str, AfterValidator(lambda text: _read_host(text, PUBLIC_AUTHORITY))]
QueueName = Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9]){2,55}$")]  # room for "-poison"
OptionalQueueName = Annotated[str, Field(pattern=r"^([a-z0-9](-?[a-z0-9]){2,62})?$")]
TableName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{2,62}$")]
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(
        lambda text: tuple(text.replace(",", " ").split()) if isinstance(text, str) else text
    ),
]


class HttpAccess(BaseModel):
    """The settings of HTTP authentication. Read separately, since they also guard the report of all mistakes.

    `ENTRA_AUTHORITY` is the host that signs users in and publishes the tenant's keys. The default is the public
    cloud's; US Government and China have their own (see `token_claims.expected`), as in azure-identity's
    AZURE_AUTHORITY_HOST.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    http_auth: HttpAuth = Field(default=HttpAuth.KEY, alias="HTTP_AUTH")
    entra_tenant_id: Tenant | None = Field(default=None, alias="ENTRA_TENANT_ID")
    entra_audiences: Names = Field(default=(), alias="ENTRA_AUDIENCES")
    entra_authority: Authority = Field(default=PUBLIC_AUTHORITY, alias="ENTRA_AUTHORITY")


class StorageSettings(BaseModel):
    """The gateway's queues and tables. Read separately: a command on them needs nothing else."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    storage_connection: str | None = Field(default=None, alias="RunStorage")
    storage_queues: str | None = Field(default=None, alias="RunStorage__queueServiceUri")
    storage_tables: str | None = Field(default=None, alias="RunStorage__tableServiceUri")
    storage_client_id: str | None = Field(default=None, alias="RunStorage__clientId")
    requests_queue: QueueName = Field(default="run-requests", alias="RUN_REQUESTS_QUEUE")
    results_queue: QueueName = Field(default="run-results", alias="RUN_RESULTS_QUEUE")
    outbox_queue: QueueName = Field(default="run-outbox", alias="RUN_OUTBOX_QUEUE")
    outcomes_queue: OptionalQueueName = Field(default="run-outcomes", alias="RUN_OUTCOMES_QUEUE")
    runs_table: TableName = Field(default="runs", alias="RUNS_TABLE")
    audit_table: TableName = Field(default="runaudit", alias="RUN_AUDIT_TABLE")


class Settings(HttpAccess, StorageSettings):
    """The app settings; aliases are their names in the environment."""

    synapse_endpoint: Endpoint = Field(alias="SYNAPSE_ENDPOINT")
    results_encoding: ResultsEncoding = Field(
        default=ResultsEncoding.BASE64, alias="RUN_RESULTS_ENCODING"
    )
    gateway_config: str = Field(default="gateway.json", alias="GATEWAY_CONFIG")
    max_concurrent_calls: int = Field(default=16, ge=1, le=1000, alias="MAX_CONCURRENT_CALLS")
    max_attempts: int = Field(default=20, ge=1, le=1000, alias="MAX_ATTEMPTS")
    audit_parameters: AuditParameters = Field(
        default=AuditParameters.REDACTED, alias="AUDIT_PARAMETERS"
    )
    unknown_outcome: UnknownOutcome = Field(default=UnknownOutcome.FAIL, alias="UNKNOWN_OUTCOME")
    retention_days: int = Field(default=90, ge=0, le=36500, alias="RETENTION_DAYS")
    call_timeout: float = Field(default=30, ge=0.1, le=60, alias="CALL_TIMEOUT_SECONDS")
    lease: float = Field(default=90, ge=0.3, le=3600, alias="LEASE_SECONDS")
    settle: float = Field(default=60, ge=0, le=3600, alias="SETTLE_SECONDS")
    outcome_topic: Topic | None = Field(default=None, alias="OUTCOME_TOPIC_ENDPOINT")
    public_url: PublicUrl | None = Field(default=None, alias="PUBLIC_URL")
    platform_host: str | None = Field(default=None, alias="WEBSITE_HOSTNAME")
    follow_runs: FollowRuns = Field(default=FollowRuns.ALL, alias="FOLLOW_RUNS")
    follow_seconds: float = Field(default=15, ge=1, le=300, alias="FOLLOW_SECONDS")
    telemetry: Exporting = Field(default=Exporting.OFF, alias="RUN_TELEMETRY")

    @property
    def shortest_lease(self) -> float:
        """The shortest lease in seconds: two calls that time out, and 10 % for settling."""
        return self.call_timeout * 2 * 1.1

    @property
    def address(self) -> str | None:
        """The app's public address: PUBLIC_URL, or the host name that the platform gave it; None without both."""
        if self.public_url or self.platform_host is None:
            return self.public_url
        is_local = is_loopback(self.platform_host.partition(":")[0])
        return f"{'http' if is_local else 'https'}://{self.platform_host}"


def read(environment: Mapping[str, str]) -> Settings | tuple[CloudError, ...]:
    """Read the settings, or return every fault with its setting's name; no value is quoted."""
    given = _given(environment)
    own = _own_faults(Settings, given)
    # Checks across settings use the valid ones, so that all faults are reported at once.
    wrong = {each.target for each in own}
    sound = {name: value for name, value in given.items() if name not in wrong}
    settings = Settings.model_validate({"SYNAPSE_ENDPOINT": "https://unset.dev.invalid"} | sound)
    across = (each for each in _cross_faults(settings) if each.target not in wrong)
    return (*own, *_storage_faults(given), *across, *_misspelt(given)) or settings


def _given(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out empty values, which count as unset."""
    return {
        name: value.strip() if name == OUTCOMES_QUEUE else value
        for name, value in environment.items()
        if value.strip() or name == OUTCOMES_QUEUE
    }


def read_http_access(environment: Mapping[str, str]) -> HttpAccess | tuple[CloudError, ...]:
    """Read the settings of HTTP authentication, even if other settings are wrong."""
    given = _given(environment)
    if own := _own_faults(HttpAccess, given):
        return own
    access = HttpAccess.model_validate(given)
    return tuple(_http_faults(access)) or access


def read_storage(environment: Mapping[str, str]) -> StorageSettings | tuple[CloudError, ...]:
    """Read the settings of queues and tables, even if other settings are wrong."""
    given = _given(environment)
    wrong = (*_own_faults(StorageSettings, given), *_storage_faults(given), *_misspelt(given))
    return wrong or StorageSettings.model_validate(given)


def _own_faults(model: type[BaseModel], given: Mapping[str, str]) -> tuple[CloudError, ...]:
    try:
        model.model_validate(given)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        return tuple(
            fault(str(detail["loc"][0]), detail["msg"].removeprefix("Value error, ") + ".")
            for detail in details
        )
    return ()


def _misspelt(given: Mapping[str, str]) -> Iterator[CloudError]:
    """Yield a fault for each name close to a setting's: it would be ignored, and the default used."""
    names = (field.alias or "" for field in Settings.model_fields.values())
    own = {_letters(name): name for name in names}
    for name in sorted(given.keys() - own.values()):
        meant = own.get(_letters(name))
        # Parts of a connection are always alike: MyStorage__queueServiceUri belongs to another connection.
        if meant is None and "__" not in name:
            meant = next(iter(get_close_matches(name, own.values(), n=1, cutoff=_ALIKE)), None)
        if meant is not None:
            yield fault(name, f"There is no such setting. Did you mean {meant}?")


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


def _storage_faults(given: Mapping[str, str]) -> tuple[CloudError, ...]:
    if STORAGE in given:
        return ()
    both = f"{STORAGE}__queueServiceUri", f"{STORAGE}__tableServiceUri"
    missing = [name for name in both if name not in given]
    if len(missing) == 2:
        text = f"Set a connection string here, or {' and '.join(missing)} to use an identity."
        return (fault(STORAGE, text),)
    return tuple(fault(name, "Both service URIs are required.") for name in missing)


def _cross_faults(settings: Settings) -> tuple[CloudError, ...]:
    faults = []
    if settings.lease < settings.shortest_lease:
        text = f"A lease should be at least {settings.shortest_lease:g} s: twice the call time-out and 10 %."
        faults.append(fault("LEASE_SECONDS", text))
    triggers = {settings.requests_queue, f"{settings.requests_queue}-poison"}
    for name, queue in (
        ("RUN_RESULTS_QUEUE", settings.results_queue),
        (OUTCOMES_QUEUE, settings.outcomes_queue),
    ):
        if queue in triggers:
            text = "The gateway would read its own messages on this queue as requests, endlessly."
            faults.append(fault(name, text))
    own = {settings.outbox_queue, f"{settings.outbox_queue}-poison"}
    if own & (triggers | {settings.results_queue, settings.outcomes_queue}):
        text = (
            "The outbox and its poison queue hold nothing but events: another queue has this name."
        )
        faults.append(fault("RUN_OUTBOX_QUEUE", text))
    return (*faults, *_http_faults(settings))


def _http_faults(access: HttpAccess) -> Iterator[CloudError]:
    if access.http_auth is HttpAuth.ENTRA:
        if not access.entra_tenant_id:
            yield fault("ENTRA_TENANT_ID", "HTTP_AUTH=entra requires this setting.")
        if not access.entra_audiences:
            yield fault("ENTRA_AUDIENCES", "HTTP_AUTH=entra requires at least one.")


def fault(name: str, message: str) -> CloudError:
    """Return one mistake in the app setting of this name."""
    return CloudError(code=Code.INVALID_SETTING, message=message, target=name)
