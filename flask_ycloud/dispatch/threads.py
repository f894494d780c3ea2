"""Threads that a process starts once, when it first needs them."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence


class StartsThreads(ABC):
    """Starts its threads once in each process: none survives a fork."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._pid: int | None = None

    def start(self) -> None:
        """Start the threads, if this process has none yet."""
        if self._pid == os.getpid():
            return
        with self._starting:
            if self._pid == os.getpid():
                return
            threads = self._make_threads()
            self._pid = os.getpid()
            for thread in threads:
                thread.start()

    @abstractmethod
    def _make_threads(self) -> Sequence[threading.Thread]:
        """Make the threads, and the state that they share in this process."""
