"""A one-line summary of an event, for the list."""

from __future__ import annotations

from typing import Any

from ..errors import YCloudError
from ..inbox import StoredEvent
from ..protocol import parse_event
from .masking import harmless

_LONGEST = 90  # characters

#: Fields with a status or a kind.
_KINDS = ("status", "eventType", "type", "errorCode", "action", "event")
#: Fields with a person.
_WHO = ("from", "to", "phoneNumber", "contactPhoneNumber", "email", "name", "nickname")
#: Fields with a text.
_TEXTS = ("text", "body", "caption", "subject", "errorMessage", "title")
#: Objects that hold such texts. The data itself holds some, too.
_INSIDE = ("text", "image", "video", "document", "interactive", "button", "reaction")


def summary(event: StoredEvent, *, hide: bool) -> str:
    """Return a summary, such as ``delivered · +1555… → +1666… · Hello``; or ``""``.

    :param hide: whether to leave out personal data.
    """
    data = _data(event)
    parts = [str(data[name]) for name in _KINDS if harmless(name, data.get(name))]
    if not hide:
        who = [str(data[name]) for name in _WHO if _is_text(data.get(name))]
        said = [each for place in _places(data) for each in _said(place)]
        arrow = " → " if _is_text(data.get("from")) else " · "
        parts += [arrow.join(who[:2]), *said[:1]]
    line = " · ".join(" ".join(each.split()) for each in parts if each)
    # JSON may contain lone surrogates, which UTF-8 cannot encode.
    line = line.encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _data(event: StoredEvent) -> dict[str, Any]:
    try:
        data = parse_event(event.body).data
    except (
        YCloudError,
        RecursionError,
    ):  # not understood, emptied, nested too deeply, or no key
        return {}
    return data if isinstance(data, dict) else {}


def _places(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [data, *(data[name] for name in _INSIDE if isinstance(data.get(name), dict))]


def _said(place: dict[str, Any]) -> list[str]:
    return [place[name] for name in _TEXTS if _is_text(place.get(name))]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
