"""Notify other processes that an event is due, without delaying the answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from ..inbox import Database
from .threads import StartsThreads

_PAUSE_SECONDS = 0.02


class Notifying(StartsThreads):
    """Notifies from a thread of its own: once for many events that are due together.

    :param database: the inbox's.
    """

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._due = threading.Event()

    def _make_jobs(self) -> Mapping[str, Callable[[], None]]:
        self._due = threading.Event()
        return {"ycloud-notifier": self._notify}

    def notify(self) -> None:
        """Notify the other processes soon."""
        if self._database.can_notify:
            self.start()
            if self.started:
                self._due.set()
            else:
                self._database.notify()

    def stop(self) -> None:
        """Stop notifying."""
        if self.started:
            self._end()
            self._due.set()

    def _notify(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._ended:
                return
            self._database.notify()
            time.sleep(_PAUSE_SECONDS)  # later events share the next notification
