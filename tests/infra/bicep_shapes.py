"""Holds a resource to the shape that Azure's own description gives it."""

from collections.abc import Iterator

from tests.infra.bicep_values import Resource, Runtime, Shape, Value, kind

_ANSWERED = {"id", "type", "apiVersion"}  #: the declaration itself says them


def misfits(resource: Resource, shape: Shape) -> Iterator[str]:
    """Yield what is not there, missing, read-only or of a wrong type or value."""
    for fault in _misfits(resource.body, shape, ""):
        yield f"{resource.place}: {resource.api}: {fault}"


def _misfits(value: Value, shape: Shape, path: str) -> Iterator[str]:
    if value is None or shape == "any":
        return  # null leaves the property out
    if isinstance(value, Runtime):
        yield from _wrong_kind(value, shape, path)
    elif isinstance(shape, dict) and "object" in shape:
        yield from _object(value, shape, path)
    elif isinstance(shape, dict) and "list" in shape:
        yield from _array(value, shape, path)
    elif isinstance(shape, dict):
        if not isinstance(value, str) or (value not in shape["enum"] and not shape.get("open")):
            yield f"{path} should be one of {shape['enum']}, and is {value!r}."
    else:
        yield from _wrong_kind(value, shape, path)


def _array(value: Value, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} should be an array."
        return
    for index, item in enumerate(value):
        yield from _misfits(item, shape["list"], f"{path}[{index}]")


def _wrong_kind(value: Value, shape: Shape, path: str) -> Iterator[str]:
    wanted = kind(Runtime("", shape))
    if shape in {"object", "list", "enum"}:
        yield f"{path} is not spelt out in infra/types.json: see local/bicep_types.py."
    elif kind(value) not in {None, wanted}:
        yield f"{path} should be of type {wanted}, and is of type {kind(value)}."


def _object(value: Value, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path or 'it'} should be an object."
        return
    if "by" in shape:
        chosen = value.get(shape["by"])
        if chosen not in shape["options"]:
            yield f"{path}.{shape['by']} should be one of {sorted(shape['options'])}, and is {chosen!r}."
            return
        shape = _joined(shape, shape["options"][chosen])
    for name in value:
        yield from _property(name, value[name], shape, f"{path}.{name}")
    answered = _ANSWERED if not path else set()
    for name in shape.get("required", []):
        if name not in answered and value.get(name) is None:
            yield f"{path}.{name} is required."


def _property(name: str, value: Value, shape: Shape, path: str) -> Iterator[str]:
    others = shape.get("others")
    if name in shape.get("readOnly", []):
        yield f"{path} is read-only."
    elif name in shape["object"]:
        yield from _misfits(value, shape["object"][name], path)
    elif others is not None:
        yield from _misfits(value, others, path)
    else:
        yield f"{path} does not exist."


def _joined(base: Shape, option: Shape) -> Shape:
    return {
        "object": base["object"] | option["object"],
        "required": [*base.get("required", []), *option.get("required", [])],
        "readOnly": [*base.get("readOnly", []), *option.get("readOnly", [])],
        "others": option.get("others"),
    }
