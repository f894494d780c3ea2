"""``"worker"``: threads of the serving process handle events; each accept wakes them."""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress

from ..errors import InboxUnavailable, type_and_stack
from ..formats import counted
from ..inbox import Claim, Identity, heartbeats, index_some
from ..logs import log
from ..runtime import Runtime
from . import servers
from .buffer import Buffer
from .ending import this_process
from .fetching import POLL_SECONDS, Fetcher
from .leases import LeaseKeeper, given_back
from .notifying import Notifying
from .processing import process
from .saving import SharedSaver
from .threads import StartsThreads

_logger = logging.getLogger(__name__)

#: Seconds between two checks for old events that can be deleted.
PRUNE_EVERY_SECONDS = 3600.0

#: Seconds between two heartbeats, stored in the inbox.
BEAT_EVERY_SECONDS = 20.0

#: Seconds of the server's limit that are left for releasing events that have not ended.
_SPARE_SECONDS = 1.5

#: If the fetcher has not run for so many seconds, threads do not run.
_STANDSTILL_SECONDS = 30.0

_JOIN_SECONDS = 0.05

_SAVER, _ANNOUNCER = "ycloud-saver", "ycloud-announcer"
_LISTENER = "ycloud-listener"

_NOT_RELEASED = "%d events were not released. They run again after their leases end: %s"


