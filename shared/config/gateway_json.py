"""Reads gateway.json as a `GatewayConfig`, or every error with its JSON path."""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import ErrorDetails

from shared.config import diagnostics
from shared.config.diagnostics import Location, fault
from shared.config.rule import Parameter, Rule
from shared.config.settings import DEFAULT_WORKSPACE, read_endpoint
from shared.config.strict_model import Name, Section, Text
from shared.kernel import guid, strict_json
from shared.kernel.cloud_error import CloudError
from shared.kernel.validation import nearest


def _read_https(text: str) -> str:
    if not text.lower().startswith("https://"):
        msg = "Value should start with https://"
        raise ValueError(msg)
    return read_endpoint(text)


def _read_principal(text: str) -> str:
    if text in {"key", "queue"} or re.fullmatch(r"(hook|rule):.+", text):
        return text
    if found := guid.read(text):
        return found
    msg = "Value should be key, queue, rule:<name>, hook:<name>, or an object or application id (GUID)"
    raise ValueError(msg)


def _read_setting(text: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,127}", text):
        msg = "Value should be the name of an app setting, such as HOOK_GITHUB_SECRETS; never a secret"
        raise ValueError(msg)
    return text


Principal = Annotated[str, AfterValidator(_read_principal)]


class Workspace(Section):
    """A Synapse workspace besides the default one."""

    endpoint: Annotated[str, AfterValidator(_read_https)]


class EventSenders(Section):
    """The senders whose events the webhook /api/events accepts, by CloudEvents' handshake."""

    allowed_origins: tuple[Text, ...] = Field(
        default=("eventgrid.azure.net",),
        alias="allowedOrigins",
        description="Origins that may send, with * and ?; case is ignored.",
    )
    allowed_rate: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        alias="allowedRate",
        description="Requests per minute that each may send; absent: unlimited.",
    )


class Hook(Section):
    """A sender of signed webhooks."""

    scheme: Literal["standard-webhooks", "github"] = Field(description="The signature scheme.")
    secrets_setting: Annotated[str, AfterValidator(_read_setting)] | None = Field(
        default=None,
        alias="secretsSetting",
        description="The app setting that holds its secrets; absent: HOOK_<NAME>_SECRETS.",
    )

    def setting(self, name: str) -> str:
        """Return the app setting that holds the secrets of the hook of this name."""
        return self.secrets_setting or f"HOOK_{name.upper().replace('-', '_')}_SECRETS"


class Access(Section):
    """Principals that may start these pipelines in these workspaces; `*` and `?` are wildcards, case matters."""

    principals: tuple[Principal, ...] = Field(min_length=1)
    pipelines: tuple[Text, ...] = Field(min_length=1)
    workspaces: tuple[Text, ...] = Field(min_length=1)


class GatewayConfig(Section):
    """The file gateway.json. Without the file, every field has its default."""

    schema_: str | None = Field(default=None, alias="$schema")
    workspaces: dict[Name, Workspace] = Field(default={})
    default_workspace: Name = Field(default=DEFAULT_WORKSPACE, alias="defaultWorkspace")
    follow: bool | None = Field(
        default=None,
        description="Whether runs are followed whose request or rule does not say; absent: as FOLLOW_RUNS says.",
    )
    rules: tuple[Rule, ...] = ()
    events: EventSenders = EventSenders()
    hooks: dict[Name, Hook] = Field(default={})
    access: tuple[Access, ...] | None = None

    def endpoints(self, synapse_endpoint: str) -> dict[str, str]:
        """Return the endpoint of every workspace by name; the one of SYNAPSE_ENDPOINT is called default."""
        named = {name: workspace.endpoint for name, workspace in self.workspaces.items()}
        return {DEFAULT_WORKSPACE: synapse_endpoint} | named


_SECTIONS: Final[dict[Location, type[Section]]] = {
    ("workspaces",): Workspace,
    ("rules",): Rule,
    ("rules", "parameters"): Parameter,
    ("events",): EventSenders,
    ("hooks",): Hook,
    ("access",): Access,
}


def read(content: bytes) -> GatewayConfig | tuple[CloudError, ...]:
    """Read the configuration, or return every fault with its JSON path; no value is quoted."""
    try:
        raw = strict_json.parse(content)
    except strict_json.Unreadable as error:
        return (fault((), str(error)),)
    across = tuple(diagnostics.across(raw))
    try:
        # As JSON: in Python mode, a strict tuple accepts no list.
        config = GatewayConfig.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        return (*_field_faults(error), *across)
    return across or config


def _field_faults(error: ValidationError) -> Iterator[CloudError]:
    details = error.errors(include_url=False, include_input=False)
    within = {detail["loc"][:-1] for detail in details}
    for detail in details:
        # pydantic counts valid items only: it also reports a list with a faulty item as too short.
        if detail["type"] != "too_short" or detail["loc"] not in within:
            yield fault(detail["loc"], _sentence(detail))


def _sentence(detail: ErrorDetails) -> str:
    location = detail["loc"]
    if detail["type"] == "too_short":
        return "The list should have at least one item."
    if detail["type"] == "too_long":
        return f"There should be at most {detail['ctx']['max_length']} items."
    if detail["type"] != "extra_forbidden":
        text = detail["msg"].removeprefix("Value error, ")
        return text if text.endswith((".", "?")) else f"{text}."
    # Every second step names a section; the others are a list's index or a name chosen in the file.
    section = _SECTIONS.get(location[:-1][::2], GatewayConfig)
    names = [field.alias or name for name, field in section.model_fields.items()]
    return f"There is no such field here.{nearest(str(location[-1]), names)}"
