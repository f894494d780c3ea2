"""Fetch due events from the inbox, in order, as many as are wanted."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence

from ..errors import InboxUnavailable, type_and_stack
from ..inbox import Claim, Progress
from ..logs import log
from ..runtime import Runtime
from .buffer import Buffer
from .leases import LeaseKeeper, given_back

_logger = logging.getLogger(__name__)

#: Seconds after which an idle process checks for events that it was not notified of: an
#: event whose process died, a retry of another process, a lost notification.
POLL_SECONDS = 2.0

#: The same, if other processes cannot notify it of new events.
POLL_UNTOLD_SECONDS = 1.0

#: Seconds that claims wait here for a busy thread before they are released.
GIVE_BACK_SECONDS = 1.0

_MOST_RETRIES_KNOWN = 10_000


class Fetcher:
    """Takes due events from the inbox and puts them into the buffer.

    :param runtime: the app's.
    :param buffer: where the handler threads take them from.
    :param keeper: renews their leases from then on.
    :param chores: called before each fetch, at least every two seconds.
    :param stops: whether this process is ending. Then nothing more is fetched.
    """

    def __init__(
        self,
        runtime: Runtime,
        buffer: Buffer,
        keeper: LeaseKeeper,
        chores: Callable[[], None],
        stops: Callable[[], bool] = lambda: False,
    ) -> None:
        self._runtime = runtime
        self._buffer = buffer
        self._keeper = keeper
        self._chores = chores
        self._told_to_stop = stops
        self.looked_at = time.monotonic()  # when it last fetched
        self._changed = threading.Condition()
        self._wakes = 0
        self._retries: list[float] = []  # when some are due, by the inbox's clock
        self._stopping = False
        self._troubled = False
        told = runtime.inbox.database.can_notify
        self._poll = POLL_SECONDS if told else POLL_UNTOLD_SECONDS

    def wake(self) -> None:
        """Fetch due events now."""
        with self._changed:
            self._wakes += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Stop fetching."""
        self._stopping = True
        self.wake()

    def saved(self, progress: Sequence[Progress]) -> None:
        """Note which events become due because of these outcomes."""
        freed = False
        with self._changed:
            for each in progress:
                verdict = each.verdict
                if verdict is None:
                    continue
                freed = freed or each.claim.key is not None
                if verdict.due_at is not None and len(self._retries) < _MOST_RETRIES_KNOWN:
                    heapq.heappush(self._retries, verdict.due_at)
                    freed = True  # it may be the soonest
        if freed:
            self.wake()

    def run(self) -> None:
        """Fetch until :meth:`stop` is called."""
        while not self._stopping:
            seen = self._wakes
            try:
                idle = not self._fetch()
            except InboxUnavailable as error:
                idle = True
                if not self._troubled:  # once, not each second of an outage
                    log(_logger, logging.ERROR, "The worker waits for the inbox: %s", error)
                self._troubled = True
            except Exception as error:
                idle = True
                text = type_and_stack(error)
                log(_logger, logging.ERROR, "The worker failed: %s", text)
            if idle:
                self._wait(seen)

    def _fetch(self) -> bool:
        """Fetch what is wanted; ``False`` if there are no more events for now."""
        self._chores()
        self.looked_at = time.monotonic()
        if self._told_to_stop():
            return True
        wanted = self._buffer.wanted(GIVE_BACK_SECONDS / 2)
        if not wanted:
            self._give_back(self._buffer.overdue(GIVE_BACK_SECONDS))
            return True
        claims = self._runtime.inbox.fetch(wanted)
        self._troubled = False
        for claim in claims:
            self._keeper.hold(self._runtime, claim)
        if not self._buffer.put(claims):
            self._give_back(claims)  # this process stops
        return len(claims) == wanted

    def _give_back(self, claims: Sequence[Claim]) -> None:
        if not claims:
            return
        try:
            self._runtime.inbox.save_all([given_back(claim) for claim in claims])
        finally:  # after an error their leases run out
            for claim in claims:
                self._keeper.drop(claim)

    def _wait(self, seen: int) -> None:
        """Wait for :meth:`wake` or the next retry, or until it is time to poll."""
        with self._changed:
            seconds = self._poll if not self._troubled else POLL_UNTOLD_SECONDS
            now = self._runtime.inbox.clock()
            while self._retries and self._retries[0] <= now:
                heapq.heappop(self._retries)
            if self._retries:
                seconds = min(seconds, self._retries[0] - now)
            self._changed.wait_for(lambda: self._stopping or self._wakes != seen, seconds)
