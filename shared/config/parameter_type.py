"""The types that a pipeline declares for its parameters, in Synapse's own terms.

Nothing is converted: a number stays a number.
"""

from typing import Final, Literal

from pydantic import JsonValue

ParameterType = Literal["string", "int", "float", "bool", "array", "object"]

_PYTHON: Final[dict[ParameterType, type | tuple[type, ...]]] = {
    "string": str,
    "float": (int, float),
    "bool": bool,
    "array": list,
    "object": dict,
}


def fits(value: JsonValue, declared: ParameterType | None) -> bool:
    """Return whether a value is of the declared type; without one, every value is."""
    if declared is None:
        return True
    if isinstance(value, bool):  # in Python, bool is a subclass of int
        return declared == "bool"
    if declared == "int":  # JSON writes 5 and 5.0 for the same number
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, _PYTHON[declared])


def article(declared: ParameterType | None) -> str:
    """Return the type with its article."""
    return f"{'an' if declared in {'int', 'array', 'object'} else 'a'} {declared}"
