"""Interprets what a function ``access=`` returned: a right, or a response."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any, Literal

from flask import make_response
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response as Answer

from ..handlers import wait_for

#: What the request may do: everything, or only look.
Right = Literal["all", "read"]

#: What Flask accepts as a response, except functions: the user forgot to call them.
_ANSWERS = (Answer, str, bytes, bytearray, tuple, dict, list)


class NoVerdict(Exception):
    """An ``access=`` function may not return this; the text names the type."""


def verdict_of(returned: Any) -> Right | Answer | None:
    """Return the right, or a response instead of the page; ``None`` closes the page.

    Only ``True`` gives all rights, so that a mistake closes the page.

    :param returned: what the function returned; a coroutine is awaited.
    :raises NoVerdict: if the value is invalid.
    """
    # A proxy, such as Flask-Login's current_user, passes every type check.
    if inspect.isawaitable(returned) and type(returned) is not LocalProxy:
        returned = wait_for(returned)
    if returned is True:
        return "all"
    if returned is None or returned is False:
        return None
    if isinstance(returned, str) and returned == "read":
        return "read"
    kind = type(returned).__qualname__
    if not isinstance(returned, _ANSWERS):
        raise NoVerdict(kind)
    first = returned[0] if isinstance(returned, tuple) and returned else returned
    # An empty text or dict is probably a look-up that found nobody. Flask would run a
    # function in a tuple, but the user forgot to call it.
    if first and isinstance(first, _ANSWERS):
        with suppress(Exception):  # a tuple of anything, or a dict that is not JSON
            return make_response(returned)
    raise NoVerdict(f"{kind} that is not a response")
