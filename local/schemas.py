"""Which JSON do senders write, and which do readers get? `make schemas` writes it down from the models."""

import json
from pathlib import Path
from typing import Any

from local.stack import ROOT
from shared.api import routes
from shared.config.gateway_json import GatewayConfig
from shared.runs.request import RunRequest
from shared.runs.result import RunResult

DIRECTORY = ROOT / "docs" / "schemas"
OPENAPI = ROOT / "docs" / "openapi.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return every published schema by its file's name."""
    return {
        "run-request.schema.json": RunRequest.model_json_schema(by_alias=True),
        "gateway.schema.json": GatewayConfig.model_json_schema(by_alias=True),
        "run-result.schema.json": RunResult.model_json_schema(by_alias=True, mode="serialization"),
    }


def text(schema: dict[str, Any]) -> str:
    """Return a schema as its file holds it."""
    return json.dumps({"$schema": DIALECT, **schema}, indent=2, ensure_ascii=False) + "\n"


def write(directory: Path, openapi: Path) -> None:
    """Write every schema and the OpenAPI document."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (directory / name).write_text(text(schema))
    openapi.write_text(routes.document())


if __name__ == "__main__":
    write(DIRECTORY, OPENAPI)
