"""Which functions does the app serve? Asked once: the library counts a second look as doubled names."""

import json
from functools import cache
from typing import Any

import function_app


@cache
def http_triggers() -> tuple[dict[str, Any], ...]:
    """Give the HTTP triggers as the platform reads them: route, methods, authLevel."""
    described = (
        json.loads(function.get_function_json()) for function in function_app.app.get_functions()
    )
    triggers = (binding for function in described for binding in function["bindings"])
    return tuple(trigger for trigger in triggers if trigger["type"] == "httpTrigger")
