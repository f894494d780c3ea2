"""Repeat calls, if that is safe."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import httpx

from ..errors import APIError, APIUnreachable

T = TypeVar("T")

_PAUSES = (0.5, 1.0, 2.0)  # seconds before each further attempt
_LONGEST_PAUSE = 60.0  # a longer Retry-After is left to the caller
_PASSING = (502, 503, 504)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def repeat(attempt: Callable[[], T], what: str, *, safe: bool) -> T:
    """Make attempts until one succeeds, or no other may follow.

    :param what: the call, for the message: method and path.
    :param safe: whether it may be carried out twice.
    :raises APIError: if YCloud refuses.
    :raises APIUnreachable: if there is no answer.
    """
    maybe_done = False
    pauses = iter(_PAUSES)
    while True:
        failed: APIError | APIUnreachable
        try:
            return attempt()
        except httpx.HTTPError as error:
            failed = _unreachable(error, what)
        except APIError as error:
            failed = error
        failed.maybe_done = maybe_done = maybe_done or failed.maybe_done
        wait = _wait(failed, next(pauses, None), safe)
        if wait is None:
            # Raised here, it has no error of httpx as its context: their frames have the
            # key.
            raise failed
        time.sleep(wait)


def _unreachable(error: httpx.HTTPError, what: str) -> APIUnreachable:
    sent = not isinstance(error, _NOT_SENT)
    happened = "gave no answer" if sent else "could not be reached"
    advice = (
        "It may have been carried out: check before you repeat it."
        if sent and not what.startswith("GET")
        else "Try again later."
    )
    message = f"{what}: YCloud's API {happened} ({type(error).__name__}). {advice}"
    return APIUnreachable(message, maybe_done=sent)


def _wait(
    failed: APIError | APIUnreachable, pause: float | None, safe: bool
) -> float | None:
    """Seconds until the next attempt; ``None`` if there is none."""
    if pause is None or not _may_repeat(failed, safe):
        return None
    if isinstance(failed, APIError) and failed.retry_after is not None:
        pause = failed.retry_after
    return pause if pause <= _LONGEST_PAUSE else None


def _may_repeat(failed: APIError | APIUnreachable, safe: bool) -> bool:
    if isinstance(failed, APIUnreachable):
        return safe or not failed.maybe_done
    return failed.status == 429 or (safe and failed.status in _PASSING)
