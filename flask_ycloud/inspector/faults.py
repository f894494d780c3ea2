"""The pages of errors: with the navigation, and with what to do next.

Who was not let in sees none of it: the navigation has counts.
"""

from __future__ import annotations

from typing import Any, NoReturn

from flask import abort, render_template
from werkzeug.exceptions import HTTPException

from ..errors import InboxUnavailable
from ..web import has_passed


def unavailable(error: InboxUnavailable) -> tuple[str, int]:
    """The inbox cannot be read."""
    if not has_passed():
        return "The inbox cannot be read now.\n", 503
    return render_template("ycloud/unavailable.html", error=error), 503


def fault(error: HTTPException) -> Any:
    """What was asked for cannot be shown or done."""
    if not has_passed() or error.code is None:  # a redirect has no code
        return error
    page = render_template("ycloud/fault.html", error=error)
    return page, error.code


def unknown(path: str) -> NoReturn:
    """There is no such page."""
    abort(404, "The inspector has no such page.")
