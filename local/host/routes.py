"""Finds the function that answers a method and path, and its route values, by ASP.NET Core's route templates.

A segment is literal or one parameter: constraints, optional and catch-all parameters, and mixed segments are refused.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

PARAMETER = re.compile(r"\{(?P<name>\w+)\}")


class RouteInvalid(Exception):
    """A route template can't be read, or asks for what this host does not serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One function's way in."""

    function: str
    methods: frozenset[str] | None
    pattern: re.Pattern[str]
    names: Sequence[str]
    rank: tuple[bool, ...]  #: which segments are parameters: a literal comes before them

    def values(self, path: str) -> dict[str, str] | None:
        """Return the route values of a path, None if it isn't ours."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        return {name: found[f"p{at}"] for at, name in enumerate(self.names)}


class Routes:
    """All routes, the most specific first."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = sorted(routes, key=lambda route: route.rank)

    def find(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """Return the function and its route values; a wrong method is no route, as on the platform."""
        for route in self._routes:
            if route.methods is not None and method not in route.methods:
                continue
            values = route.values(path)
            if values is not None:
                return route.function, values
        return None


def decoded(raw: str) -> str:
    """Decode a path once, as the platform's server does: `%2F` stays, dot segments go."""
    kept = re.sub("%(?=2f)", "%25", raw, flags=re.IGNORECASE)
    path = unquote_to_bytes(kept).decode(errors="replace")
    segments: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    return "/".join(segments).rstrip("/")


def compiled(function: str, template: str, methods: Iterable[str] | None) -> Route:
    """Read a route template, prefix included. Raises `RouteInvalid` for one that this app has no need of."""
    segments = list(filter(None, template.split("/")))
    names: list[str] = []
    pieces: list[str] = []
    for segment in segments:
        if found := PARAMETER.fullmatch(segment):
            pieces.append(f"(?P<p{len(names)}>[^/]+)")
            names.append(found["name"])
        elif "{" in segment:
            msg = f"route segment '{segment}' can't be read"
            raise RouteInvalid(msg)
        else:
            pieces.append(re.escape(segment))
    return Route(
        function=function,
        methods=frozenset(method.upper() for method in methods) if methods else None,
        pattern=re.compile("/".join(pieces), re.IGNORECASE | re.DOTALL),
        names=names,
        rank=tuple(PARAMETER.fullmatch(segment) is not None for segment in segments),
    )
