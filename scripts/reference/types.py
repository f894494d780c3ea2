"""Reads the payload types from their source: fields, values and descriptions."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAYLOADS = Path(__file__).parents[2] / "flask_ycloud" / "payloads.py"

_KINDS = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean",
    "Any": "anything", "WhatsappInboundMessageOtherType": "string",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field of an object.

    :param types: the names of the payload types that the field holds.
    :param kind: its type in words, with ``{Name}`` for a payload type.
    :param values: the values that YCloud documents, if it lists them.
    """

    name: str
    kind: str
    required: bool
    values: tuple[str, ...]
    types: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Type:
    """An object; or, with ``members``, a union of objects that share fields."""

    name: str
    description: str
    fields: tuple[Field, ...]
    base: str | None = None
    members: tuple[str, ...] = ()

    @property
    def reaches(self) -> Iterator[str]:
        """Return the types that this type names."""
        for field in self.fields:
            yield from field.types
        yield from self.members


@cache
def payload_types() -> dict[str, Type]:
    """Return all payload types by name. A union has the common fields of its members."""
    tree = ast.parse(PAYLOADS.read_text("utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = {name: _type(name, node) for name, node in classes.items()}
    for name in [name for name in found if name.startswith("_")]:
        shared = found.pop(name)
        members = tuple(each.name for each in found.values() if each.base == name[1:])
        found[name[1:]] = Type(name[1:], shared.description, shared.fields, None, members)
    return {name: found[name] for name in found if name in _documented(found)}


def _documented(found: dict[str, Type]) -> set[str]:
    """Return the names of the payloads: not of the Protocols for type checkers."""
    return {name for name, each in found.items() if each.fields}


def _type(name: str, node: ast.ClassDef) -> Type:
    bases = [ast.unparse(base) for base in node.bases]
    about, _, sender = (ast.get_docstring(node) or "").partition("``from``:")
    fields = []
    for base in bases:
        if base in ("_HasFrom", "_MayHaveFrom"):
            required = base == "_HasFrom"
            fields.append(Field("from", "string", required, (), (), sender.strip()))
    fields += _fields(node)
    inherited = next((b[1:] for b in bases if b.startswith("_Whatsapp")), None)
    return Type(name, about.strip(), tuple(fields), inherited)


def _fields(node: ast.ClassDef) -> Iterator[Field]:
    for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign):
            continue
        annotation, required = statement.annotation, True
        if isinstance(annotation, ast.Subscript) and _name(annotation) == "NotRequired":
            annotation, required = annotation.slice, False
        if ast.unparse(annotation) == "_Absent":
            continue
        name = ast.unparse(statement.target)
        told = _string(after.value) if isinstance(after, ast.Expr) else ""
        yield Field(
            name, _kind(annotation), required, tuple(_values(annotation)),
            tuple(_types(annotation)), told,
        )  # fmt: skip


def _string(node: ast.expr) -> str:
    """Return the text of a description, without the indentation of its class."""
    assert isinstance(node, ast.Constant)
    return textwrap.dedent(str(node.value)).strip()


def _name(node: ast.Subscript) -> str:
    return ast.unparse(node.value)


def _kind(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp):
        sides = dict.fromkeys([_kind(node.left), _kind(node.right)])
        return " or ".join(sides)
    if not isinstance(node, ast.Subscript):
        name = ast.unparse(node)
        return "null" if name == "None" else _KINDS.get(name, f"{{{name}}}")
    if _name(node) == "list":
        return f"list of {_kind(node.slice)}"
    if _name(node) == "dict":
        assert isinstance(node.slice, ast.Tuple)
        value = _kind(node.slice.elts[1])
        return "object" if value == "anything" else f"object of {value}"
    return "string"  # a Literal


def _values(node: ast.expr) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Subscript) and _name(each) == "Literal":
            for constant in ast.walk(each.slice):
                if isinstance(constant, ast.Constant):
                    yield str(constant.value)


def _types(node: ast.expr) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id[0].isupper() and each.id not in (
            "Any", "Literal", "WhatsappInboundMessageOtherType",
        ):  # fmt: skip
            yield each.id
