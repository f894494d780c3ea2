"""The filter of a list and of actions on all events that match it."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from werkzeug.datastructures import MultiDict

from ..inbox import Selection
from ..protocol import EVENT_TYPES

STATES = ("pending", "running", "done", "dead", "discarded", "deleted")
UNHANDLED = "unhandled"  # not a state, but a choice like one in the filter
_HASH = re.compile("#[0-9a-f]{16}")
_TEXTS = ("endpoint", "tenant", "handler", "error", "cause")


def filters(given: MultiDict[str, str]) -> dict[str, Any]:
    """Read a filter: the arguments of :class:`Selection`, and ``before``.

    Invalid values are left out: a page that says "400" does not help to fix them.

    :param given: a query or a form.
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
    """Return the selection of the events that match a filter, on all pages."""
    return Selection(**{name: each for name, each in found.items() if name != "before"})


def in_query(found: dict[str, Any]) -> dict[str, Any]:
    """Return a filter as it is in a URL, or in the fields of a form."""
    query = {
        name: value.strftime("%Y-%m-%dT%H:%M") if isinstance(value, datetime) else value
        for name, value in found.items()
    }
    return {"state": UNHANDLED, **query} if query.pop("unhandled", False) else query


def pattern(text: str) -> str:
    """Return a type or a pattern. The beginning of a documented type becomes a pattern."""
    start = text.rstrip("*").rstrip(".")
    if text == "*" or text in EVENT_TYPES or not start:
        return "*" if text.startswith("*") else text
    known = any(name.startswith(f"{start}.") for name in EVENT_TYPES)
    return f"{start}.*" if known or "*" in text else text


def position(text: str) -> int:
    """Parse a position, or a number of events.

    :raises ValueError: if the text is neither.
    """
    value = int(text)
    if not 0 < value < 2**63:
        raise ValueError
    return value


def _about(text: str) -> str | None:
    """Accept only a hash: URLs and logs must not contain personal data."""
    return text if _HASH.fullmatch(text) else None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
