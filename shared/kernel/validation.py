"""Validation errors of a caller's input: all at once, each with its place, none quoting a value."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.kernel.cloud_error import CUT, CloudError, Code


def fault(target: str, message: str) -> CloudError:
    """Return one error, at the JSON path `target`."""
    return CloudError(code=Code.INVALID_REQUEST, message=message, target=target)


def of(error: ValidationError, model: type[BaseModel]) -> list[CloudError]:
    """Return every validation error of a model, each with its JSON path."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return [fault(_path(detail["loc"]), _sentence(detail, model)) for detail in details]


def invalid(faults: Sequence[CloudError]) -> CloudError:
    """Combine errors into the one error of a request; a single one is also quoted in the message."""
    combined = counted("The request has", faults)
    if len(faults) != 1:
        return combined
    message = f"The request has a fault at {faults[0].target}: {faults[0].message}"
    return combined.model_copy(update={"message": message})


def counted(start: str, faults: Sequence[CloudError]) -> CloudError:
    """Combine errors into one, whose message begins with `start` and ends with their number."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    message = f"{start} {count}."
    return CloudError(code=Code.INVALID_REQUEST, message=message, details=tuple(faults))


def nearest(word: str, words: Iterable[str]) -> str:
    """Return a hint: the known word closest to `word`, or else all known words."""
    near = get_close_matches(word[:100], words := list(words), n=1)
    return f" Did you mean {near[0]}?" if near else f" Known here: {', '.join(words)}."


def _sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] != "extra_forbidden":
        return detail["msg"].removeprefix("Value error, ") + "."
    location = detail["loc"]
    names = [field.alias or name for name, field in model.model_fields.items()]
    # An object within the object has names of its own, which `model` does not list.
    near = nearest(str(location[0]), names) if len(location) == 1 else ""
    return f"There is no such field here.{near}"


def _path(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{_name(step)}" for step in location)
    return "$" + "".join(steps)


def _name(text: str) -> str:
    # A longer text is content rather than a name, and its beginning may be that of a secret.
    return text if len(text) <= 100 else CUT
