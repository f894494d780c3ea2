"""What an event is about, in a line of the list."""

from __future__ import annotations

from typing import Any

from ..errors import YCloudError
from ..inbox import StoredEvent
from ..protocol import parse_event
from .masking import harmless

_LONGEST = 90  # characters

#: What says how it went, and of what kind it is.
_KINDS = ("status", "eventType", "type", "errorCode", "action", "event")
#: Who is concerned.
_WHO = ("from", "to", "phoneNumber", "contactPhoneNumber", "email", "name", "nickname")
#: What was said.
_TEXTS = ("text", "body", "caption", "subject", "errorMessage", "title")
#: Where texts are, beside the data itself.
_INSIDE = ("text", "image", "video", "document", "interactive", "button", "reaction")


def summary(event: StoredEvent, *, hide: bool) -> str:
    """Such as ``delivered · +1555… → +1666… · Hello``; empty if there is nothing to say.

    :param hide: whether only what is nobody's is shown.
    """
    data = _data(event)
    parts = [str(data[name]) for name in _KINDS if harmless(name, data.get(name))]
    if not hide:
        who = [str(data[name]) for name in _WHO if _is_text(data.get(name))]
        said = [each for place in _places(data) for each in _said(place)]
        arrow = " → " if _is_text(data.get("from")) else " · "
        parts += [arrow.join(who[:2]), *said[:1]]
    line = " · ".join(" ".join(each.split()) for each in parts if each)
    # JSON may have halves of characters, which no page can.
    line = line.encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _data(event: StoredEvent) -> dict[str, Any]:
    try:
        data = parse_event(event.body).data
    except (YCloudError, RecursionError):  # not understood, emptied, too long, or no key
        return {}
    return data if isinstance(data, dict) else {}


def _places(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [data, *(data[name] for name in _INSIDE if isinstance(data.get(name), dict))]


def _said(place: dict[str, Any]) -> list[str]:
    return [place[name] for name in _TEXTS if _is_text(place.get(name))]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
