"""The payload pages, one for each channel, and the table of event types."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flask_ycloud.protocol import EVENT_TYPES, EventType, sample, variants

from ..payloads.overloads import payload_names
from .conversations import conversation
from .markdown import rst
from .types import Field, Type, payload_types


@dataclass(frozen=True)
class Channel:
    """A page, and its event types."""

    page: str
    title: str
    starts: tuple[str, ...]

    @property
    def events(self) -> list[EventType]:
        return [each for each in EVENT_TYPES.values() if each.name.startswith(self.starts)]


CHANNELS = (
    Channel(
        "whatsapp-messages", "WhatsApp messages",
        (
            "whatsapp.inbound_message.", "whatsapp.message.", "whatsapp.echo_message.",
            "whatsapp.smb.", "whatsapp.meta_business_agent.", "whatsapp.payment.",
            "whatsapp.user.",
        ),
    ),
    Channel("whatsapp-groups", "WhatsApp groups", ("whatsapp.group.",)),
    Channel("whatsapp-calls", "WhatsApp calls", ("whatsapp.call.",)),
    Channel(
        "whatsapp-account", "WhatsApp account",
        (
            "whatsapp.business_account.", "whatsapp.phone_number.", "whatsapp.template.",
            "whatsapp.flow.",
        ),
    ),
    Channel("sms", "SMS", ("sms.",)),
    Channel("email", "E-mail", ("email.",)),
    Channel("voice", "Voice", ("voice.",)),
    Channel("messenger", "Messenger", ("messenger.",)),
    Channel("contacts", "Contacts", ("contact.",)),
)  # fmt: skip

INTRODUCTION = """
This page lists the event types of this channel, when YCloud sends them, and every field of
their data. The descriptions of the fields are YCloud's own. For each type of data,
``flask_ycloud.payloads`` has a ``TypedDict`` of the same name: :doc:`/event-types`.
*Required* means that every known sample has the field. YCloud adds fields and values
without notice.
"""


def pages() -> dict[str, str]:
    """Return the text of each page by name. A type is on the first page that needs it."""
    made: dict[str, str] = {}
    told: set[str] = set()
    for channel in CHANNELS:
        types = [each for each in _reached(channel) if each not in told]
        told.update(types)
        lines = [*_heading(channel.title, "="), *INTRODUCTION.splitlines(), ""]
        lines += _heading("Events", "-")
        for event_type in channel.events:
            lines += _event(event_type)
        if types:
            lines += _heading("Types", "-")
        for name in types:
            lines += _type(payload_types()[name])
        made[channel.page] = "\n".join(lines)
    return made


def table() -> str:
    """Return the table of event types by channel."""
    lines: list[str] = []
    for channel in CHANNELS:
        lines += [f".. list-table:: :doc:`{channel.title} <payloads/{channel.page}>`"]
        lines += ["   :header-rows: 1", "   :widths: 50 50", ""]
        lines += ["   * - Event type, and its data", "     - Sent when"]
        for each in channel.events:
            data = " or ".join(_reference(name) for name in payload_names(each))
            lines += [f"   * - | :ref:`{each.name} <{_label(each)}>`", f"       | {data}"]
            lines += [f"     - {each.meaning}"]
            if variants(each.name):
                lines += ["", f"       Variants: {_variants(each)}"]
        lines.append("")
    return "\n".join(lines)


def contents() -> str:
    """Return the table of contents with the channels."""
    entries = "\n".join(f"   payloads/{channel.page}" for channel in CHANNELS)
    return f".. toctree::\n   :maxdepth: 1\n   :caption: Payloads\n\n{entries}\n"


def write(folder: Path) -> None:
    """Write the pages below the folder of the documentation."""
    texts = {f"payloads/{name}.rst": text for name, text in pages().items()}
    texts |= {"_build/event_types.inc": table(), "_build/payloads.inc": contents()}
    for name, text in texts.items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        # Sphinx only reads changed files again.
        if not target.exists() or target.read_text("utf-8") != text:
            target.write_text(text, "utf-8")


def _reached(channel: Channel) -> Iterator[str]:
    """Return the types of the events' data, each before the types that it names."""
    waiting = [name for each in channel.events for name in payload_names(each)]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            yield name
            waiting += payload_types()[name].reaches


def _event(event_type: EventType) -> list[str]:
    name = event_type.name
    data = " or ".join(_reference(each) for each in payload_names(event_type))
    properties = " or ".join(f"``{each}``" for each in event_type.properties)
    lines = [f".. _{_label(event_type)}:", "", *_heading(name, "~"), event_type.meaning, ""]
    lines += [f":Data: {data}, in the event's property {properties}"]
    if event_type.keys:
        lines += [f":Ordering key: {conversation(event_type.keys)}"]
    else:
        lines += [":Ordering key: none; handled in any order"]
    if variants(name):
        lines += [f":Variants: {_variants(event_type)}"]
    lines += [f":Source: {event_type.page}", ""]
    shown = json.dumps(sample(name), indent=2, ensure_ascii=False)
    summary = "<details><summary>Sample</summary>"
    lines += [".. raw:: html", "", f"   {summary}", "", ".. code-block:: json", ""]
    lines += textwrap.indent(shown, "   ").splitlines()
    return [*lines, "", ".. raw:: html", "", "   </details>", ""]


def _type(payload: Type) -> list[str]:
    lines = [f".. _payload-{payload.name}:", "", *_heading(payload.name, "~")]
    if not payload.members:
        lines += [*rst(payload.description), ""]
    else:
        lines += ["One of these, by its ``type``:", ""]
        lines += [f"* {_reference(each)}" for each in payload.members]
        lines += ["", "All of them have these fields:", ""]
    if payload.base:
        lines += [f"The fields of {_reference(payload.base)}, and:", ""]
    for field in payload.fields:
        lines += _field(field)
    return lines


def _field(field: Field) -> list[str]:
    kind = re.sub(r"\{(\w+)\}", lambda match: _reference(match[1]), field.kind)
    state = "required" if field.required else "optional"
    lines = [f"``{field.name}`` : {kind} : {state}"]
    about = rst(field.description)
    if field.values:
        word = "Values" if len(field.values) > 1 else "Always"
        values = ", ".join(f"``{value}``" for value in field.values)
        about += ["", f"{word}: {values}."]
    if not about:
        types = ", ".join(map(_reference, field.types))
        about = [f"See {types}." if types else "YCloud does not describe it."]
    lines += [f"   {line}".rstrip() for line in about]
    return [*lines, ""]


def _variants(event_type: EventType) -> str:
    return ", ".join(f"``{each}``" for each in variants(event_type.name))


def _reference(name: str) -> str:
    return f":ref:`{name} <payload-{name}>`"


def _label(event_type: EventType) -> str:
    return f"event-{event_type.name}"


def _heading(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]
