"""Evaluates a JMESPath expression on an event, with a bound on its work.

Beside JMESPath's own functions (https://jmespath.org/specification.html#built-in-functions) there are four.
Each gives null for null, so that a parameter's `default` applies where the event lacks the field:

- `split(text, separator)`: the parts of a text, as in JMESPath Community (JEP 14)
- `basename(path)` and `dirname(path)`: what stands behind the last slash, and what before it
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
#: Steps of one evaluation, and values that it makes: a search through an event of a megabyte takes half of it.
#: Without a bound `[@,@]|[@,@]|…` doubles what it makes with every six characters.
MAX_WORK: Final = 500_000
_CHARACTERS: Final = 16  # of a text that count as one more value
_MAKERS: Final = frozenset({"multi_select_list", "multi_select_dict", "function_expression"})


class Unusable(ValueError):
    """An expression that doesn't compile, or finds nothing usable here; the message quotes no value."""


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
    """JMESPath's interpreter, for one evaluation, with an end to what it makes. All else only finds what is there."""

    def __init__(self) -> None:
        super().__init__(_OPTIONS)
        self._left = MAX_WORK

    @override
    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        found = super().visit(node, *args, **kwargs)
        self._left -= _size(found, self._left) if node["type"] in _MAKERS else 1
        if self._left < 0:
            msg = "The expression makes too much of this event."
            raise Unusable(msg)
        return found


def _size(value: Any, enough: int) -> int:
    """Count the values within a value as often as they are written there, until there are enough."""
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
    """Give an expression back that compiles. Raises `Unusable` saying where it doesn't."""
    if len(text) > MAX_LENGTH:
        msg = f"The expression is longer than {MAX_LENGTH} characters."
        raise Unusable(msg)
    for node in _nodes(_compile(text)):
        if fault := _fault(node):
            raise Unusable(fault)
    return text


def evaluate(text: str, document: JsonValue) -> JsonValue:
    """Find a JSON value in a document. Raises `Unusable` where a function meets what it can't take."""
    try:
        found = _Bounded().visit(jmespath.compile(text).parsed, document)
        # JSON has no NaN (as `to_number` makes of 'nan') and no half surrogate pairs.
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    except exceptions.JMESPathTypeError as error:
        expected = " or ".join(error.expected_types)
        # Of an array's items, jmespath tells Python's name of the type.
        actual = functions.TYPES_MAP.get(error.actual_type, error.actual_type)
        msg = f"The function {error.function_name}() takes {expected}, not {actual}."
        raise Unusable(msg) from error
    except Unusable:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        msg = "The expression compares or combines values that don't go together."
        raise Unusable(msg) from error
    except RecursionError as error:
        msg = "The expression or the event is nested too deeply."
        raise Unusable(msg) from error
    return found  # type: ignore[no-any-return]  # json.dumps has just shown that it is JSON


def _compile(text: str) -> dict[str, Any]:
    try:
        # Else `a` in backticks, which is no JSON literal, is taken for the text "a" with a warning.
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
    """Find what JMESPath itself would only notice at the first event."""
    match node["type"]:
        case "function_expression":
            return _call_fault(node["value"], len(node["children"]))
        case "slice" if node["children"][2] == 0:
            return "A slice can't go in steps of 0."
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
