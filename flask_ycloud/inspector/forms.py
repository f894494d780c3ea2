"""What the pages are asked: the filters of a list."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from flask import request

_STATES = ("pending", "running", "done", "dead")
_UNHANDLED = "unhandled"  # in the filter, a choice beside the states


def filters() -> dict[str, Any]:
    """The filters in the query, for :func:`flask_ycloud.inbox.reports.search`.

    What cannot be read is left out: a page that says "400" helps nobody to fix it.
    """
    state = request.args.get("state")
    found = {
        "state": state if state in _STATES else None,
        "unhandled": state == _UNHANDLED or None,
        "type": request.args.get("type") or None,
        "endpoint": request.args.get("endpoint") or None,
        "tenant": request.args.get("tenant") or None,
        "since": _time(request.args.get("since", "")),
        "until": _time(request.args.get("until", "")),
        "before": request.args.get("before", type=_position),
    }
    return {name: value for name, value in found.items() if value is not None}


def in_query(found: dict[str, Any]) -> dict[str, Any]:
    """Filters as they stand in a URL."""
    query = {
        name: value.strftime("%Y-%m-%dT%H:%M") if isinstance(value, datetime) else value
        for name, value in found.items()
    }
    return {"state": _UNHANDLED, **query} if query.pop("unhandled", False) else query


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _position(text: str) -> int:
    value = int(text)
    if not 0 < value < 2**63:
        raise ValueError
    return value
