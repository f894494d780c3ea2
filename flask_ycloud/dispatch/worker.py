"""``"worker"``: threads of the serving process handle, woken by each accept."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import closing

from ..errors import InboxUnavailable, type_and_stack
from ..inbox import Claim, Identity, heartbeats
from ..logs import log
from ..runtime import Runtime
from .buffer import Buffer
from .fetching import POLL_SECONDS, Fetcher
from .leases import LeaseKeeper, given_back
from .notifying import Notifying
from .processing import process
from .saving import SharedSaver
from .threads import StartsThreads

_logger = logging.getLogger(__name__)

#: Seconds between two looks for old events that are done.
PRUNE_EVERY_SECONDS = 3600.0

#: Seconds between two heartbeats, kept in the inbox.
BEAT_EVERY_SECONDS = 20.0

#: Seconds that running handlers get at the end of the process. Gunicorn gives 30.
GRACE_SECONDS = 25.0

_SAVER, _ANNOUNCER = "ycloud-saver", "ycloud-announcer"
_LISTENER = "ycloud-listener"


class WorkerDispatcher(StartsThreads):
    """Threads that fetch due events, handle them, and save what came of it.

    One fetches and one saves for all that handle. They start at the first request, so in
    the process that serves: threads do not survive the fork of a preloading server. They
    also leave heartbeats, and delete events that were done ``YCLOUD_RETENTION_DAYS`` ago.

    :param runtime: the app's.
    :param threads: how many handle at once.
    """

    def __init__(self, runtime: Runtime, *, threads: int) -> None:
        super().__init__()
        self._runtime = runtime
        self._count = threads
        self._notifying = Notifying(runtime.inbox.database)

    def _make_jobs(self) -> Mapping[str, Callable[[], None]]:
        inbox = self._runtime.inbox
        self._stopping = False
        self._tell_later: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._keeper = LeaseKeeper()
        self._buffer = Buffer(self._count)
        self._fetcher = Fetcher(self._runtime, self._buffer, self._keeper, self._do_chores)
        self._saver = SharedSaver(
            inbox,
            self._keeper,
            on_saved=self._fetcher.saved,
            tell=self._tell_later.put,
        )
        self._name = f"{socket.gethostname()} {os.getpid()} {id(self):x}"
        self._prune_at = time.monotonic() + PRUNE_EVERY_SECONDS / 60
        self._beat_at = time.monotonic()
        self._orphans_after = ""
        jobs: dict[str, Callable[[], None]] = {
            _SAVER: self._saver.run,
            _ANNOUNCER: self._announce,
            "ycloud-fetcher": self._fetcher.run,
        }
        if inbox.database.can_notify:
            jobs[_LISTENER] = self._listen
        for number in range(self._count):
            jobs[f"ycloud-{number}"] = self._handle
        atexit.register(_stop, weakref.ref(self))
        return jobs

    def wake(self, event: Identity) -> None:
        """Have due events fetched now; by another process if this one is busy."""
        if self.started:
            self._fetcher.wake()
            if self._buffer.has_room:
                return
        self._notifying.notify()

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Fetch no more, let running handlers finish, and give back the rest.

        :param grace: seconds that the handlers get.
        """
        self._notifying.stop()
        if not self.started:
            return
        self._stopping = True
        threads = self._end()
        until = time.monotonic() + grace
        self._fetcher.stop()
        self._give_back(self._buffer.close())
        later = [each for each in threads if each.name in (_SAVER, _ANNOUNCER)]
        listener = [each for each in threads if each.name == _LISTENER]
        while any(each.is_alive() for each in listener) and time.monotonic() < until:
            self._runtime.inbox.database.notify()  # it may have begun to listen just now
            _join(listener, time.monotonic() + 0.05)
        _join([each for each in threads if each not in later], until)
        self._saver.finish(max(1.0, until - time.monotonic()))
        self._tell_later.put(None)
        _join(later, max(until, time.monotonic() + 1.0))
        try:
            self._keeper.give_back()
            heartbeats.sign_off(self._runtime.inbox, self._name)
        except InboxUnavailable as error:
            message = "Events were not given back; their leases run out: %s"
            log(_logger, logging.WARNING, message, error)

    def drain(self) -> int:
        """Handle, in this thread, what is due now; for ``flask ycloud worker --once``.

        :returns: how many events were handled.
        """
        handled = 0
        self._runtime.inbox.release_all_orphans()
        while (claim := self._runtime.inbox.claim()) is not None:
            process(self._runtime, claim)
            handled += 1
        return handled

    def _handle(self) -> None:
        try:
            self._handle_all()
        finally:
            self._buffer.leave()

    def _handle_all(self) -> None:
        while (claim := self._buffer.take()) is not None:
            verdict = None
            try:
                keeper = self._keeper
                handled = process(self._runtime, claim, saver=self._saver, keeper=keeper)
                verdict = handled.verdict
            except Exception as error:
                text = type_and_stack(error)
                log(_logger, logging.ERROR, "The worker failed: %s", text)
            finally:
                if verdict is None:  # if it is still ours, its lease runs out
                    self._keeper.drop(claim)

    def _give_back(self, claims: list[Claim]) -> None:
        try:
            self._runtime.inbox.save_all([given_back(claim) for claim in claims])
        except InboxUnavailable as error:
            message = "Events were not given back; their leases run out: %s"
            log(_logger, logging.WARNING, message, error)
        for claim in claims:
            self._keeper.drop(claim)

    def _announce(self) -> None:
        """Tell who listens, in their own time: no outcome waits for them."""
        while (then := self._tell_later.get()) is not None:
            try:
                then()
            except Exception as error:
                text = type_and_stack(error)
                log(_logger, logging.ERROR, "An announcement failed: %s", text)

    def _do_chores(self) -> None:
        """What does not wait for idle times; the fetcher does it between two looks."""
        self.start()  # a thread that ended is replaced
        try:
            self._beat_and_prune()
        except InboxUnavailable as error:
            # They are done again later; and events are fetched meanwhile.
            log(_logger, logging.WARNING, "No heartbeat, or no pruning: %s", error)

    def _beat_and_prune(self) -> None:
        now, inbox = time.monotonic(), self._runtime.inbox
        if now >= self._beat_at:
            self._beat_at = now + BEAT_EVERY_SECONDS
            heartbeats.beat(inbox, self._name)
            self._orphans_after = inbox.release_orphans(self._orphans_after)
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_EVERY_SECONDS
            if inbox.prune_some():
                self._prune_at = now  # one batch at a time: the rest is for the next look

    def _listen(self) -> None:
        """Be woken by other processes, too."""
        database = self._runtime.inbox.database
        while not self._stopping:
            try:
                with closing(database.notifications(POLL_SECONDS)) as notifications:
                    for notified in notifications:
                        if notified:
                            self._fetcher.wake()
                        if self._stopping:
                            return
            except Exception:  # the fetcher logs it, and looks by the clock meanwhile
                time.sleep(POLL_SECONDS)


def _join(threads: list[threading.Thread], until: float) -> None:
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


def _stop(worker: weakref.ref[WorkerDispatcher]) -> None:
    running = worker()
    if running is not None:
        running.stop()