class WorkerDispatcher(StartsThreads):
    """Threads that fetch due events, handle them, and save the outcomes.

    One thread fetches and one saves for all that handle. They start at the first request,
    in the process that serves: threads do not survive the fork of a preloading server. They
    also store heartbeats, and delete events that were done ``YCLOUD_RETENTION_DAYS`` ago.

    :param runtime: the app's.
    :param threads: how many threads handle events.
    """

    def __init__(self, runtime: Runtime, *, threads: int) -> None:
        super().__init__()
        self._runtime = runtime
        self._count = threads
        self._notifying = Notifying(runtime.inbox.database)
        self._checked: int | None = None  # the process
        self._trouble: servers.Trouble | None = None
        self._forget_the_end()

    def _forget_the_end(self) -> None:
        self._stopping = self._stopped = False
        self._until = float("inf")  # of the drain, by the monotonic clock
        self._ends = threading.Lock()
        self._running: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads, or replace those that ended; called before each request."""
        if self._checked != os.getpid():
            self._checked = os.getpid()
            self._check_server()
        super().start()
        self._notice_a_standstill()

    def _check_server(self) -> None:
        database = self._runtime.inbox.database
        self._trouble = servers.trouble(database.driver)
        if self._trouble is None:
            return
        log(_logger, logging.ERROR, "%s", self._trouble.text)
        with suppress(InboxUnavailable):
            heartbeats.note_trouble(self._runtime.inbox, self._trouble.text)

    @property
    def is_alive(self) -> bool:
        """Whether this process handles events: its threads run, and it is not draining."""
        return self.started and not self._stopping and not self._stands_still()

    def _stands_still(self) -> bool:
        return time.monotonic() - self._fetcher.looked_at > _STANDSTILL_SECONDS

    def _notice_a_standstill(self) -> None:
        if self.is_alive or not self.started or self._stopping:
            return
        if self._runtime.once("standstill"):
            seconds = time.monotonic() - self._fetcher.looked_at
            log(
                _logger, logging.ERROR,
                "The worker's threads did not run for %.0f s. Does the server run the"
                " threads of an app between requests? If not, set YCLOUD_DISPATCH to"
                " 'manual' and start: flask ycloud worker",
                seconds,
            )  # fmt: skip

    def _make_jobs(self) -> Mapping[str, Callable[[], None]]:
        inbox = self._runtime.inbox
        self._forget_the_end()
        self._tell_later: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._keeper = LeaseKeeper()
        self._buffer = Buffer(self._count)
        self._fetcher = Fetcher(
            self._runtime,
            self._buffer,
            self._keeper,
            self._do_chores,
            stops=lambda: this_process.is_ending,
        )
        self._saver = SharedSaver(
            inbox,
            self._keeper,
            on_saved=self._fetcher.saved,
            tell=self._tell_later.put,
        )
        self._name = f"{socket.gethostname()} {os.getpid()} {id(self):x}"
        self._prune_at = time.monotonic() + PRUNE_EVERY_SECONDS / 60
        self._beat_at = time.monotonic()
        self._beats = 0
        self._orphans_after = ""
        jobs: dict[str, Callable[[], None]] = {
            _SAVER: self._saver.run,
            _ANNOUNCER: self._announce,
            "ycloud-fetcher": self._fetcher.run,
        }
        if inbox.database.can_notify and self._trouble is None:
            jobs[_LISTENER] = self._listen
        for number in range(self._count):
            jobs[f"ycloud-{number}"] = self._handle
        this_process.watch(self)
        return jobs

    def wake(self, event: Identity) -> None:
        """Fetch due events now, or notify other processes if this one is busy."""
        if self.started and not self._stopping:
            self._fetcher.wake()
            if self._buffer.has_room:
                return
        self._notifying.notify()

    def begin_stop(self) -> None:
        """Fetch no more events, and release those that wait. Running handlers go on."""
        with self._ends:
            self._begin_stop()

    def _begin_stop(self) -> None:
        if self._stopping or not self.started:
            return
        self._stopping = True
        seconds = self._drain_seconds()
        self._until = time.monotonic() + seconds
        self._running = self._end()
        self._fetcher.stop()
        self._give_back(self._buffer.close())
        message = "This process stops: it fetches no more events. %s"
        log(_logger, logging.INFO, message, _running(self._keeper.count, seconds))

    def _drain_seconds(self) -> float:
        seconds = self._runtime.settings.drain_seconds
        most = servers.seconds_until_killed()
        return seconds if most is None else max(0.0, min(seconds, most - _SPARE_SECONDS))

    def hurry(self) -> None:
        """Stop waiting for running handlers. It takes no lock."""
        self._until = 0.0

    def stop(self) -> None:
        """Fetch no more events, let running handlers finish, and release the rest.

        The handlers have ``YCLOUD_DRAIN_SECONDS`` from the beginning of the drain.
        """
        with self._ends:
            self._begin_stop()
            if not self._stopping or self._stopped:
                return
            try:
                self._wait_for_handlers()
            finally:  # also at a second Ctrl-C
                self._stopped = True
                self._give_back_the_rest()

    def _wait_for_handlers(self) -> None:
        others = (_SAVER, _ANNOUNCER, _LISTENER)
        me = threading.current_thread()  # a handler may have called this
        self._join([e for e in self._running if e.name not in others and e is not me])

    def _give_back_the_rest(self) -> None:
        self._notifying.stop()
        named = {each.name: each for each in self._running}
        until = time.monotonic() + 1.0
        while _LISTENER in named and named[_LISTENER].is_alive():
            self._runtime.inbox.database.notify()  # it may have begun to listen just now
            named[_LISTENER].join(_JOIN_SECONDS)
            if time.monotonic() > until:
                break
        self._saver.finish(1.0)
        self._tell_later.put(None)
        for thread in [each for each in self._running if each.name in (_SAVER, _ANNOUNCER)]:
            thread.join(1.0)
        cut_off = self._keeper.count
        try:
            self._keeper.give_back()
            heartbeats.sign_off(self._runtime.inbox, self._name)
        except InboxUnavailable as error:
            if cut_off:
                log(_logger, logging.WARNING, _NOT_RELEASED, cut_off, error)
            return
        if cut_off:
            message = "This process has stopped. It released %s that still ran."
            log(_logger, logging.WARNING, message, counted(cut_off, "event"))
        else:
            log(_logger, logging.INFO, "This process has stopped; no event is left over.")

    def _join(self, threads: list[threading.Thread]) -> None:
        """Wait for threads, until the drain ends or :meth:`hurry` is called."""
        for thread in threads:
            while thread.is_alive() and time.monotonic() < self._until:
                thread.join(_JOIN_SECONDS)

    def handle_due(self, stops: Callable[[], bool] = lambda: False) -> int:
        """Handle due events in this thread; for ``flask ycloud worker --once``.

        :param stops: called between two events; returns whether to stop.
        :returns: how many events were handled.
        """
        handled = 0
        self._runtime.inbox.release_all_orphans()
        while not stops() and (claim := self._runtime.inbox.claim()) is not None:
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
                if verdict is None:  # if this process still holds it, its lease runs out
                    self._keeper.drop(claim)

    def _give_back(self, claims: list[Claim]) -> None:
        if not claims:
            return
        try:
            self._runtime.inbox.save_all([given_back(claim) for claim in claims])
        except InboxUnavailable as error:
            log(_logger, logging.WARNING, _NOT_RELEASED, len(claims), error)
        for claim in claims:
            self._keeper.drop(claim)

    def _announce(self) -> None:
        """Call receivers of signals in a thread of their own: no outcome waits for them."""
        while (then := self._tell_later.get()) is not None:
            try:
                then()
            except Exception as error:
                text = type_and_stack(error)
                log(_logger, logging.ERROR, "An announcement failed: %s", text)

    def _do_chores(self) -> None:
        """Do what cannot wait until the process is idle. The fetcher calls this."""
        self.start()  # a thread that ended is replaced
        try:
            self._beat_and_prune()
        except InboxUnavailable as error:
            # They are tried again later. Events are fetched nevertheless.
            log(_logger, logging.WARNING, "A heartbeat or a deletion failed: %s", error)

    def _beat_and_prune(self) -> None:
        now, inbox = time.monotonic(), self._runtime.inbox
        if now >= self._beat_at:
            self._beat_at = now + BEAT_EVERY_SECONDS
            if self._trouble is None and not self._beats:
                heartbeats.forget_troubles(inbox)
            self._beats += 1
            heartbeats.beat(inbox, self._name)
            self._orphans_after = inbox.release_orphans(self._orphans_after)
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_EVERY_SECONDS
            # After an upgrade, names in older events are indexed.
            if inbox.prune_some() | index_some(inbox):
                self._prune_at = now  # one batch at a time

    def _listen(self) -> None:
        """Wake up when another process notifies this one."""
        database = self._runtime.inbox.database
        while not self._stopping:
            try:
                with closing(database.notifications(POLL_SECONDS)) as notifications:
                    for notified in notifications:
                        if notified:
                            self._fetcher.wake()
                        if self._stopping:
                            return
            except Exception:  # the fetcher logs it, and polls meanwhile
                time.sleep(POLL_SECONDS)


def _running(count: int, seconds: float) -> str:
    """How many handlers are running, and how many seconds they have."""
    if count == 0:
        return "No handler is running."
    verbs = "is running and has" if count == 1 else "are running and have"
    return f"{counted(count, 'handler')} {verbs} {seconds:g} s."
