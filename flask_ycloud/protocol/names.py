"""What events are searched by: telephone numbers, user ids, addresses, message ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .event import Event

#: The properties with such names, of all types. Events of a new type are found by the
#: properties that it shares with others.
_NAMES = frozenset({
    # telephone numbers
    "from", "to", "phoneNumber", "recipientPhone", "contactPhoneNumber",
    "consumerPhoneNumber", "businessPhoneNumber", "displayPhoneNumber",
    "lastConnectedNumber", "waId", "wa_id", "new_wa_id", "recipientParticipantId",
    # users
    "fromUserId", "toUserId", "userId", "recipientUserId", "fromParentUserId",
    "toParentUserId", "parentUserId", "parentRecipientUserId", "previous_user_id",
    "previous_parent_user_id", "psid",
    # e-mail addresses
    "email", "recipientAddress",
    # messages, calls and contacts
    "id", "wamid", "wacid", "metaMessageId", "emailId", "externalId", "message_id",
    "contactId",
})  # fmt: skip
#: Objects with such properties: the message that is answered, or members of a group.
_INSIDE = frozenset(
    {"context", "reaction", "system", "statuses", "contacts", "stateSync", "contact"}
)
_DEEPEST = 3
_MOST = 16
_LONGEST = 512

# Also what copied numbers contain: marks of the writing direction, and dashes.
_IN_NUMBERS = re.compile(
    r"[\s+()./\-\u2010-\u2015\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+"
)
#: The zero that is only dialled within a country: +44 (0) 7901.
_TRUNK_ZERO = re.compile(r"(?<=[0-9])(\s*)\(0\)")


def names_in(event: Event[Any]) -> tuple[str, ...]:
    """The names by which an event can be found, each as :func:`plain_name` returns it.

    They are those of the sender, the recipient, the message, and the message that it
    answers. There are at most 16 of them: a long list of people in one event is cut. The
    text of a message is not searched.
    """
    found: dict[str, None] = {}
    for value in _values(event.data, _DEEPEST):
        if name := plain_name(value):
            found[name] = None
            if len(found) == _MOST:
                break
    return tuple(found)


def plain_name(text: str) -> str:
    """A name for comparison: the digits of a number, anything else in lower case.

    A number is the same with a plus, with two zeros or with neither. Spaces, dashes, dots
    and brackets in it are ignored.

    :returns: an empty text, if nothing is left.
    """
    if text[:1].isalpha():  # most ids begin with a letter, and no number does
        return text.rstrip().casefold()
    digits = _IN_NUMBERS.sub("", text)
    if digits.isascii() and digits.isdigit():
        return digits.removeprefix("00")
    return text.strip().casefold() if digits else ""


def searched_name(text: str) -> str:
    """The same for a text that a person types, such as ``+44 (0) 7901 614024``."""
    if text.lstrip().startswith(("+", "00")):
        text = _TRUNK_ZERO.sub(r"\1", text, count=1)
    return plain_name(text)


def _values(data: Any, deepest: int) -> Iterator[str]:
    if not isinstance(data, dict):
        return
    for name, value in data.items():
        if name in _NAMES:
            if isinstance(value, str) and len(value) <= _LONGEST:
                yield value
        elif name in _INSIDE and deepest:
            for each in value if isinstance(value, list) else (value,):
                yield from _values(each, deepest - 1)
