"""The HTTP contract without the platform: headers, bodies, and the OpenAPI document."""
