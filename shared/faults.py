"""How are the faults of something that a caller wrote told: all at once, each by its place, quoting no value?"""

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.cloud_error import CloudError

CODE = "InvalidRequest"


def fault(target: str, message: str) -> CloudError:
    """Tell one fault."""
    return CloudError(code=CODE, message=message, target=target)


def of(error: ValidationError) -> list[CloudError]:
    """Tell every fault of a JSON object, each by its JSON path."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return [fault(_path(detail["loc"]), _sentence(detail)) for detail in details]


def invalid(faults: Iterable[CloudError]) -> CloudError:
    """Put faults together as the one error of a request."""
    every = tuple(faults)
    count = "1 fault" if len(every) == 1 else f"{len(every)} faults"
    return CloudError(code=CODE, message=f"The request has {count}.", details=every)


def _sentence(detail: ErrorDetails) -> str:
    return detail["msg"].removeprefix("Value error, ") + "."


def _path(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step[:100]}" for step in location)
    return "$" + "".join(steps)
