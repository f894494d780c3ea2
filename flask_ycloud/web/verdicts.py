"""What a function ``access=`` returned: a right, or an answer."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any, Literal

from flask import make_response
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response as Answer

from ..handlers import wait_for

#: What one may do: everything, or look and do nothing.
Right = Literal["all", "read"]

#: What Flask takes for an answer, but for functions: one that was not called is no answer.
_ANSWERS = (Answer, str, bytes, bytearray, tuple, dict, list)


class NoVerdict(Exception):
    """It is nothing that such a function may return; the text names its type."""


def verdict_of(returned: Any) -> Right | Answer | None:
    """The right, or the answer that is sent in place of the page; ``None`` for neither.

    Only ``True`` opens everything, so that a mistake closes the page.

    :param returned: what the function returned; a coroutine is awaited.
    :raises NoVerdict: if it is neither.
    """
    # A proxy, such as Flask-Login's current_user, looks like everything.
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
    # An empty text or dict is rather a look-up that found nobody. And a function in a tuple
    # is one that was not called: Flask would run it.
    if first and isinstance(first, _ANSWERS):
        with suppress(Exception):  # a tuple of anything, or a dict that is not JSON
            return make_response(returned)
    raise NoVerdict(f"{kind} that is no answer")
