"""The HTTP contract without the platform: routes, bodies, headers."""
