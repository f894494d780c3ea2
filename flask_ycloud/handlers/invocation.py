"""Calling one handler, and how it ended."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import Discard, Retry
from .signals import in_main_thread

if TYPE_CHECKING:
    from flask import Flask

    from ..protocol import Event

Receiver = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Handler:
    """A subscribed function in the shape of a blinker receiver.

    :param timeout: seconds after which a coroutine is cancelled; ``None`` for never.
    :param retry_delays: its own, in place of ``YCLOUD_RETRY_DELAYS``.
    """

    name: str
    func: Callable[[Any], Any]
    timeout: float | None = None
    retry_delays: tuple[float, ...] | None = None

    def __call__(self, app: Flask, *, event: Event[Any]) -> Any:
        return self.func(event)


@dataclass(frozen=True)
class Outcome:
    """How one run of a handler ended.

    :param state: ``"succeeded"``, ``"failed"`` or ``"discarded"``.
    :param error: the error's type and place or the reason; never its values.
    :param retry_after: seconds, where the handler asked for some.
    :param exception: what it raised.
    """

    state: str
    error: str | None = None
    retry_after: float | None = None
    exception: BaseException | None = None


class HandlerTimeout(Exception):
    """A coroutine ran longer than its ``timeout``, and was cancelled."""


def run(
    receiver: Receiver,
    app: Flask,
    event: Event[Any],
    *,
    commit: Callable[[], None] = lambda: None,
) -> Outcome:
    """Run one handler in an app context of its own, and tell how it ended.

    :param commit: what belongs to its success, and is called after it.
    """
    timeout = receiver.timeout if isinstance(receiver, Handler) else None
    try:
        with app.app_context():
            result = receiver(app, event=event)
            if inspect.isawaitable(result):
                wait_for(result, timeout)
        commit()
    except Discard as discard:
        return Outcome("discarded", _as_text(discard.reason), exception=discard)
    except HandlerTimeout as error:
        return Outcome("failed", f"cancelled after {timeout:g} s", exception=error)
    except BaseException as error:  # a sys.exit() in a handler is a failure like others
        if isinstance(error, KeyboardInterrupt) and in_main_thread():
            raise  # somebody has pressed Ctrl-C
        after = error.after if isinstance(error, Retry) else None
        return Outcome("failed", _type_and_place(error, receiver), after, error)
    return Outcome("succeeded")


def _as_text(reason: object) -> str:
    try:
        return str(reason)
    except Exception as error:
        return f"a {type(reason).__name__}, whose text raised {type(error).__name__}"


def wait_for(awaitable: Awaitable[Any], timeout: float | None = None) -> Any:
    """Run a coroutine to its end, whether this thread runs a loop or not.

    :param timeout: seconds after which it is cancelled.
    :raises HandlerTimeout: if it was.
    """

    async def wait() -> Any:
        # asyncio.wait_for would not tell its own timeout from one that the handler raises.
        task = asyncio.ensure_future(awaitable)
        done, _ = await asyncio.wait({task}, timeout=timeout)
        if not done:
            task.cancel()
            await asyncio.wait({task})  # it may tidy up
            raise HandlerTimeout
        return await task

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    # This thread runs a loop already (an async test, an ASGI server): take another.
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(context.run, asyncio.run, wait()).result()


def _type_and_place(error: BaseException, receiver: Receiver) -> str:
    """For example ``KeyError at app.py:12 in track``: the handler's own last line."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    frames = traceback.extract_tb(error.__traceback__)
    own = getattr(code_of(function_of(receiver)), "co_filename", None)
    place = next((each for each in reversed(frames) if each.filename == own), frames[-1])
    file = place.filename
    with suppress(OSError):  # a deployment may have removed the working folder
        file = file.removeprefix(os.getcwd() + os.sep)
    return f"{name} at {file}:{place.lineno} in {place.name}"


def function_of(receiver: Receiver) -> Receiver:
    """The function that a receiver stands for."""
    return receiver.func if isinstance(receiver, Handler) else receiver


def code_of(func: Callable[..., Any]) -> object:
    """What tells one function from another of the same name."""
    return getattr(func, "__code__", type(func))
