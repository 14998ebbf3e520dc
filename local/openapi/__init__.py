"""The OpenAPI document: written from the models by `make schemas`, served as written from shared/api/openapi.json."""
