"""The W3C trace of an invocation: the caller's, continued as a new span, else a new one."""

import re
import secrets
from typing import NamedTuple

TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


class Trace(NamedTuple):
    """A trace context."""

    parent: str
    state: str = ""


def begin(traceparent: str = "", tracestate: str = "") -> Trace:
    """Continue the trace, or begin one."""
    span = secrets.token_hex(8)
    if found := TRACEPARENT.fullmatch(traceparent):
        return Trace(f"00-{found.group(1)}-{span}-{found.group(2)}", tracestate)
    return Trace(f"00-{secrets.token_hex(16)}-{span}-00")
