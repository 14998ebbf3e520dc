"""A Bicep file as its declarations, read by tree-sitter."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_PARSER: Final = Parser(Language(tree_sitter_bicep.language()))
_KINDS: Final = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}
_DECORATORS: Final = {
    "allowed",
    "description",
    "maxLength",
    "maxValue",
    "metadata",
    "minLength",
    "minValue",
}


class Fault(Exception):
    """Something is wrong at a place in a template."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One param, var, resource, module or output."""

    kind: str
    name: str
    file: str
    node: Node
    value: Node | None  #: None for a parameter without a default
    type: str = ""  #: `string`, `provider/type@version`, or a module's path
    existing: bool = False
    decorators: dict[str, list[Node]] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return place(self.file, self.node)


@dataclass(frozen=True, slots=True)
class Source:
    """One file."""

    file: str  #: relative to infra/
    content: bytes
    root: Node
    scope: str
    declarations: dict[str, Declaration]
    outputs: dict[str, Declaration]

    @property
    def parameters(self) -> dict[str, Declaration]:
        return {name: one for name, one in self.declarations.items() if one.kind == "param"}


def place(file: str, node: Node) -> str:
    return f"{file}:{node.start_point.row + 1}"


def text(node: Node) -> str:
    return (node.text or b"").decode()


def children(node: Node) -> list[Node]:
    """The parts of a node that mean something."""
    return [child for child in node.named_children if child.type != "comment"]


def syntax_errors(root: Node) -> Iterator[Node]:
    """Yield what tree-sitter could not read; it goes on behind it."""
    if not root.has_error:
        return
    if root.is_error or root.is_missing:
        yield root
    for child in root.children:
        yield from syntax_errors(child)


@cache
def parse(content: bytes) -> Node:
    return _PARSER.parse(content).root_node


def read(infra: Path, file: str) -> Source:
    """Read a file's declarations. Raises `Fault`."""
    path = infra / file
    if not path.is_file():
        raise Fault(f"{file}: there is no such file.")
    return _source(file, path.read_bytes())


@cache  # a module is used several times in each expansion
def _source(file: str, content: bytes) -> Source:
    root = parse(content)
    for error in syntax_errors(root):
        raise Fault(f"{place(file, error)}: this is no Bicep: {text(error)[:60]!r}")
    declarations: dict[str, Declaration] = {}
    outputs: dict[str, Declaration] = {}
    scope, decorators = "resourceGroup", dict[str, list[Node]]()
    for node in children(root):
        if node.type == "decorators":
            decorators = _decorators(file, node)
        elif node.type == "target_scope_assignment":
            scope = text(children(node)[0]).strip("'")
        else:
            found = _declaration(file, node, decorators)
            names = outputs if found.kind == "output" else declarations
            if found.name in names:
                raise Fault(f"{found.place}: the name {found.name} is taken.")
            names[found.name], decorators = found, {}
    return Source(file, content, root, scope, declarations, outputs)


def _decorators(file: str, node: Node) -> dict[str, list[Node]]:
    found = {}
    for decorator in children(node):
        call = children(decorator)[0]
        name, arguments = children(call)
        if text(name) not in _DECORATORS:
            raise Fault(f"{place(file, call)}: the decorator {text(name)} is not known here.")
        found[text(name)] = children(arguments)
    return found


def _declaration(file: str, node: Node, decorators: dict[str, list[Node]]) -> Declaration:
    kind = _KINDS.get(node.type)
    if kind is None:
        raise Fault(f"{place(file, node)}: a {node.type} is not understood here.")
    name, *rest = children(node)
    type_ = ""
    if kind != "var":
        type_ = text(rest.pop(0)).strip("'")
    return Declaration(
        kind=kind,
        name=text(name),
        file=file,
        node=node,
        value=rest[-1] if rest else None,
        type=type_,
        existing=any(child.type == "existing" for child in node.children),
        decorators=decorators,
    )
