"""Checks at registration. Without them, a mistake would only show in retries."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ConfigurationError, UnknownEventTypeWarning
from ..protocol import KNOWN_SUBSCRIPTIONS, closest_hint
from ..settings import DELAYS_TAKE, delays_in
from .functions import spoken_name_of


def check_types(types: tuple[str, ...]) -> None:
    """Check the types that are passed to ``on_event``. Only ``on_event`` calls this."""
    if not types or not all(isinstance(each, str) and each for each in types):
        raise ConfigurationError(
            "on_event takes event types: @on_event('sms.message.updated'), or"
            " @on_event('*') for every event."
        )
    for each in types:
        if each not in KNOWN_SUBSCRIPTIONS:
            warnings.warn(
                f"{each!r} is not a documented event type or pattern: {closest_hint(each)}",
                UnknownEventTypeWarning,
                stacklevel=3,
            )


def checked_delays(delays: Sequence[float] | None) -> tuple[float, ...] | None:
    """The retry delays of a handler, checked; ``None`` if it has none of its own."""
    checked = None if delays is None else delays_in(delays)
    if delays is not None and checked is None:
        raise ConfigurationError(
            f"on_event(…, retry_delays={delays!r}): it takes {DELAYS_TAKE}."
        )
    return checked


def check_timeout(timeout: float | None, func: Callable[..., Any]) -> None:
    """Check that a time limit is valid, and that the handler can be cancelled."""
    if timeout is None:
        return
    if not is_async(func):
        raise ConfigurationError(
            f"on_event(…, timeout={timeout!r}) is for async def, and"
            f" {spoken_name_of(func)} is a plain function: Python cannot stop a thread, so"
            " it would go on running. Give a time limit to what it waits for, such as"
            " requests.get(…, timeout=10); or make it async def."
        )
    if isinstance(timeout, bool) or not 0 < timeout < float("inf"):
        raise ConfigurationError(
            f"on_event(…, timeout={timeout!r}): it takes seconds, above zero."
        )


def is_async(func: Any) -> bool:
    """Whether it is an ``async def``, or calls one."""
    return _is(inspect.iscoroutinefunction, func)


def check_function(func: Any) -> None:
    """Check that a call with an event runs the function."""
    if not callable(func):
        raise ConfigurationError(
            f"on_event(…) subscribes a function; got a {type(func).__name__}. Write it"
            " directly above the def, and @staticmethod or @classmethod above on_event."
        )
    if _is(inspect.isgeneratorfunction, func) or _is(inspect.isasyncgenfunction, func):
        raise ConfigurationError(
            f"{spoken_name_of(func)} has a yield, so it is a generator: calling it runs"
            " none of its code. Take the yield out of the handler."
        )
    if _is_method_in_class(func):
        raise ConfigurationError(
            f"{spoken_name_of(func)} is subscribed in the body of its class, where it has"
            " no object to be called on. Subscribe the method of an object instead:"
            f" on_event(…)(thing.{func.__name__})."
        )
    try:
        signature = inspect.signature(func)
    except (TypeError, ValueError):  # some callables in C have none
        return
    try:
        signature.bind(object())
    except TypeError:
        raise ConfigurationError(
            f"{spoken_name_of(func)} takes {signature}, and cannot be called with an event."
            " A handler takes the event; any other parameter needs a default: def"
            " handler(event)."
        ) from None


def _is(kind: Callable[[Any], bool], func: Any) -> bool:
    """Whether it, or the ``__call__`` of its class, is a function of this kind."""
    while isinstance(func, functools.partial):
        func = func.func
    return kind(func) or kind(getattr(func, "__call__", None))  # noqa: B004


def _is_method_in_class(func: Any) -> bool:
    if not inspect.isfunction(func):
        return False
    *_, around, _ = f".{func.__qualname__}".rsplit(".", 2)
    first = next(iter(inspect.signature(func).parameters), None)
    return around not in ("", "<locals>") and first in ("self", "cls")
