"""Error pages: with the navigation, and with what to do next.

A request without access gets plain text, since the navigation has counts.
"""

from __future__ import annotations

from typing import Any, NoReturn

from flask import abort, render_template
from werkzeug.exceptions import HTTPException

from ..errors import InboxUnavailable
from ..web import has_passed


def unavailable(error: InboxUnavailable) -> tuple[str, int]:
    """Answer 503: the inbox cannot be read."""
    if not has_passed():
        return "The inbox cannot be read now.\n", 503
    return render_template("ycloud/unavailable.html", error=error), 503


def fault(error: HTTPException) -> Any:
    """Show an HTTP error as a page."""
    if not has_passed() or error.code is None:  # a redirect has no code
        return error
    page = render_template("ycloud/fault.html", error=error)
    return page, error.code


def unknown(path: str) -> NoReturn:
    """Answer 404 for an unknown path."""
    abort(404, "The inspector has no such page.")
