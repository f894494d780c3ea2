"""What the pages are asked: filters of a list, and tokens that POSTs must carry."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timezone
from typing import Any

from flask import Response, abort, g, request

_COOKIE = "ycloud_csrf"
_TOKEN_LENGTH = 43  # of 32 bytes in base64
_STATES = ("pending", "running", "done", "dead", "deleted")
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


def csrf_token() -> str:
    """A token for the forms of this browser; the answer puts it into a cookie."""
    known = request.cookies.get(_COOKIE, "")
    fresh = known if len(known) == _TOKEN_LENGTH else secrets.token_urlsafe(32)
    token: str = g.setdefault("ycloud_csrf", fresh)
    return token


def check_csrf_token() -> None:
    """Refuse a POST that did not come from one of our own forms."""
    if request.method != "POST":
        return
    sent, known = request.form.get("csrf_token", ""), request.cookies.get(_COOKIE, "")
    if not known or not hmac.compare_digest(sent.encode(), known.encode()):
        abort(403, "The form is too old, or not ours. Load its page again.")


def keep_csrf_token(response: Response, path: str) -> None:
    """No other site's request carries it, and no script reads it."""
    if "ycloud_csrf" in g:
        response.set_cookie(
            _COOKIE,
            g.ycloud_csrf,
            httponly=True,
            samesite="Strict",
            secure=request.is_secure,
            path=path,
        )


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
