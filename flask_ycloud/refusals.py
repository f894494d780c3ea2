"""Counts of refused deliveries: by endpoint and reason, and not a word more."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

from . import vitals
from .errors import InboxUnavailable
from .inbox import Inbox

_logger = logging.getLogger(__name__)

#: Seconds that counts wait for others, so that a flood costs few writes.
WRITE_AFTER_SECONDS = 2.0


class Refusals:
    """Counts in memory, and writes to the inbox by a timer. No refusal waits for that.

    What a process has counted since its last write ends with it.

    :param inbox: gives the inbox.
    """

    def __init__(self, inbox: Callable[[], Inbox]) -> None:
        self._inbox = inbox
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._timer: threading.Timer | None = None

    def count(self, endpoint: str, reason: str) -> None:
        """Count one."""
        with self._lock:
            self._counts[endpoint, reason] += 1
            if self._timer is None or not self._timer.is_alive():
                self._timer = threading.Timer(WRITE_AFTER_SECONDS, self.write)
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> None:
        """Add what was counted to the inbox; keep it if that cannot be done now."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            self._timer = None
        if not counts:
            return
        try:
            vitals.count_refusals(self._inbox(), counts)
        except InboxUnavailable as error:
            _logger.warning("Refusals were not counted yet: %s", error)
            with self._lock:
                self._counts += counts
