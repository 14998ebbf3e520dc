"""Reads the bodies of `/rerun` and `/resolve`, or returns every error in them."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, JsonValue, ValidationError

from shared.kernel import guid, validation
from shared.kernel.camel_model import CamelModel
from shared.kernel.cloud_error import CloudError
from shared.kernel.validation import fault
from shared.runs.request import MAX_PARAMETERS, Text, read_object

#: Far more reruns than needed, and the largest number that a table's 32-bit column holds.
MAX_GENERATION: Final = 2**31 - 1


class _Body(CamelModel):
    model_config = ConfigDict(strict=True)


class Recovery(_Body):
    """A rerun that continues where the last run failed: Synapse reuses what had succeeded."""

    start_activity_name: Text | None = Field(
        default=None, description="The activity to begin with; by default the one that failed."
    )


class Rerun(_Body):
    """The body of `/rerun`."""

    generation: Annotated[int, Field(ge=2, le=MAX_GENERATION)] | None = Field(
        default=None,
        description="The next generation: the record's plus one. If-Match may give it instead.",
    )
    parameters: dict[str, JsonValue] | None = Field(
        default=None,
        max_length=MAX_PARAMETERS,
        description="All parameters of the first run, if some were redacted when it ended.",
    )
    recovery: Recovery | None = None


class Resolve(_Body):
    """The body of `/resolve`."""

    run_id: Annotated[str, Field(pattern=f"^{guid.PATTERN}$")] | None = Field(
        description="The run that was found; null if there is none."
    )


def read_rerun(body: bytes, expected: int | None) -> Rerun | CloudError:
    """Read the body of `/rerun`, which may be empty; the generation that `If-Match` expects must agree with the body's."""
    fields = read_object(body or b"{}")
    if isinstance(fields, CloudError):
        return fields
    found = list(_cross_faults(fields, expected))
    try:
        rerun = Rerun.model_validate(fields)
    except ValidationError as error:
        return validation.invalid([*validation.of(error, Rerun), *found])
    if found:
        return validation.invalid(found)
    return rerun.model_copy(update={"generation": rerun.generation or expected})


def read_resolve(body: bytes) -> Resolve | CloudError:
    """Read the body of `/resolve`."""
    fields = read_object(body)
    if isinstance(fields, CloudError):
        return fields
    try:
        return Resolve.model_validate(fields)
    except ValidationError as error:
        return validation.invalid(validation.of(error, Resolve))


def _cross_faults(fields: dict[str, Any], expected: int | None) -> Iterator[CloudError]:
    """Yield the errors that concern more than one field."""
    named = fields.get("generation")
    if named is None and expected is None:
        yield fault("$.generation", "Give the next generation, here or by If-Match.")
    elif named is not None and expected is not None and named != expected:
        yield fault("$.generation", "The value should agree with If-Match.")
    if fields.get("parameters") is not None and fields.get("recovery") is not None:
        text = "Synapse takes a recovery's parameters from the run that failed: leave them out."
        yield fault("$.parameters", text)
