"""The claims that wait for a handler thread of this process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from ..inbox import Claim

#: No more claims wait here than the threads finish in these seconds. So other processes
#: get their share, and a process that is killed holds few claims.
AHEAD_SECONDS = 0.1
MOST_AHEAD = 64

_WEIGHT = 0.1  # of the newest event in the mean


class Buffer:
    """Claims that wait for a handler thread.

    :param threads: how many handler threads there are.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        lock = threading.Lock()
        self._work = threading.Condition(lock)  # the threads wait for it
        self._room = threading.Condition(lock)  # the fetcher waits for it
        self._waiting: deque[tuple[float, Claim]] = deque()  # since when, monotonic
        self._idle = 0  # threads that wait for work
        self._mean: float | None = None  # seconds per event
        self._busy: dict[int, float] = {}  # when each thread began its event
        self._closed = False

    def wanted(self, seconds: float) -> int:
        """Wait until more claims are wanted, and return how many; 0 if none are.

        :param seconds: how long to wait at most.
        """
        with self._room:
            self._room.wait_for(lambda: self._closed or self._missing(), seconds)
            return 0 if self._closed else self._missing()

    @property
    def has_room(self) -> bool:
        """Whether an event that is accepted now is fetched at once."""
        return not self._closed and self._missing() > 0

    def put(self, claims: Sequence[Claim]) -> bool:
        """Add claims for the threads, in order; ``False`` if the buffer is closed."""
        now = time.monotonic()
        with self._work:
            if self._closed:
                return False
            self._waiting.extend((now, claim) for claim in claims)
            self._work.notify(len(claims))
            return True

    def take(self) -> Claim | None:
        """Wait for the next claim; ``None`` if the buffer is closed."""
        me = threading.get_ident()
        with self._work:
            began = self._busy.pop(me, None)
            now = time.monotonic()
            if began is not None:
                took, mean = now - began, self._mean
                self._mean = took if mean is None else mean + _WEIGHT * (took - mean)
            self._idle += 1
            if self._missing():
                self._room.notify()
            self._work.wait_for(lambda: self._closed or self._waiting)
            self._idle -= 1
            if self._closed:
                return None
            _, claim = self._waiting.popleft()
            self._busy[me] = time.monotonic()
            return claim

    def leave(self) -> None:
        """Note that this thread ends."""
        with self._work:
            self._busy.pop(threading.get_ident(), None)

    def overdue(self, seconds: float) -> list[Claim]:
        """Remove all claims if the first has waited for so long and no thread is idle.

        Another process may be free to handle them.
        """
        with self._work:
            if not self._waiting or self._idle:
                return []
            if time.monotonic() - self._waiting[0][0] < seconds:
                return []
            return self._empty()

    def close(self) -> list[Claim]:
        """Close the buffer, and remove the claims that wait."""
        with self._work:
            self._closed = True
            self._work.notify_all()
            self._room.notify_all()
            return self._empty()

    def _empty(self) -> list[Claim]:
        claims = [claim for _, claim in self._waiting]
        self._waiting.clear()
        return claims

    def _missing(self) -> int:
        """How many claims to fetch: many at a time, since each fetch costs a commit."""
        waiting, most = len(self._waiting), self._most_ahead()
        if waiting < self._idle or 2 * waiting <= most:
            return max(most, min(self._idle, MOST_AHEAD)) - waiting
        return 0

    def _most_ahead(self) -> int:
        """How many events the threads finish in ``AHEAD_SECONDS``."""
        if self._mean is None:
            return 0
        now = time.monotonic()
        took = [max(self._mean, now - since) for since in list(self._busy.values())]
        took += [self._mean] * (self._threads - len(took))
        soon = sum(AHEAD_SECONDS / max(seconds, 1e-6) for seconds in took)
        return min(MOST_AHEAD, int(soon))
