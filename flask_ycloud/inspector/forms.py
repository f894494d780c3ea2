"""The filter of a list, which is also that of what is done to all that it finds."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from werkzeug.datastructures import MultiDict

from ..inbox import Selection
from ..protocol import EVENT_TYPES

STATES = ("pending", "running", "done", "dead", "discarded", "deleted")
UNHANDLED = "unhandled"  # in the filter, a choice beside the states
_HASH = re.compile("#[0-9a-f]{16}")
_TEXTS = ("endpoint", "tenant", "handler", "error", "cause")


def filters(given: MultiDict[str, str]) -> dict[str, Any]:
    """The filter in a query or a form: what :class:`Selection` takes, and ``before``.

    What cannot be read is left out: a page that says "400" helps nobody to fix it.
    """
    state = given.get("state")
    found = {
        "state": state if state in STATES else None,
        "unhandled": state == UNHANDLED or None,
        "type": pattern(given.get("type", "").strip()) or None,
        **{name: given.get(name, "").strip() or None for name in _TEXTS},
        "about": _about(given.get("about", "")),
        "since": _time(given.get("since", "")),
        "until": _time(given.get("until", "")),
        "before": given.get("before", type=position),
    }
    if found["cause"]:
        found["state"], found["unhandled"] = "dead", None
    return {name: value for name, value in found.items() if value is not None}


def selection(found: dict[str, Any]) -> Selection:
    """The events that a filter finds, on all pages."""
    return Selection(**{name: each for name, each in found.items() if name != "before"})


def in_query(found: dict[str, Any]) -> dict[str, Any]:
    """A filter as it stands in a URL, or in the fields of a form."""
    query = {
        name: value.strftime("%Y-%m-%dT%H:%M") if isinstance(value, datetime) else value
        for name, value in found.items()
    }
    return {"state": UNHANDLED, **query} if query.pop("unhandled", False) else query


def pattern(text: str) -> str:
    """A type or a pattern. The beginning of documented types is taken for a pattern."""
    start = text.rstrip("*").rstrip(".")
    if text == "*" or text in EVENT_TYPES or not start:
        return "*" if text.startswith("*") else text
    known = any(name.startswith(f"{start}.") for name in EVENT_TYPES)
    return f"{start}.*" if known or "*" in text else text


def position(text: str) -> int:
    """A position, or a number of events, in a field.

    :raises ValueError: if it is none.
    """
    value = int(text)
    if not 0 < value < 2**63:
        raise ValueError
    return value


def _about(text: str) -> str | None:
    """Whom events are about: only as a hash, since the names are not for URLs and logs."""
    return text if _HASH.fullmatch(text) else None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
