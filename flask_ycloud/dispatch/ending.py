"""Drain the dispatchers before this process ends.

Most servers end on SIGTERM without running Python's exit functions. Where these run, they
are too late for a handler that uses a thread pool. So this module handles SIGTERM.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # its exit function must be registered before ours
import logging
import os
import queue
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, Protocol

from ..errors import type_and_stack
from ..logs import log
from . import servers
from .threads import StartsThreads

_logger = logging.getLogger(__name__)

_NEVER = sys.maxsize
_LOOK_SECONDS = 0.25


class Drains(Protocol):
    """A dispatcher that stops before the process ends."""

    def begin_stop(self) -> None:
        """Stop taking work."""

    def stop(self) -> None:
        """Wait until it has stopped."""

    def hurry(self) -> None:
        """Stop waiting. A signal handler may call this, so it takes no lock."""


class Ending(StartsThreads):
    """Stops the dispatchers of this process before it ends.

    - On SIGTERM they drain. Then the signal is passed to the handler that was installed
      before. Meanwhile the server answers requests. A second SIGTERM ends the wait.
    - Gunicorn keeps its own handler of the signal. Its worker begins to stop at once, and
      waits for the dispatchers before it exits. With ``--max-requests`` the worker serves
      requests until the dispatchers have drained.
    - uvicorn also stops at once. After that it passes the signal on.
    - The exit hooks of uWSGI, mod_wsgi and Python also wait for the dispatchers.
    """

    def __init__(self) -> None:
        super().__init__()
        self._dispatchers: weakref.WeakSet[Any] = weakref.WeakSet()
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._before: Any = None  # what handled SIGTERM
        self._worker: Any = None  # gunicorn's
        self._server_stops: Callable[[], bool] = _cannot_tell
        self._asks_server = False
        self._recycle_at = _NEVER  # after so many requests
        self._signalled = self._drained = False

    def listen(self) -> None:
        """Handle SIGTERM, if this is the main thread. Gunicorn's workers are polled.

        A server that handles SIGTERM later passes it on, or replaces the handler.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        if servers.gunicorn_handles_sigterm():
            return
        before = signal.getsignal(signal.SIGTERM)
        if before == self._on_signal or not (before == signal.SIG_DFL or callable(before)):
            return
        try:
            signal.signal(signal.SIGTERM, self._on_signal)
        except ValueError:  # in a sub-interpreter
            return
        self._before = before

    def watch(self, dispatcher: Drains) -> None:
        """Stop this dispatcher before the process ends."""
        self.start()
        self._dispatchers.add(dispatcher)

    @property
    def is_ending(self) -> bool:
        """Whether this process is about to end."""
        return self._signalled or self._server_stops()

    def _make_jobs(self) -> Mapping[str, Callable[[], None]]:
        self._dispatchers = weakref.WeakSet()
        self._signals = queue.SimpleQueue()
        self._signalled = self._drained = False
        self._worker, self._recycle_at = servers.gunicorn_worker(), _NEVER
        asked = servers.told_to_stop()
        self._server_stops = asked or _cannot_tell
        self._asks_server = asked is not None
        _at_exit(self.wait)
        servers.when_it_ends(self.wait)
        return {"ycloud-ending": self._run}

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """It interrupts the main thread anywhere, so nothing here takes a lock."""
        if not self._stops_them:
            self._hand_on(number, frame)
            return
        if self._signalled:
            self._hurry()
        self._signalled = True
        self._signals.put(number)

    @property
    def _stops_them(self) -> bool:
        """Whether there is something to stop in this process, and a thread that does it."""
        busy = self.started and not self._drained and bool(self._dispatchers)
        return busy and self._all_alive()

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        if callable(self._before):
            self._before(number, frame)
        else:  # pragma: no cover  (the process is gone)
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _run(self) -> None:
        self._wait_for_the_end()
        self._stop_all()
        self._drained = True
        if self._signalled:
            os.kill(os.getpid(), signal.SIGTERM)  # the main thread passes it on
        elif self._worker is not None:
            self._worker.alive = False

    def _wait_for_the_end(self) -> None:
        if not self._asks_server:
            self._signals.get()
            return
        worker, pause = self._worker, threading.Event()
        if worker is not None and worker.max_requests < _NEVER:
            # Otherwise it stops serving now, and the next worker starts after it has ended.
            self._recycle_at, worker.max_requests = worker.max_requests, _NEVER
        while not self.is_ending and (worker is None or worker.nr < self._recycle_at):
            pause.wait(_LOOK_SECONDS)

    def wait(self) -> None:
        """Wait for the drain, since the process ends now. Ctrl-C ends the wait."""
        if not self.started:
            return
        try:
            self._stop_all()
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, or SIGTERM under gunicorn
            self._hurry()
            self._stop_all()

    def _hurry(self) -> None:
        for each in list(self._dispatchers):
            each.hurry()

    def _stop_all(self) -> None:
        dispatchers: list[Drains] = list(self._dispatchers)
        for step in [each.begin_stop for each in dispatchers] + [
            each.stop for each in dispatchers
        ]:
            try:
                step()
            except Exception as error:
                text = type_and_stack(error)
                log(_logger, logging.ERROR, "The worker did not stop: %s", text)


def _cannot_tell() -> bool:
    return False


def _at_exit(end: Callable[[], None]) -> None:
    """Call a function at Python's exit: before thread pools end, if possible."""
    assert concurrent.futures.thread
    with suppress(AttributeError, RuntimeError):  # a later Python, or it is exiting
        threading._register_atexit(end)  # type: ignore[attr-defined]
    atexit.register(end)  # an embedding server may skip the other


#: The only one in a process.
this_process = Ending()
