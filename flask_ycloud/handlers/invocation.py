"""Run one handler, and return how it ended."""

from __future__ import annotations

import inspect
import logging
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import Discard, Retry
from ..logs import log
from .functions import code_of, spoken_name_of
from .loops import HandlerTimeout, wait_for
from .signals import in_main_thread

if TYPE_CHECKING:
    from flask import Flask

    from ..protocol import Event

_logger = logging.getLogger(__name__)

#: Seconds that tasks may go on running after their ``async def`` handler has ended.
TASKS_SECONDS = 10.0

Receiver = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Handler:
    """A subscribed function in the shape of a blinker receiver.

    :param timeout: seconds after which a coroutine is cancelled; ``None`` for never.
    :param retry_delays: seconds, in place of ``YCLOUD_RETRY_DELAYS``.
    :param types: the types and patterns that it was registered for.
    :param named: whether its author chose the name.
    :param apps: how many apps there were when it was registered.
    """

    name: str
    func: Callable[[Any], Any]
    timeout: float | None = None
    retry_delays: tuple[float, ...] | None = None
    types: frozenset[str] = frozenset()
    named: bool = False
    apps: int = 0

    def __call__(self, app: Flask, *, event: Event[Any]) -> Any:
        return self.func(event)


@dataclass(frozen=True)
class Outcome:
    """How one run of a handler ended.

    :param state: ``"succeeded"``, ``"failed"`` or ``"discarded"``.
    :param error: the error's type and place, or the reason; no values.
    :param retry_after: seconds, if the handler raised ``Retry``.
    :param exception: what it raised.
    """

    state: str
    error: str | None = None
    retry_after: float | None = None
    exception: BaseException | None = None


class NothingRan(Exception):
    """A handler returned a generator: the call ran none of its code."""


def run(
    receiver: Receiver,
    app: Flask,
    event: Event[Any],
    *,
    commit: Callable[[], None] = lambda: None,
) -> Outcome:
    """Run one handler in an app context of its own, and return how it ended.

    :param commit: called after the handler has returned. If it raises, the handler failed.
    """
    timeout = receiver.timeout if isinstance(receiver, Handler) else None
    try:
        with app.app_context():
            result = _call(receiver, app, event, timeout)
            if result is not None:
                _look_at(result, receiver)
        commit()
    except Discard as discard:
        return Outcome("discarded", _as_text(discard.reason), exception=discard)
    except HandlerTimeout as error:
        return Outcome("failed", f"cancelled after {timeout:g} s", exception=error)
    except NothingRan as error:
        return Outcome("failed", str(error), exception=error)
    except BaseException as error:  # a sys.exit() in a handler is a failure like others
        if isinstance(error, KeyboardInterrupt) and in_main_thread():
            raise  # somebody has pressed Ctrl-C
        after = error.after if isinstance(error, Retry) else None
        return Outcome("failed", type_and_place(error, function_of(receiver)), after, error)
    return Outcome("succeeded")


def _as_text(reason: object) -> str:
    try:
        return str(reason)
    except Exception as error:
        return f"a {type(reason).__name__}, whose text raised {type(error).__name__}"


def _call(receiver: Receiver, app: Flask, event: Event[Any], timeout: float | None) -> Any:
    pid = os.getpid()
    try:
        result = receiver(app, event=event)
    finally:
        _end_child_of(pid)
    if result is not None and inspect.isawaitable(result):
        return wait_for(_awaited(result), timeout, TASKS_SECONDS)
    return result


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    pid = os.getpid()
    try:
        return await awaitable
    finally:
        _end_child_of(pid)


_CAME_BACK = (
    "The child process %d, which a handler forked, has left the handler. It ends here, and"
    " its parent goes on. End a child with os._exit(), or use multiprocessing."
)


def _end_child_of(pid: int) -> None:
    """End this process if a handler forked it, and it has left the handler.

    Otherwise it would be a second worker with the parent's event and connections.
    """
    if os.getpid() != pid:
        log(_logger, logging.ERROR, _CAME_BACK, os.getpid())
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(_exit_status(sys.exc_info()[1]))


def _exit_status(error: BaseException | None) -> int:
    if isinstance(error, SystemExit):
        error = error.code  # type: ignore[assignment]
    return 0 if error is None else error if isinstance(error, int) else 1


def _look_at(result: Any, receiver: Receiver) -> None:
    """Warn if a handler returns an answer, since its result has no effect.

    :raises NothingRan: if it is a generator.
    """
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise NothingRan("it returned a generator, so none of its code ran")
    name = name_of_receiver(receiver)
    if name not in _told and _is_an_answer(result) and len(_told) < _MOST_TOLD:
        _told.add(name)
        log(
            _logger,
            logging.WARNING,
            "Handler %s returned an answer, as a view does. The result of a handler has no"
            " effect: this run succeeded. To fail, raise an error; to run again later,"
            " raise Retry.",
            name,
        )


def _is_an_answer(result: Any) -> bool:
    """Whether it is a ``Response``, or a body with a status."""
    if isinstance(result, tuple):
        return any(isinstance(each, int) and 100 <= each < 600 for each in result[1:2])
    return hasattr(type(result), "status_code")


# The handlers that were warned of, once in each process.
_told: set[str] = set()
_MOST_TOLD = 1_000


def name_of_receiver(receiver: Receiver) -> str:
    """The name of a handler or of a plain receiver."""
    if isinstance(receiver, Handler):
        return receiver.name
    return spoken_name_of(receiver)


def type_and_place(error: BaseException, function: Callable[..., Any]) -> str:
    """For example ``KeyError at app.py:12 in track``.

    :param function: what raised the error. The place is the last one in its file.
    """
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    frames = traceback.extract_tb(error.__traceback__)
    own = getattr(code_of(function), "co_filename", None)
    place = next((each for each in reversed(frames) if each.filename == own), frames[-1])
    file = place.filename
    with suppress(OSError):  # a deployment may have removed the current folder
        file = file.removeprefix(os.getcwd() + os.sep)
    return f"{name} at {file}:{place.lineno} in {place.name}"


def function_of(receiver: Receiver) -> Receiver:
    """The function of a handler, or the receiver itself."""
    return receiver.func if isinstance(receiver, Handler) else receiver
