"""Rules of gateway.json: the events that start a pipeline, in the terms of Event Grid's own filters."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, model_validator

from shared.config import parameter_type
from shared.config.parameter_type import ParameterType
from shared.config.strict_model import Expression, Name, Section, Text
from shared.runs.request import MAX_AHEAD, MAX_PARAMETERS, PIPELINE_NAME

#: The longest wait that a request may ask for; longer than an event lives at Event Grid (a day).
MAX_SECONDS: Final = int(MAX_AHEAD.total_seconds())

Seconds = Annotated[int, Field(ge=1, le=MAX_SECONDS)]


def _read_types(types: tuple[str, ...]) -> tuple[str, ...]:
    if "All" in types:  # `az eventgrid` once wrote it so; here it would silently match no event
        msg = "There is no event type All: omit the field to include every type"
        raise ValueError(msg)
    return types


class Parameter(Section):
    """A parameter of a rule's run: a constant, or the result of an expression on the event."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["value"]}, {"required": ["expression"]}]}
    )

    value: JsonValue = Field(default=None, description="A constant.")
    expression: Expression | None = Field(default=None, description="JMESPath on the whole event.")
    required: bool = Field(
        default=True, description="Whether to start no run if the expression finds nothing."
    )
    default: JsonValue = Field(
        default=None, description="The value to use if the expression finds null or an empty text."
    )
    type: ParameterType | None = Field(
        default=None,
        description="The type that the value must have, in Synapse's terms; nothing is converted.",
    )

    @property
    def has_default(self) -> bool:
        """Whether a default is given; null is one."""
        return "default" in self.model_fields_set

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if ("value" in self.model_fields_set) == (self.expression is not None):
            msg = "Give either a value or an expression"
            raise ValueError(msg)
        if self.expression is None and self.model_fields_set & {"required", "default"}:
            msg = "The fields required and default belong to an expression"
            raise ValueError(msg)
        for name in {"value", "default"} & self.model_fields_set:
            if not parameter_type.fits(getattr(self, name), self.type):
                msg = f"The {name} should be {parameter_type.article(self.type)}, as type says"
                raise ValueError(msg)
        return self


class Rule(Section):
    """A pipeline and the events that start it, in the terms of Event Grid's own filters."""

    name: Name
    sources: tuple[Text, ...] | None = Field(
        default=None, min_length=1, description="Topics or sources, with * and ?; case is ignored."
    )
    included_event_types: Annotated[tuple[Text, ...], AfterValidator(_read_types)] | None = Field(
        default=None, alias="includedEventTypes", min_length=1, description="Absent: all types."
    )
    subject_begins_with: str = Field(default="", alias="subjectBeginsWith")
    subject_ends_with: str = Field(default="", alias="subjectEndsWith")
    is_subject_case_sensitive: bool = Field(default=False, alias="isSubjectCaseSensitive")
    when: Expression | None = Field(
        default=None, description="JMESPath on the whole event; false, null and empty don't match."
    )
    pipeline_name: str = Field(
        alias="pipelineName", min_length=1, max_length=260, pattern=PIPELINE_NAME
    )
    workspace: Name | None = None
    parameters: dict[Text, Parameter] = Field(default={}, max_length=MAX_PARAMETERS)
    follow: bool | None = Field(
        default=None, description="Whether the run's end is reported; absent: as gateway.json says."
    )
    not_before_seconds: Seconds | None = Field(
        default=None,
        alias="notBeforeSeconds",
        description="Seconds after the event before which the run does not start.",
    )
    expires_after_seconds: Seconds | None = Field(
        default=None,
        alias="expiresAfterSeconds",
        description="Seconds after the event from which no run is started.",
    )

    @model_validator(mode="after")
    def _is_ready_before_it_is_stale(self) -> Self:
        early, late = self.not_before_seconds, self.expires_after_seconds
        if early is not None and late is not None and early >= late:
            msg = "The value of expiresAfterSeconds should be greater than that of notBeforeSeconds"
            raise ValueError(msg)
        return self
