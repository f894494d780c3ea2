"""``"worker"``: threads of the serving process handle, woken by each accept."""

from __future__ import annotations

import atexit
import logging
import os
import socket
import threading
import time
import weakref
from contextlib import closing

from ..errors import InboxUnavailable, type_and_stack
from ..inbox import heartbeats
from ..runtime import Runtime
from .leases import leases
from .processing import process
from .threads import StartsThreads

_logger = logging.getLogger(__name__)

#: Seconds after which an idle thread looks for what no one told it of: retries, and
#: events of other processes.
POLL_SECONDS = 1.0

#: Seconds between two looks for old events that are done.
PRUNE_EVERY_SECONDS = 3600.0

#: Seconds between two heartbeats, kept in the inbox.
BEAT_EVERY_SECONDS = 20.0

#: Seconds that running handlers get at the end of the process. Gunicorn gives 30.
GRACE_SECONDS = 25.0


class WorkerDispatcher(StartsThreads):
    """Threads that claim due events and handle them.

    They start at the first request, so in the process that serves: threads do not
    survive the fork of a preloading server. When they are idle they also delete events
    that were done ``YCLOUD_RETENTION_DAYS`` ago.

    :param runtime: the app's.
    :param threads: how many handle at once.
    """

    def __init__(self, runtime: Runtime, *, threads: int) -> None:
        super().__init__()
        self._runtime = runtime
        self._count = threads

    def _make_threads(self) -> list[threading.Thread]:
        self._due = threading.Condition()
        self._wakes = self._idle = 0
        self._stopping = self._troubled = False
        self._prune_at = time.monotonic() + PRUNE_EVERY_SECONDS / 60
        self._beat_at = time.monotonic()
        self._name = f"{socket.gethostname()} {os.getpid()} {id(self):x}"
        self._threads = [
            threading.Thread(target=self._work, name=f"ycloud-{number}", daemon=True)
            for number in range(self._count)
        ]
        if self._runtime.inbox.database.can_notify:
            listener = threading.Thread(
                target=self._listen, name="ycloud-listener", daemon=True
            )
            self._threads.append(listener)
        atexit.register(_stop, weakref.ref(self))
        return self._threads

    def wake(self, event_id: str) -> None:
        """Have an idle thread look for due events now; of another process if need be."""
        if self._pid == os.getpid() and self._notify():
            return
        self._runtime.inbox.database.notify()

    def _notify(self) -> bool:
        """Wake one idle thread; ``False`` if there is none."""
        with self._due:
            self._wakes += 1  # for one that is on its way to wait, too
            self._due.notify()
            return self._idle > 0

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Claim no more, let running handlers finish, and give back the rest.

        :param grace: seconds that the handlers get.
        """
        if self._pid != os.getpid() or self._stopping:
            return
        with self._due:
            self._stopping = True
            self._due.notify_all()
        self._runtime.inbox.database.notify()  # or the listener would sleep on
        until = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        try:
            leases.give_back(self._runtime.inbox)
            heartbeats.sign_off(self._runtime.inbox, self._name)
        except InboxUnavailable as error:
            _logger.warning("Events were not given back; their leases run out: %s", error)

    def drain(self) -> int:
        """Handle, in this thread, what is due now; for ``flask ycloud worker --once``.

        :returns: how many events were handled.
        """
        handled = 0
        while self._handle_next():
            handled += 1
        return handled

    def _work(self) -> None:
        while not self._stopping:
            seen = self._wakes
            try:
                idle = not self._handle_next()
                self._troubled = False
            except InboxUnavailable as error:
                idle = True
                if not self._troubled:  # once, not each second of an outage
                    _logger.error("The worker waits for the inbox: %s", error)
                self._troubled = True
            except Exception as error:
                idle = True
                # The lease runs out, and the event is handled again.
                _logger.error("The worker failed: %s", type_and_stack(error))
            if idle:
                self._wait(seen)

    def _handle_next(self) -> bool:
        claim = self._runtime.inbox.claim()
        if claim is not None:
            process(self._runtime, claim)
        return claim is not None

    def _wait(self, seen: int) -> None:
        """Wait for a wake, or for the time of the next event, but not for long."""
        timeout = POLL_SECONDS
        if not self._troubled:
            try:
                self._beat()
                self._prune()
                timeout = min(timeout, self._runtime.inbox.next_due() or timeout)
            except InboxUnavailable:
                self._troubled = True
        with self._due:
            self._idle += 1
            self._due.wait_for(lambda: self._stopping or self._wakes != seen, timeout)
            self._idle -= 1

    def _beat(self) -> None:
        with self._due:
            if time.monotonic() < self._beat_at:
                return
            self._beat_at = time.monotonic() + BEAT_EVERY_SECONDS
        heartbeats.beat(self._runtime.inbox, self._name)

    def _prune(self) -> None:
        with self._due:
            if time.monotonic() < self._prune_at:
                return
            self._prune_at = time.monotonic() + PRUNE_EVERY_SECONDS
        self._runtime.inbox.prune()

    def _listen(self) -> None:
        """Be woken by other processes, too."""
        database = self._runtime.inbox.database
        while not self._stopping:
            try:
                with closing(database.notifications(POLL_SECONDS)) as notifications:
                    for notified in notifications:
                        if notified:
                            self._notify()
                        if self._stopping:
                            return
            except InboxUnavailable:  # those who look for events by themselves log it
                with self._due:
                    self._due.wait_for(lambda: self._stopping, POLL_SECONDS)


def _stop(worker: weakref.ref[WorkerDispatcher]) -> None:
    running = worker()
    if running is not None:
        running.stop()
