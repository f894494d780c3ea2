"""Writes TypedDicts for schemas.

A schema with ``x-tagged`` becomes a union with a member for each value of its tag. If a key
has the name of a value, only the member of that value has the key.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from .schema import Schema, referenced

KINDS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}

UNION = """
if TYPE_CHECKING:
    # YCloud adds types. A checker narrows a union only where each tag is a Literal, so to a
    # checker the others are those that receivers have met.
    {name}OtherType: TypeAlias = Literal[{others}]
else:
    {name}OtherType = str

{members}

#: {description}
{name}: TypeAlias = (
    {union}
)
"""


class Classes:
    """Writes the classes of schemas, given which of their keys are required."""

    def __init__(self, schemas: dict[str, Schema], required: dict[str, set[str]]) -> None:
        self._schemas = schemas
        self._required = required

    def text(self, roots: Iterable[str]) -> str:
        """Return the classes of these schemas and of all schemas that they refer to."""
        reached: dict[str, None] = {}
        for root in roots:
            self._reach(root, reached)
        return "\n\n".join(self._definition(name) for name in reached)

    def _reach(self, name: str, reached: dict[str, None]) -> None:
        if name in reached or "properties" not in self._schemas[name]:
            return
        for each in self._schemas[name]["properties"].values():
            target = referenced(each)
            if target:
                self._reach(target, reached)
        reached[name] = None

    def _definition(self, name: str) -> str:
        schema = self._schemas[name]
        if "x-tagged" in schema:
            return self._union(name, schema)
        keys = {key: self._key(name, key) for key in schema["properties"]}
        about = schema.get("description", "")
        final = "@final\n" if schema.get("x-final") else ""
        return final + _class(class_name(name), keys, about)

    def _union(self, name: str, schema: Schema) -> str:
        """Return a base with the common keys of the members, the members, and the union."""
        tagged = schema["x-tagged"]
        values = self._values(name)
        special = {tagged["by"], *values, *tagged["others"]["keys"], *_shared_keys(tagged)}
        common = {k: self._key(name, k) for k in schema["properties"] if k not in special}
        titles = {each: tagged["class"].format(class_name(each)) for each in values}
        members = [
            self._member(name, f'Literal["{value}"]', title, value)
            for value, title in titles.items()
        ]
        last = tagged["class"].format("Other")
        members.append(self._member(name, f"{name}OtherType", last))
        return _class(f"_{name}", common, "The keys that each has.") + UNION.format(
            name=name,
            others=quoted(tagged["others"]["types"]),
            members="\n\n".join(members),
            description=schema["description"],
            union="\n    | ".join([*titles.values(), last]),
        )

    def _member(self, name: str, kind: str, title: str, value: str | None = None) -> str:
        schema = self._schemas[name]
        tagged = schema["x-tagged"]
        mine = {value} if value else set(tagged["others"]["keys"])
        always = {value, *tagged["required"].get(value, ())}
        always -= set(schema.get("x-optional", ()))
        keys = {tagged["by"]: (kind, "")}
        for key in schema["properties"]:
            if key in mine | _shared_keys(tagged):
                keys[key] = self._key(name, key, required=key in always)
            elif key in {*self._values(name), *tagged["others"]["keys"]}:
                keys[key] = ("NotRequired[_Absent]", "")
        return "@final\n" + _class(title, keys, base=f"_{name}")

    def _values(self, name: str) -> list[str]:
        """Return the documented values of a union's tag."""
        schema = self._schemas[name]
        tag = schema["properties"][schema["x-tagged"]["by"]]
        values: list[str] = self._schemas[referenced(tag) or ""]["enum"]
        return values

    def _key(self, name: str, key: str, *, required: bool | None = None) -> tuple[str, str]:
        """Return the type of a key, and its description in the schema."""
        schema = self._schemas[name]["properties"][key]
        kind = self._type(schema)
        if required is None:
            required = key in self._required[name]
        return kind if required else f"NotRequired[{kind}]", schema.get("description", "")

    def _type(self, schema: Schema) -> str:
        target = referenced({"$ref": schema.get("$ref")})
        if target and "properties" in self._schemas[target]:
            return class_name(target)
        if target:
            return self._type(self._schemas[target])
        if "enum" in schema:  # YCloud adds values without notice
            return f"Literal[{quoted(schema['enum'])}] | str"
        if "anyOf" in schema:
            return " | ".join(self._type(each) for each in schema["anyOf"])
        kind = self._kind(schema)
        return f"{kind} | None" if schema.get("nullable") else kind

    def _kind(self, schema: Schema) -> str:
        kind = schema.get("type")
        if kind == "array":
            return f"list[{self._type(schema['items'])}]"
        if kind == "object":
            inner = schema.get("additionalProperties")
            value = self._type(inner) if isinstance(inner, dict) else "Any"
            return f"dict[str, {value}]"
        return KINDS.get(kind or "", "Any")


def _shared_keys(tagged: Schema) -> set[str]:
    """Return the keys that one member requires and the others may have."""
    return {key for keys in tagged["required"].values() for key in keys}


def _class(
    title: str, keys: dict[str, tuple[str, str]], about: str = "", base: str = ""
) -> str:
    """Return a class. A class body cannot have the key ``from``, so a base has it."""
    if "from" in keys:
        kind, told = keys["from"]
        base = "_MayHaveFrom" if "NotRequired" in kind else "_HasFrom"
        about += f"\n\n``from``: {told}"
    lines = [f"class {title}({base or 'TypedDict'}):", *_docstring(about)]
    for key, (kind, told) in keys.items():
        if key != "from":
            lines += [f"    {key}: {kind}", *_docstring(told)]
    return "\n".join(lines) + "\n"


def _docstring(text: str) -> list[str]:
    text = text.strip().replace("\\", "\\\\")
    return ['    """', textwrap.indent(text, "    "), '    """'] if text else []


def class_name(schema: str) -> str:
    """Return a name as a class name: ``request_welcome`` as ``RequestWelcome``."""
    return "".join(part[0].upper() + part[1:] for part in schema.split("_"))


def quoted(values: Iterable[str]) -> str:
    """Return the values, quoted for a Literal."""
    return ", ".join(f'"{each}"' for each in values)
