"""Writes the JSON Schemas and the OpenAPI documents from the models: `make schemas`."""

import json
from pathlib import Path
from typing import Any

from local.openapi import document, routes, swagger, synapse_routes
from local.stack import ROOT
from shared.config.gateway_json import GatewayConfig
from shared.runs.outcome import RunOutcome
from shared.runs.request import RunRequest
from shared.runs.result import RunResult

DIRECTORY = ROOT / "docs" / "schemas"
#: In the app's package, because the app serves it.
OPENAPI = ROOT / "shared" / "api" / "openapi.json"
#: For Power Apps, Power Automate and Logic Apps.
CONNECTOR = "connector.swagger.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return every published schema by its file's name."""
    return {
        "run-request.schema.json": RunRequest.model_json_schema(by_alias=True),
        "gateway.schema.json": GatewayConfig.model_json_schema(by_alias=True),
        "run-result.schema.json": RunResult.model_json_schema(by_alias=True, mode="serialization"),
        "run-outcome.schema.json": RunOutcome.model_json_schema(
            by_alias=True, mode="serialization"
        ),
    }


def text(schema: dict[str, Any]) -> str:
    """Return the content of a schema's file."""
    return json.dumps({"$schema": DIALECT, **schema}, indent=2, ensure_ascii=False) + "\n"


def openapi() -> str:
    """Return the OpenAPI document as its file holds it."""
    return _written(_described())


def connector() -> str:
    """Return the OpenAPI 2.0 document of a custom connector as its file holds it."""
    return _written(swagger.converted(_described()))


def _described() -> dict[str, Any]:
    return document.describe(
        (*routes.ROUTES, *synapse_routes.ROUTES),
        info=routes.INFO,
        headers=routes.HEADERS | synapse_routes.HEADERS,
        security=routes.SECURITY,
    )


def _written(described: dict[str, Any]) -> str:
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def write(directory: Path, document_file: Path) -> None:
    """Write every schema, and the OpenAPI document."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (directory / name).write_text(text(schema))
    document_file.write_text(openapi())
    (directory / CONNECTOR).write_text(connector())


if __name__ == "__main__":
    write(DIRECTORY, OPENAPI)
