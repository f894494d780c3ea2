"""The inbox of an app under test: its clock, and handling its events."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from math import inf

from ..dispatch import WorkerDispatcher
from ..dispatch.inline import real_errors
from ..dispatch.processing import process
from ..errors import ConfigurationError
from ..inbox import Identity, Inbox, StoredEvent
from ..logs import log
from ..runtime import Runtime

_logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.01
_MOST = 10_000  # events that are read
_SLACK = 0.001  # seconds: sums of delays are not exact
_ROUNDED = 1e-5  # seconds: a datetime has no more than microseconds

_REMEDY = """\
Set app.config["TESTING"] = True before the app's first request, and before \
FakeYCloud(app). If you want the real inbox: FakeYCloud(app, real_inbox=True)."""

_NO_TESTING = f"""\
The app is not in testing mode. FakeYCloud would write to its real inbox, and a thread \
would handle the events later. {_REMEDY}"""

_TESTING_TOO_LATE = f"""\
The app's inbox was opened before app.testing was set. So it is the real one, and not a \
scratch store. {_REMEDY}"""

_FROM_THE_ENVIRONMENT = """\
The app's inbox is the one of FLASK_YCLOUD_INBOX_URL in the environment. It may be the \
real one, and the test would handle its events. Unset the variable for a scratch store, \
or set another YCLOUD_INBOX_URL in app.config. To use that inbox in the test: \
FakeYCloud(app, real_inbox=True)."""

_DISPATCH = "FLASK_YCLOUD_DISPATCH"
_NOT_INLINE = f"""\
{_DISPATCH}=%s is in the environment, so events are not handled while FakeYCloud sends \
them. Unset the variable, or set app.config["YCLOUD_DISPATCH"] = "inline". Or call \
run_due() after each send."""


