"""Run the local host for a workspace without TLS: `python -m bench.plain_http`, with its arguments.

Azure's libraries refuse to send a token over plain http; that they check it for each call is left out.
"""

import importlib
import runpy
from typing import Any


def allow_plain_http() -> None:
    """Let Azure's libraries send their token over plain http, to a workspace on loopback."""
    for name in ("_authentication", "_authentication_async"):
        module: Any = importlib.import_module(f"azure.core.pipeline.policies.{name}")
        module._enforce_https = lambda _: None  # noqa: SLF001 (the option exists for each call alone)


if __name__ == "__main__":
    allow_plain_http()
    runpy.run_module("local.host", run_name="__main__", alter_sys=True)
