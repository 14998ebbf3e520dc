"""A rule of gateway.json: which events start which pipeline, in the words of Event Grid's own filters."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, model_validator

from shared.config import parameter_type
from shared.config.parameter_type import ParameterType
from shared.config.strict_model import Expression, Name, Section, Text
from shared.runs.request import MAX_AHEAD, MAX_PARAMETERS, PIPELINE_NAME

#: A longer wait than any event's own life at Event Grid (a day), and the longest that a request may ask for.
MAX_SECONDS: Final = int(MAX_AHEAD.total_seconds())

Seconds = Annotated[int, Field(ge=1, le=MAX_SECONDS)]


def _read_types(types: tuple[str, ...]) -> tuple[str, ...]:
    if "All" in types:  # as `az eventgrid` once wrote it; here it would silently match no event
        msg = "There is no event type All: leave the field out to include every type"
        raise ValueError(msg)
    return types


class Parameter(Section):
    """A parameter of a rule's run: a constant, or what an expression finds in the event."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["value"]}, {"required": ["expression"]}]}
    )

    value: JsonValue = Field(default=None, description="A constant.")
    expression: Expression | None = Field(default=None, description="JMESPath on the whole event.")
    required: bool = Field(
        default=True, description="Whether no run is made where the expression finds nothing."
    )
    default: JsonValue = Field(
        default=None, description="What stands for null or an empty text found by the expression."
    )
    type: ParameterType | None = Field(
        default=None,
        description="What the value has to be, in Synapse's words; nothing is converted.",
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
    """Which events start which pipeline, in the words of Event Grid's own filters."""

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
    not_before_seconds: Seconds | None = Field(
        default=None,
        alias="notBeforeSeconds",
        description="The run starts so long after the event at the earliest: time to settle.",
    )
    expires_after_seconds: Seconds | None = Field(
        default=None,
        alias="expiresAfterSeconds",
        description="So long after the event no run is started any more: it is stale.",
    )

    @model_validator(mode="after")
    def _is_ready_before_it_is_stale(self) -> Self:
        early, late = self.not_before_seconds, self.expires_after_seconds
        if early is not None and late is not None and early >= late:
            msg = "The expiresAfterSeconds should be more than the notBeforeSeconds"
            raise ValueError(msg)
        return self
