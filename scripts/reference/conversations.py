"""Describes the fields that name the conversation of an event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from flask_ycloud.protocol.event_types import Key

#: Plain words for kinds of conversations that have another name in the catalogue.
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


def conversation(keys: Iterable[Key]) -> str:
    """Return a text such as "the group (groupId), else the customer (…)"."""
    return ", else ".join(
        f"the {WORDS.get(kind, kind)} ({_alternatives([key.fields for key in alike])})"
        for kind, alike in groupby(keys, lambda key: key.kind)
    )


def _alternatives(names: Sequence[tuple[str, ...]]) -> str:
    """Return the fields as a text such as "fromUserId or from, with to"."""
    common = [each for each in names[0] if all(each in fields for fields in names)]
    own = [each for fields in names for each in fields if each not in common]
    return f"{_listed(own, 'or')}, with {_listed(common)}" if own else _listed(common)


def _listed(fields: Iterable[str], word: str = "and") -> str:
    *others, last = [f"``{each}``" for each in fields]
    return f"{', '.join(others)} {word} {last}" if others else last
