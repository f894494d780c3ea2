"""The event loop of a thread, in which its ``async def`` handlers run.

Each thread has one loop, from its first coroutine to its end. So a client that was made for
one event also works for the next event of that thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import selectors
import threading
import weakref
from collections.abc import Awaitable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import type_and_stack
from ..logs import log

_logger = logging.getLogger(__name__)


class HandlerTimeout(Exception):
    """A coroutine ran longer than its ``timeout``, and was cancelled."""


def wait_for(
    awaitable: Awaitable[Any], timeout: float | None = None, linger: float = 0.0
) -> Any:
    """Run a coroutine to its end, whether this thread runs a loop or not.

    :param timeout: seconds after which it is cancelled.
    :param linger: seconds that tasks may go on running after it. Then they are cancelled.
    :raises HandlerTimeout: if it was cancelled.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(awaitable, timeout, linger)
    # This thread runs a loop already (an async test, an ASGI server): take another thread.
    run = contextvars.copy_context().run
    return _mine().helper.submit(run, _run, awaitable, timeout, linger).result()


async def _to_its_end(
    awaitable: Awaitable[Any], timeout: float | None, linger: float
) -> Any:
    # asyncio.wait_for cannot distinguish its own timeout from one that the handler raises.
    task = asyncio.ensure_future(_kept(awaitable))
    done, _ = await asyncio.wait({task}, timeout=timeout)
    if not done:
        task.cancel()
        await asyncio.wait({task})  # it may clean up
        await _end_tasks(0.0)
        raise HandlerTimeout
    result, error = task.result()
    await _end_tasks(0.0 if isinstance(error, KeyboardInterrupt) else linger)
    if error is not None:
        raise error
    return result


async def _kept(awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    """The result, or the error: a ``SystemExit`` of a task would break the loop."""
    try:
        return await awaitable, None
    except BaseException as error:
        return None, error


async def _end_tasks(seconds: float) -> None:
    """Wait for the tasks that still run, and cancel those that take too long."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while left := asyncio.all_tasks() - {asyncio.current_task()}:
        done, running = await asyncio.wait(left, timeout=max(0.0, until - loop.time()))
        _tell_failures(done)
        if loop.time() >= until:
            await _cancel(running, seconds)


async def _cancel(tasks: Iterable[asyncio.Task[Any]], seconds: float) -> None:
    for each in tasks:
        each.cancel()
        message = "A handler left the task %s behind. It was cancelled after %g s."
        log(_logger, logging.WARNING, message, _described(each), seconds)
    await asyncio.gather(*tasks, return_exceptions=True)


def _tell_failures(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for each in tasks:
        error = None if each.cancelled() else each.exception()
        if error is not None:
            message = "A handler left the task %s behind, which failed: %s"
            text = type_and_stack(error)
            log(_logger, logging.ERROR, message, _described(each), text)


def _described(task: asyncio.Task[Any]) -> str:
    coroutine: Any = task.get_coro()
    return getattr(coroutine, "__qualname__", type(coroutine).__qualname__)


def _run(awaitable: Awaitable[Any], timeout: float | None, linger: float) -> Any:
    loop = _mine().loop
    try:
        return loop.run_until_complete(_to_its_end(awaitable, timeout, linger))
    finally:
        left = asyncio.all_tasks(loop)
        if left:  # Ctrl-C, or a sys.exit() in a task that still ran
            for each in left:
                each.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


class _Mine:
    """The loop of one thread in one process, and a helper thread for nested loops.

    Both end with the thread.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = _new_loop()
        self.helper = ThreadPoolExecutor(1, "ycloud-loop")  # it starts at its first use
        weakref.finalize(self, _close, self.loop)


_of_thread = threading.local()


def _mine() -> _Mine:
    mine: _Mine | None = getattr(_of_thread, "mine", None)
    if mine is None or mine.pid != os.getpid():  # a forked process has a copy
        mine = _of_thread.mine = _Mine()
    return mine


def _new_loop() -> asyncio.AbstractEventLoop:
    # With poll, if available: a forked process shares an epoll with its parent. Closing its
    # copy of the loop would remove the parent's files from the epoll.
    poll = getattr(selectors, "PollSelector", None)
    loop = asyncio.SelectorEventLoop(poll()) if poll else asyncio.new_event_loop()
    loop.set_exception_handler(_tell_trouble)
    return loop


def _tell_trouble(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log as asyncio does, without the values that a message may quote."""
    error = context.get("exception")
    text = context["message"] if error is None else type_and_stack(error)
    log(_logger, logging.ERROR, "In the event loop of handlers: %s", text)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_running():  # in a daemon thread, at the end of the process
        loop.close()
