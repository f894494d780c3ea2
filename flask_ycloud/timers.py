"""Timers that may fail to start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def call_later(
    seconds: float, function: Callable[..., Any], *args: Any
) -> threading.Timer | None:
    """Call a function in a thread of its own, after some seconds.

    :returns: the timer; ``None`` if the system cannot start a thread now. No request and
        no handler may fail for that, so the caller tries again at its next occasion.
    """
    timer = threading.Timer(seconds, function, args)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:
        return None
    return timer
