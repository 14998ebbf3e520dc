"""Serves the OpenAPI document as `make schemas` wrote it."""

from functools import cache
from pathlib import Path
from typing import Final

import azure.functions as func

from shared import api
from shared.triggers import responses

_FILE: Final = Path(api.__file__).with_name("openapi.json")


def show() -> func.HttpResponse:
    """Serve `GET /api/openapi.json`."""
    return responses.written(_content())


@cache
def _content() -> bytes:
    return _FILE.read_bytes()
