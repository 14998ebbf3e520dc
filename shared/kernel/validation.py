"""Errors in what a caller wrote: all at once, each with its place, none quoting a value."""

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.kernel.cloud_error import CUT, CloudError

CODE = "InvalidRequest"


def fault(target: str, message: str) -> CloudError:
    """Tell one fault."""
    return CloudError(code=CODE, message=message, target=target)


def of(error: ValidationError, model: type[BaseModel]) -> list[CloudError]:
    """Tell every fault of a JSON object that is no `model`, each by its JSON path."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return [fault(_path(detail["loc"]), _sentence(detail, model)) for detail in details]


def invalid(faults: Iterable[CloudError]) -> CloudError:
    """Put faults together as the one error of a request; one alone is in its message, too."""
    every = tuple(faults)
    if len(every) == 1:
        message = f"The request has a fault at {every[0].target}: {every[0].message}"
    else:
        message = f"The request has {len(every)} faults."
    return CloudError(code=CODE, message=message, details=every)


def nearest(word: str, words: Iterable[str]) -> str:
    """Offer the word that was meant, or all that are known here."""
    near = get_close_matches(word[:100], words := list(words), n=1)
    return f" Did you mean {near[0]}?" if near else f" Known here: {', '.join(words)}."


def _sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] != "extra_forbidden":
        return detail["msg"].removeprefix("Value error, ") + "."
    location = detail["loc"]
    names = [field.alias or name for name, field in model.model_fields.items()]
    # Of an object within the object other names are known, which `model` does not say.
    near = nearest(str(location[0]), names) if len(location) == 1 else ""
    return f"There is no such field here.{near}"


def _path(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{_name(step)}" for step in location)
    return "$" + "".join(steps)


def _name(text: str) -> str:
    # A longer text is content, and its beginning may be that of a secret.
    return text if len(text) <= 100 else CUT
