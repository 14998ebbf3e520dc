"""What a template asks for, given its parameters: every resource, with each reference followed.

No Bicep compiler can be had offline, so this evaluates the part of the language that infra/ uses and reports what a
compiler would: names, properties, parameters and outputs that are not there, values of a wrong type, and what has to be
known at the start of a deployment and isn't.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tree_sitter import Node

from tests.infra import bicep_functions, bicep_source
from tests.infra.bicep_functions import ESCAPES, OPERATORS, RULES
from tests.infra.bicep_rules import Seen, depended_on, expect_kind
from tests.infra.bicep_source import Declaration, Fault, Source, children, place, text
from tests.infra.bicep_values import (
    MISSING,
    Module,
    Outputs,
    Resource,
    Runtime,
    Shape,
    Value,
    runtime_property,
    written,
)

#: Handled by Bicep itself, and no part of what is sent to Azure.
_META: Final = {"parent", "scope", "dependsOn"}
GROUP: Final = "Microsoft.Resources/resourceGroups"


class Expansion:
    """One template with its arguments."""

    def __init__(
        self,
        infra: Path,
        file: str,
        arguments: dict[str, Value],
        *,
        types: dict[str, Shape],
        seen: Seen,
    ) -> None:
        self.source: Source = bicep_source.read(infra, file)
        self.resources: list[Resource] = []
        self.modules: list[Module] = []
        self._infra, self._types, self._seen = infra, types, seen
        self._known: dict[str, Value] = {}
        self._locals: dict[str, Value] = {}
        self._open: list[str] = []
        self._early: str = ""
        self._arguments = arguments

    def expand(self) -> Module:
        """Evaluate every declaration; each fault is noted, and the rest goes on."""
        for name in self._arguments.keys() - self.source.parameters.keys():
            self._seen.faults.append(f"{self.source.file}: there is no parameter {name}.")
        for declaration in self.source.declarations.values():
            self._guarded(lambda one=declaration: self._named(one.name))  # type: ignore[misc] # a lambda's default
        outputs = {
            name: self._guarded(lambda one=output: self._output(one))  # type: ignore[misc]
            for name, output in self.source.outputs.items()
        }
        return Module(self.source.file, outputs, self._arguments, tuple(self.resources))

    def _guarded(self, evaluate: Callable[[], Value]) -> Value:
        try:
            return evaluate()
        except Fault as fault:
            if str(fault) not in self._seen.faults:
                self._seen.faults.append(str(fault))
            return Runtime("what could not be evaluated")

    # Names

    def _named(self, name: str) -> Value:
        declaration = self.source.declarations[name]
        if name in self._known and not (self._early and declaration.kind == "var"):
            return self._known[name]
        if name in self._open:
            raise Fault(f"{declaration.place}: {name} depends on itself.")
        self._open.append(name)
        try:
            self._known[name] = self._evaluated(declaration)
        finally:
            self._open.remove(name)
        return self._known[name]

    def _evaluated(self, declaration: Declaration) -> Value:
        if declaration.kind == "param":
            return self._parameter(declaration)
        assert declaration.value is not None
        if declaration.kind == "var":
            return self._value(declaration.value)
        return self._deployed(declaration)

    def _parameter(self, declaration: Declaration) -> Value:
        if declaration.name in self._arguments:
            value = self._arguments[declaration.name]
        elif declaration.value is None:
            raise Fault(
                f"{self.source.file}: the parameter {declaration.name} is required and not given."
            )
        else:
            value = self._value(declaration.value)
        expect_kind(value, declaration.type, f"{declaration.place}: {declaration.name}")
        for rule, allows in RULES.items():
            if rule in declaration.decorators and not isinstance(value, Runtime):
                bound = self._value(declaration.decorators[rule][0])
                if not allows(value, bound):
                    raise Fault(
                        f"{declaration.place}: {declaration.name} breaks @{rule}({bound}): {value!r}."
                    )
        return value

    def _output(self, declaration: Declaration) -> Value:
        assert declaration.value is not None
        value = self._value(declaration.value)
        expect_kind(value, declaration.type, f"{declaration.place}: {declaration.name}")
        return value

    # Resources and modules

    def _deployed(self, declaration: Declaration) -> Value:
        assert declaration.value is not None
        make = self._resource if declaration.kind == "resource" else self._module
        node, wanted = declaration.value, True
        if node.type == "if_statement":
            condition, node = children(node)
            with self._at_the_start(declaration):
                wanted = self._value(condition) is not False
        if node.type != "for_statement":
            return make(declaration, node, wanted=wanted)
        return [make(declaration, body, wanted=wanted) for body in self._rounds(node)]

    def _resource(self, declaration: Declaration, node: Node, *, wanted: bool) -> Resource:
        type_, _, version = declaration.type.partition("@")
        shape = self._types.get(declaration.type)
        if shape is None:
            raise Fault(
                f"{declaration.place}: infra/types.json has no {declaration.type}: see local/bicep_types.py."
            )
        if not wanted:  # its body is evaluated in a scenario that wants it
            return Resource(declaration.name, type_, version, declaration.place, existing=True)
        given = self._body(declaration, node)
        parent = self._resource_in(declaration, given.get("parent"), "parent")
        ending = type_.removeprefix(f"{parent.type}/") if parent else type_
        if ending.count("/") != (0 if parent else 1):
            raise Fault(
                f"{declaration.place}: {declaration.type} has no parent of type {type_.rpartition('/')[0]}."
            )
        resource = Resource(
            symbol=declaration.name,
            type=type_,
            version=version,
            place=declaration.place,
            existing=declaration.existing,
            body={name: value for name, value in given.items() if name not in _META},
            parent=parent,
            scope=self._resource_in(declaration, given.get("scope"), "scope"),
            depends_on=depended_on(declaration.place, given),
        )
        if not declaration.existing:
            self.resources.append(resource)
        return resource

    def _body(self, declaration: Declaration, node: Node) -> dict[str, Value]:
        given = {}
        for key, value in self._properties(node):
            if key in {"name", "scope", "parent"}:
                with self._at_the_start(declaration):
                    given[key] = self._value(value)
            else:
                given[key] = self._value(value)
        if "name" not in given:
            raise Fault(f"{declaration.place}: {declaration.name} has no name.")
        return given

    def _resource_in(self, declaration: Declaration, value: Value, key: str) -> Resource | None:
        if value is None or isinstance(value, Resource):
            return value
        raise Fault(f"{declaration.place}: {key} is no resource.")

    def _module(self, declaration: Declaration, node: Node, *, wanted: bool) -> Module:
        if not wanted:
            source = bicep_source.read(self._infra, self._path(declaration))
            later = {name: Runtime(f"{declaration.name}.{name}") for name in source.outputs}
            return Module(declaration.name, later)
        given = self._body(declaration, node)
        for key in given.keys() - {"name", "scope", "params", "dependsOn"}:
            raise Fault(f"{declaration.place}: a module has no {key}.")
        scope = self._resource_in(declaration, given.get("scope"), "scope")
        if self.source.scope == "subscription" and (scope is None or scope.type != GROUP):
            raise Fault(f"{declaration.place}: {declaration.name} needs a resource group as scope.")
        inner = Expansion(
            self._infra,
            self._path(declaration),
            given.get("params", {}),
            types=self._types,
            seen=self._seen,
        )
        done = inner.expand()
        module = Module(
            declaration.name,
            done.outputs,
            done.arguments,
            done.resources,
            depended_on(declaration.place, given),
        )
        self.modules.append(module)
        self.resources.extend(done.resources)
        return module

    def _path(self, declaration: Declaration) -> str:
        return str((Path(self.source.file).parent / declaration.type).as_posix())

    @contextmanager
    def _at_the_start(self, declaration: Declaration) -> Iterator[None]:
        before, self._early = self._early, declaration.place
        try:
            yield
        finally:
            self._early = before

    # Expressions

    def _value(self, node: Node) -> Value:
        self._seen.expressions.add((self.source.file, node.start_byte, node.end_byte))
        evaluate = getattr(self, f"_on_{node.type}", None)
        if evaluate is None:
            raise Fault(f"{self._at(node)}: a {node.type} is not understood here.")
        return evaluate(node)

    def _at(self, node: Node) -> str:
        return place(self.source.file, node)

    def _properties(self, node: Node) -> Iterator[tuple[str, Node]]:
        if node.type != "object":
            raise Fault(f"{self._at(node)}: an object is expected here.")
        keys = set()
        for property_ in children(node):
            key, value = children(property_)
            name = text(key) if key.type == "identifier" else written(self._value(key))
            if name in keys:
                raise Fault(f"{self._at(key)}: {name} is given twice.")
            keys.add(name)
            yield name, value

    def _on_object(self, node: Node) -> Value:
        return {key: self._value(value) for key, value in self._properties(node)}

    def _on_array(self, node: Node) -> Value:
        return [self._value(item) for item in children(node)]

    def _on_for_statement(self, node: Node) -> Value:
        return [self._value(body) for body in self._rounds(node)]

    def _rounds(self, node: Node) -> Iterator[Node]:
        variables, collection, body = children(node)
        names = [text(one) for one in children(variables)] or [text(variables)]
        early, self._early = self._early, self._at(node)
        items = self._value(collection)
        self._early = early
        if not isinstance(items, list):
            raise Fault(f"{self._at(collection)}: this is no array.")
        for index, item in enumerate(items):
            outer, self._locals = (
                self._locals,
                self._locals | dict(zip(names, (item, index), strict=False)),
            )
            yield body
            self._locals = outer

    def _on_string(self, node: Node) -> Value:
        whole = text(node)
        if whole.startswith("'''"):
            return whole[3:-3].removeprefix("\n")
        parts, start, content = [], node.start_byte + 1, self.source.content
        for part in children(node):  # blanks between them belong to no part
            parts.append(content[start : part.start_byte].decode())
            parts.append(self._part(part))
            start = part.end_byte
        parts.append(content[start : node.end_byte - 1].decode())
        runtime = any(isinstance(part, Runtime) for part in parts)
        whole = "".join(map(written, parts))
        return Runtime(whole, "string") if runtime else whole

    def _part(self, part: Node) -> Value:
        if part.type != "interpolation":
            return ESCAPES.get(text(part), text(part))
        value = self._value(children(part)[0])
        if isinstance(value, dict | list | Resource | Module):
            raise Fault(f"{self._at(part)}: {text(part)} is no text.")
        return value

    def _on_number(self, node: Node) -> Value:
        return int(text(node))

    def _on_boolean(self, node: Node) -> Value:
        return text(node) == "true"

    def _on_null(self, node: Node) -> Value:  # noqa: ARG002 (the same for every node)
        return None

    def _on_parenthesized_expression(self, node: Node) -> Value:
        return self._value(children(node)[0])

    def _on_identifier(self, node: Node) -> Value:
        name = text(node)
        if name in self._locals:
            return self._locals[name]
        if name not in self.source.declarations:
            raise Fault(f"{self._at(node)}: there is no {name}.")
        self._seen.names.add((self.source.file, name))
        return self._named(name)

    def _on_call_expression(self, node: Node) -> Value:
        function, arguments = children(node)
        values = [self._value(argument) for argument in children(arguments)]
        try:
            folder = (self._infra / self.source.file).parent
            return bicep_functions.call(text(function), values, folder)
        except Fault as fault:
            raise Fault(f"{self._at(node)}: {fault}") from None

    def _on_ternary_expression(self, node: Node) -> Value:
        condition, consequence, alternative = children(node)
        decided = self._value(condition)
        if isinstance(decided, Runtime):
            self._value(alternative)
            return self._value(consequence)
        if not isinstance(decided, bool):
            raise Fault(f"{self._at(condition)}: a condition is true or false.")
        return self._value(consequence if decided else alternative)

    def _on_unary_expression(self, node: Node) -> Value:
        value = self._value(children(node)[0])
        return Runtime(text(node), "bool") if isinstance(value, Runtime) else not value

    def _on_binary_expression(self, node: Node) -> Value:
        left, right = (self._value(child) for child in children(node))
        operator = next(child.type for child in node.children if not child.is_named)
        if operator not in OPERATORS:
            raise Fault(f"{self._at(node)}: {operator} is not understood here.")
        if isinstance(left, Runtime) or isinstance(right, Runtime):
            return Runtime(text(node), "bool")
        return OPERATORS[operator](left, right)

    def _on_subscript_expression(self, node: Node) -> Value:
        whole, index = (self._value(child) for child in children(node))
        if isinstance(whole, dict):
            return self._property(node, whole, index)
        if isinstance(whole, list) and isinstance(index, int) and index < len(whole):
            return whole[index]
        raise Fault(f"{self._at(node)}: there is no {text(node)}.")

    def _on_member_expression(self, node: Node) -> Value:
        whole, name = children(node)
        if whole.type in {"unary_expression", "binary_expression", "ternary_expression"}:
            raise Fault(f"{self._at(node)}: parsers differ on {text(node)!r}: use parentheses.")
        return self._property(node, self._value(whole), text(name))

    def _property(self, node: Node, whole: Value, name: str) -> Value:
        found = MISSING
        if isinstance(whole, dict):
            found = whole.get(name, MISSING)
        elif isinstance(whole, Module):
            found = Outputs(whole) if name == "outputs" else MISSING
        elif isinstance(whole, Outputs):
            self._only_later(node)
            found = whole.module.outputs.get(name, MISSING)
        elif isinstance(whole, Resource):
            found = self._resource_property(node, whole, name)
        elif isinstance(whole, Runtime):
            found = runtime_property(whole, name)
        if found is MISSING:
            raise Fault(f"{self._at(node)}: {text(node)}: there is no {name}.")
        return found

    def _resource_property(self, node: Node, whole: Resource, name: str) -> Value:
        if name == "name" and "name" in whole.body:
            return whole.body["name"]
        shape = self._types[whole.api]
        if name not in {"id", "name", "type"} and name not in shape.get("constant", []):
            self._only_later(node)
        return runtime_property(Runtime(str(whole), shape), name)

    def _only_later(self, node: Node) -> None:
        if self._early:
            raise Fault(
                f"{self._at(node)}: {text(node)} is known too late for {self._early}: names, conditions and loops are needed at the start."
            )