class Clock:
    """A clock in unix seconds that a test can stop and move forward.

    :param real: the clock on which it is based.
    """

    def __init__(self, real: Callable[[], float]) -> None:
        self._real = real
        self._ahead = 0.0
        self._stopped_at: float | None = None

    def __call__(self) -> float:
        stopped_at = self._stopped_at
        return self._real() + self._ahead if stopped_at is None else stopped_at

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop it during a ``with`` block, so that the time of handlers does not count."""
        self._stopped_at = self()
        try:
            yield
        finally:
            self._ahead = self() - self._real()
            self._stopped_at = None

    def move_to(self, when: float) -> None:
        """Move it forward to this time while it is stopped."""
        self._stopped_at = max(when, self())


class AppInbox:
    """The inbox of an app under test.

    :param runtime: the app's.
    :param timeout: seconds to wait for the app's worker threads.
    :param real: whether it may be an inbox other than the scratch store of a test.
    :raises ConfigurationError: if it may not, but is.
    """

    def __init__(self, runtime: Runtime, timeout: float, *, real: bool) -> None:
        if not real:
            _check_testing(runtime)
        self._dispatch_hint = _dispatch_hint(runtime)
        if self._dispatch_hint:
            log(_logger, logging.WARNING, "%s", self._dispatch_hint)
        self._runtime = runtime
        self._timeout = timeout
        runtime.exact_delays = True
        # With threads: the state before, to find out what they have handled since then.
        self._looks = self._look() if runtime.dispatch == "worker" else {}

    @property
    def inbox(self) -> Inbox:
        """The app's inbox."""
        return self._runtime.inbox

    def get(self, identity: Identity) -> StoredEvent | None:
        """An event as it is now."""
        event_id, endpoint, tenant = identity
        return self.inbox.get(event_id, endpoint=endpoint, tenant=tenant)

    def run_due(self, errors: list[BaseException]) -> list[StoredEvent]:
        """Handle everything that is due now.

        :param errors: gets what handlers raise in this thread, under ``app.testing``.
        :returns: what was handled, as it is now.
        :raises TimeoutError: if the app's threads do not finish in time.
        """
        self.inbox.release_all_orphans()
        dispatcher = self._runtime.dispatcher
        if isinstance(dispatcher, WorkerDispatcher):
            return self._wait_for(dispatcher)
        return self._handle(errors)

    def advance(self, seconds: float, errors: list[BaseException]) -> list[StoredEvent]:
        """Let time pass for the inbox, and handle all events that become due.

        Each event is handled at its time, so that its retries also become due.

        :param errors: gets what handlers raise in this thread, under ``app.testing``.
        :returns: what was handled, in the order of time.
        :raises TimeoutError: if the app's threads do not finish in time.
        """
        if not isinstance(self.inbox.clock, Clock):
            self.inbox.clock = Clock(self.inbox.clock)
        clock = self.inbox.clock
        with clock.stopped():
            end = clock() + seconds
            handled = self.run_due(errors)
            while (due_at := self._next_due_at()) <= end + _SLACK:
                clock.move_to(due_at)
                handled += self.run_due(errors)
            clock.move_to(end)
        return handled

    def _next_due_at(self) -> float:
        """When the next event becomes due, rounded up; infinity if there is none."""
        now = self.inbox.clock()
        pending = self.inbox.list(state="pending", limit=_MOST)
        times = [each.due_at.timestamp() for each in pending if each.due_at is not None]
        return min((each for each in times if each > now), default=inf) + _ROUNDED

    def _handle(self, errors: list[BaseException]) -> list[StoredEvent]:
        handled = []
        while (claim := self.inbox.claim()) is not None:
            raised = Context().run(process, self._runtime, claim).errors
            errors += real_errors(raised) if self._runtime.app.testing else ()
            handled.append(self.get(claim.identity))
        return [each for each in handled if each is not None]

    def _wait_for(self, dispatcher: WorkerDispatcher) -> list[StoredEvent]:
        """Wait until the threads have nothing to do, and return what they have handled."""
        dispatcher.start()
        until = time.monotonic() + self._timeout
        while busy := self._busy():
            if time.monotonic() > until:
                ids = ", ".join(each.id for each in busy[:10])
                raise TimeoutError(
                    f"After {self._timeout:g} s the app's worker threads have not handled"
                    f" {ids}. Does a handler hang? FakeYCloud(app, timeout=…) waits longer."
                    f" {self._dispatch_hint}".rstrip()
                )
            dispatcher.wake(busy[0].identity)
            time.sleep(_LOOK_SECONDS)
        before, self._looks = self._looks, self._look()
        handled = [each for each, look in self._looks.items() if before.get(each) != look]
        return [each for each in map(self.get, handled) if each is not None]

    def _busy(self) -> Sequence[StoredEvent]:
        """What the threads have to do, in one query, so that no event is missed."""
        now, endpoints = self.inbox.clock(), self._runtime.endpoints
        return [
            each
            for each in self.inbox.list(limit=_MOST)
            if each.endpoint in endpoints
            and each.due_at is not None
            and (each.state == "running" or each.due_at.timestamp() <= now)
        ]

    def _look(self) -> dict[Identity, tuple[object, ...]]:
        """All events that were handled, oldest first, with the fields that this changes."""
        return {
            each.identity: (each.state, each.due_at, each.settled_at)
            for each in reversed(self.inbox.list(limit=_MOST))
            if each.received_at not in (each.due_at, each.settled_at)
        }


def _check_testing(runtime: Runtime) -> None:
    """Refuse the real inbox of an app.

    :raises ConfigurationError: if the app has it.
    """
    if not runtime.app.testing:
        raise ConfigurationError(_NO_TESTING)
    if runtime.settings.inbox_url is None and runtime.inbox and runtime.scratch is None:
        raise ConfigurationError(_TESTING_TOO_LATE)
    url = os.environ.get("FLASK_YCLOUD_INBOX_URL")
    if url is not None and runtime.settings.inbox_url == url:
        raise ConfigurationError(_FROM_THE_ENVIRONMENT)


def _dispatch_hint(runtime: Runtime) -> str:
    """What to do about a dispatch from the environment that is not inline, or nothing."""
    dispatch = runtime.settings.dispatch
    found = os.environ.get(_DISPATCH, "").strip('"')
    return _NOT_INLINE % found if found == dispatch != "inline" else ""
