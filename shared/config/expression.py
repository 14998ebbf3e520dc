"""Evaluates a JMESPath expression on an event, with a bound on its work.

In addition to JMESPath's own functions (https://jmespath.org/specification.html#built-in-functions) there are four.
Each returns null for null, so that a parameter's `default` applies if the event lacks the field:

- `split(text, separator)`: the parts of a text, as in JMESPath Community (JEP 14)
- `basename(path)` and `dirname(path)`: the parts after and before the last slash
- `url_decode(text)`: `%20` becomes a space; a plus sign stays
"""

import json
import warnings
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final, override
from urllib.parse import unquote

import jmespath
from jmespath import Options, exceptions, functions, visitor
from pydantic import JsonValue

MAX_LENGTH: Final = 1000
#: Steps of one evaluation plus values that it makes: a search through an event of a megabyte takes half of it.
#: Without a bound, `[@,@]|[@,@]|…` doubles its result with every six characters.
MAX_WORK: Final = 500_000
_CHARACTERS: Final = 16  # so many characters of a text count as one more value
_MAKERS: Final = frozenset({"multi_select_list", "multi_select_dict", "function_expression"})


class Unusable(ValueError):
    """An expression that doesn't compile or can't be evaluated on this event; the message quotes no value."""


class _Functions(functions.Functions):
    @functions.signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_split(self, text: str | None, separator: str) -> list[str] | None:
        if text is None:
            return None
        return text.split(separator) if separator else list(text)

    @functions.signature({"types": ["string", "null"]})
    def _func_basename(self, path: str | None) -> str | None:
        return None if path is None else path.rpartition("/")[2]

    @functions.signature({"types": ["string", "null"]})
    def _func_dirname(self, path: str | None) -> str | None:
        return None if path is None else path.rpartition("/")[0]

    @functions.signature({"types": ["string", "null"]})
    def _func_url_decode(self, text: str | None) -> str | None:
        return None if text is None else unquote(text)


_OPTIONS: Final = Options(custom_functions=_Functions())


class _Bounded(visitor.TreeInterpreter):
    """JMESPath's interpreter with a bound on the values it makes, for one evaluation. Other nodes make no new values."""

    def __init__(self) -> None:
        super().__init__(_OPTIONS)
        self._left = MAX_WORK

    @override
    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        found = super().visit(node, *args, **kwargs)
        self._left -= _size(found, self._left) if node["type"] in _MAKERS else 1
        if self._left < 0:
            msg = "The expression produces too many values from this event."
            raise Unusable(msg)
        return found


def _size(value: Any, enough: int) -> int:
    """Count the values within a value, repeated ones each time, and stop beyond `enough`."""
    count, left = 0, [value]
    while left and count <= enough:
        item = left.pop()
        count += 1
        match item:
            case str():
                count += len(item) // _CHARACTERS
            case list():
                left += item
            case dict():
                left += item.values()
            case _:
                pass
    return count


def check(text: str) -> str:
    """Return the expression if it compiles. Raises `Unusable` with the place of the error."""
    if len(text) > MAX_LENGTH:
        msg = f"The expression is longer than {MAX_LENGTH} characters."
        raise Unusable(msg)
    for node in _nodes(_compile(text)):
        if fault := _fault(node):
            raise Unusable(fault)
    return text


def evaluate(text: str, document: JsonValue) -> JsonValue:
    """Return what the expression finds in a document. Raises `Unusable` if it can't be evaluated."""
    try:
        found = _Bounded().visit(jmespath.compile(text).parsed, document)
        # JSON has no NaN (which `to_number` returns for 'nan') and no half surrogate pairs.
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    except exceptions.JMESPathTypeError as error:
        expected = " or ".join(error.expected_types)
        # For an array's items, jmespath reports Python's name of the type.
        actual = functions.TYPES_MAP.get(error.actual_type, error.actual_type)
        msg = f"The function {error.function_name}() takes {expected}, not {actual}."
        raise Unusable(msg) from error
    except Unusable:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        msg = "The expression compares or combines values of incompatible types."
        raise Unusable(msg) from error
    except RecursionError as error:
        msg = "The expression or the event is nested too deeply."
        raise Unusable(msg) from error
    return found  # type: ignore[no-any-return]  # json.dumps has just shown that it is JSON


def _compile(text: str) -> dict[str, Any]:
    try:
        # Otherwise `a` in backticks, which is not a JSON literal, is read as the text "a" with a warning.
        with warnings.catch_warnings(action="error", category=PendingDeprecationWarning):
            return dict(jmespath.compile(text).parsed)
    except exceptions.EmptyExpressionError as error:
        msg = "The expression is empty."
        raise Unusable(msg) from error
    except exceptions.IncompleteExpressionError as error:
        msg = "The expression ends too early."
        raise Unusable(msg) from error
    except exceptions.ParseError as error:
        msg = f"The expression can't be read at character {error.lex_position + 1}."
        raise Unusable(msg) from error
    except (PendingDeprecationWarning, RecursionError, ValueError, LookupError) as error:
        msg = "The expression can't be read: a literal in backticks that is not JSON, or too many brackets."
        raise Unusable(msg) from error


def _fault(node: dict[str, Any]) -> str | None:
    """Return a fault that JMESPath itself would only find at the first event."""
    match node["type"]:
        case "function_expression":
            return _call_fault(node["value"], len(node["children"]))
        case "slice" if node["children"][2] == 0:
            return "The step of a slice can't be 0."
        case _:
            return None


def _call_fault(name: str, count: int) -> str | None:
    known = _Functions.FUNCTION_TABLE.get(name)
    if known is None:
        near = get_close_matches(name, _Functions.FUNCTION_TABLE, n=1)
        hint = f" Did you mean {near[0]}()?" if near else ""
        return f"There is no function {name[:100]}().{hint}"
    signature = known["signature"]
    least = len(signature)
    more = bool(signature[-1].get("variadic"))
    if count == least or (count > least and more):
        return None
    return (
        f"The function {name}() takes {least}{' or more' if more else ''} argument(s), not {count}."
    )


def _nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    left = [tree]
    while left:
        node = left.pop()
        yield node
        left += [child for child in node.get("children", ()) if isinstance(child, dict)]
