"""Sphinx's settings."""

from importlib.metadata import version as version_of
from itertools import groupby
from pathlib import Path
from typing import get_args

from flask_ycloud import EVENT_TYPES
from flask_ycloud.payloads import PAYLOADS, WhatsappInboundMessage
from flask_ycloud.testing import variants

project = "flask-ycloud"
copyright = "2026, the flask-ycloud maintainers"
version = release = version_of("flask-ycloud")

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_static_path = ["_static"]
html_theme = "furo"
html_title = "flask-ycloud"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
suppress_warnings = ["ref.python"]


def type_names(event_type: str) -> list[str]:
    """The names of the types of an event's data; a union has one for all its members."""
    kinds = PAYLOADS[event_type]
    inbound = get_args(WhatsappInboundMessage)
    names = [each.__name__ for each in kinds if each not in inbound]
    return names if len(names) == len(kinds) else ["WhatsappInboundMessage", *names]


#: What a person calls a kind of conversation, where the catalogue has a word of its own.
WORDS = {
    "business app": "business number",
    "email": "e-mail",
    "handover": "conversation",
    "handovers": "business number",
    "messenger": "conversation",
    "messenger message": "message",
    "number id": "number",
    "sms": "SMS",
    "sms conversation": "conversation",
    "unsubscriber": "phone number",
    "voice": "voice message",
    "whatsapp message": "message",
}


def conversation(keys) -> str:
    """What names a conversation: "the group (groupId), else the customer (…)"."""
    return ", else ".join(
        f"the {WORDS.get(kind, kind)} ({alternatives([key.fields for key in alike])})"
        for kind, alike in groupby(keys, lambda key: key.kind)
    )


def alternatives(names) -> str:
    """The fields of a name, or of several: "fromUserId or from, with to"."""
    common = [each for each in names[0] if all(each in fields for fields in names)]
    own = [each for fields in names for each in fields if each not in common]
    return f"{listed(own, 'or')}, with {listed(common)}" if own else listed(common)


def listed(fields, word="and") -> str:
    *others, last = [f"``{each}``" for each in fields]
    return f"{', '.join(others)} {word} {last}" if others else last


def write_event_types() -> None:
    """The page of event types is made from the catalogue."""
    lines = []
    for known in EVENT_TYPES.values():
        types = " or ".join(f"``{each}``" for each in type_names(known.name))
        lines += [known.name, "~" * len(known.name), "", f"{known.meaning} ", ""]
        properties = " or ".join(f"``{each}``" for each in known.properties)
        lines += [f":Data: {properties}, typed {types}"]
        if known.keys:
            lines += [":In order by: " + conversation(known.keys)]
        if variants(known.name):
            lines += [":Variants: " + ", ".join(f"``{v}``" for v in variants(known.name))]
        lines += [f":Source: {known.page}", ""]
    target = Path(__file__).parent / "_build" / "event_types.inc"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(lines), "utf-8")


write_event_types()
