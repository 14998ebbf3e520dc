"""Which functions does the app serve? Asked once: the library counts a second look as doubled names."""

import json
from functools import cache
from typing import Any

import function_app


@cache
def triggers() -> dict[str, dict[str, Any]]:
    """Give each function's trigger as the platform reads it, by the function's name."""
    described = {
        str(function.get_function_name()): json.loads(function.get_function_json())
        for function in function_app.app.get_functions()
    }
    return {
        name: next(one for one in function["bindings"] if one["type"].endswith("Trigger"))
        for name, function in described.items()
    }


def names() -> tuple[str, ...]:
    """Give the name of each function."""
    return tuple(triggers())


def http_triggers() -> tuple[dict[str, Any], ...]:
    """Give the HTTP triggers: route, methods, authLevel."""
    return tuple(one for one in triggers().values() if one["type"] == "httpTrigger")
