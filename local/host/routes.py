"""Finds the function that answers a method and path, and its route values, by ASP.NET Core's route templates."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

PARAMETER = re.compile(
    r"\{(?P<rest>\*{0,2})(?P<name>\w+)(?P<constraints>(?::\w+(?:\([^)]*\))?)*)(?P<optional>\??)\}"
)
CONSTRAINT = re.compile(r":(\w+)(?:\(([^)]*)\))?")
GUID = re.compile(r"[{(]?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}[)}]?", re.IGNORECASE)

type Check = Callable[[str], bool]


class RouteInvalid(Exception):
    """A route template can't be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One function's way in."""

    function: str
    methods: frozenset[str] | None
    pattern: re.Pattern[str]
    names: Sequence[str]
    checks: Sequence[tuple[str, Check]]
    rank: tuple[int, ...]

    def values(self, path: str) -> dict[str, str] | None:
        """Return the route values of a path, None if it isn't ours."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        values = {name: found[f"p{at}"] for at, name in enumerate(self.names) if found[f"p{at}"]}
        passed = all(check(values[name]) for name, check in self.checks if name in values)
        return values if passed else None


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
    """Read a route template, prefix included."""
    pieces: list[str] = []
    names: list[str] = []
    checks: list[tuple[str, Check]] = []
    rank: list[int] = []
    for segment in filter(None, template.split("/")):
        found = list(PARAMETER.finditer(segment))
        for one in found:
            checks += [
                (one["name"], _check(*constraint))
                for constraint in CONSTRAINT.findall(one["constraints"])
            ]
        pieces.append(_piece(segment, found, first=not pieces, index=len(names)))
        names += [one["name"] for one in found]
        rank.append(_rank(segment, found))
    return Route(
        function=function,
        methods=frozenset(method.upper() for method in methods) if methods else None,
        pattern=re.compile("".join(pieces), re.IGNORECASE | re.DOTALL),
        names=names,
        checks=checks,
        rank=tuple(rank),
    )


def _piece(segment: str, found: Sequence[re.Match[str]], *, first: bool, index: int) -> str:
    slash = "" if first else "/"
    text, end = "", 0
    for at, one in enumerate(found, index):
        text += re.escape(segment[end : one.start()])
        text += f"(?P<p{at}>.*)" if one["rest"] else f"(?P<p{at}>[^/]+)"
        end = one.end()
    text += re.escape(segment[end:])
    if "{" in PARAMETER.sub("", segment):
        msg = f"route segment '{segment}' can't be read"
        raise RouteInvalid(msg)
    left_out = any(one["rest"] or one["optional"] for one in found)
    return f"(?:{slash}{text})?" if left_out else slash + text


def _rank(segment: str, found: Sequence[re.Match[str]]) -> int:
    """Literals first, then constrained, free and catch-all parameters: ASP.NET's precedence."""
    if not found:
        return 1
    if len(found) > 1 or found[0].group() != segment:
        return 2
    return (5 if found[0]["rest"] else 3) - bool(found[0]["constraints"])


def _number(kind: Callable[[str], object]) -> Check:
    def check(value: str) -> bool:
        try:
            kind(value)
        except ValueError:
            return False
        return True

    return check


def _between(measure: Callable[[str], float], least: float, most: float) -> Check:
    return lambda value: _number(measure)(value) and least <= measure(value) <= most


def _check(name: str, argument: str) -> Check:
    simple: dict[str, Check] = {
        "int": _number(int),
        "long": _number(int),
        "decimal": _number(float),
        "double": _number(float),
        "float": _number(float),
        "bool": lambda value: value.lower() in {"true", "false"},
        "guid": lambda value: GUID.fullmatch(value) is not None,
        "alpha": lambda value: re.fullmatch("[a-z]*", value, re.IGNORECASE) is not None,
        "required": bool,
        "regex": lambda value: re.search(argument, value, re.IGNORECASE) is not None,
    }
    if name in simple:
        return simple[name]
    bounds = [float(one) for one in argument.split(",") if one]
    ranges: dict[str, Callable[[], Check]] = {
        "length": lambda: _between(len, bounds[0], bounds[-1]),
        "minlength": lambda: _between(len, bounds[0], float("inf")),
        "maxlength": lambda: _between(len, 0, bounds[0]),
        "min": lambda: _between(int, bounds[0], float("inf")),
        "max": lambda: _between(int, float("-inf"), bounds[0]),
        "range": lambda: _between(int, bounds[0], bounds[1]),
    }
    if name not in ranges:
        msg = f"route constraint '{name}' is unknown"
        raise RouteInvalid(msg)
    return ranges[name]()
