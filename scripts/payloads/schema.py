"""The schemas of the payloads, and the keys that all samples have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from flask_ycloud.protocol import EVENT_TYPES, EventType, sample, variants

HERE = Path(__file__).parent

Schema = dict[str, Any]


def load() -> dict[str, Schema]:
    """Return YCloud's schema, with the additions merged into each object."""
    merged: dict[str, Schema] = _yaml("openapi.yaml")
    for name, addition in _yaml("additions.yaml").items():
        schema = merged.setdefault(name, {})
        properties = schema.get("properties", {}) | addition.get("properties", {})
        schema |= addition
        if properties:
            schema["properties"] = properties
    return merged


def _yaml(name: str) -> Any:
    return yaml.safe_load((HERE / name).read_text("utf-8"))


def schema_names(event_type: EventType) -> dict[str, str]:
    """Return the schema of each property that may hold an event's data."""
    names = {each: each[0].upper() + each[1:] for each in event_type.properties}
    for each, name in names.items():
        if name == "WhatsappGroup":
            names[each] = "WhatsappGroupWebhook"
        elif name in {"SmsMessage", "UnsubscriberChanged"}:
            # Other names of the same object.
            names[each] = names[event_type.properties[0]]
    return names


def required_keys(schemas: dict[str, Schema]) -> dict[str, set[str]]:
    """Return the keys that each schema's objects always have.

    These are the keys that all samples have. For a nested object, one sample is not enough,
    so the schema must require the key, too.
    """
    seen: dict[str, list[set[str]]] = {}
    payloads = set()
    for name, value in _sampled():
        payloads.add(name)
        _look(schemas, name, value, seen)
    required = {}
    for name, schema in schemas.items():
        shown = seen.get(name, [])
        keys = set(schema.get("required", ()))
        if len(shown) > 1 or name in payloads:
            keys = set.intersection(*shown)
        elif shown:
            keys &= shown[0]
        required[name] = keys - set(schema.get("x-optional", ()))
    return required


def _sampled() -> Iterator[tuple[str, Any]]:
    for event_type in EVENT_TYPES.values():
        for variant in (None, *variants(event_type.name)):
            event = sample(event_type.name, variant)
            for key, name in schema_names(event_type).items():
                if key in event:
                    yield name, event[key]


def _look(
    schemas: dict[str, Schema], name: str, value: Any, seen: dict[str, list[set[str]]]
) -> None:
    """Record the keys of an object, and of the objects in it."""
    properties = schemas[name].get("properties", {})
    if not isinstance(value, dict) or not properties:
        return
    seen.setdefault(name, []).append(set(value))
    for key, inner in value.items():
        target = referenced(properties.get(key, {}))
        for each in inner if isinstance(inner, list) else [inner]:
            if target:
                _look(schemas, target, each, seen)


def referenced(schema: Schema) -> str | None:
    """Return the name of the schema that a schema refers to, directly or for its items."""
    inner = schema.get("items", schema.get("additionalProperties", schema))
    name = inner.get("$ref") if isinstance(inner, dict) else None
    return name.rpartition("/")[2] if name else None
