"""Threads that a process starts when it first needs them, and replaces if they end."""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from ..forks import tell_child
from ..logs import log
from . import servers

_logger = logging.getLogger(__name__)


class StartsThreads(ABC):
    """Has some threads in each process that needs them: threads do not survive a fork."""

    def __init__(self) -> None:
        self.after_fork()
        tell_child(self)
        self._pid: int | None = None
        self._jobs: Mapping[str, Callable[[], None]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._ended = self._short_of_threads = False

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent may have held."""
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start the threads that are missing: at first all, later those that ended.

        If the system cannot start a thread now, the next call tries again. No thread is
        started where threads do not run: a stopped thread could hold a lock.
        """
        if self._pid == os.getpid() and (self._ended or self._all_alive()):
            return
        if not servers.can_start_threads():
            return
        with self._starting:
            if self._pid != os.getpid():
                self._threads = {}
                self._ended = False
                self._jobs = self._make_jobs()
                self._pid = os.getpid()
            if not self._ended:
                self._start_missing()

    @property
    def started(self) -> bool:
        """Whether this process has the threads."""
        return self._pid == os.getpid() and not self._ended

    @abstractmethod
    def _make_jobs(self) -> Mapping[str, Callable[[], None]]:
        """Create the state that the threads share; return what each does, by its name."""

    def _end(self) -> list[threading.Thread]:
        """Start no more threads, and return those that still run."""
        with self._starting:
            self._ended = True
            return [each for each in self._threads.values() if each.is_alive()]

    def _all_alive(self) -> bool:
        threads = self._threads
        return len(threads) == len(self._jobs) and all(
            each.is_alive() for each in threads.values()
        )

    def _start_missing(self) -> None:
        for name, job in self._jobs.items():
            before = self._threads.get(name)
            if before is not None and before.is_alive():
                continue
            if before is not None:
                log(_logger, logging.ERROR, "Thread %s ended; another one starts.", name)
            thread = threading.Thread(target=job, name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                if not self._short_of_threads:  # once, not at each request
                    log(
                        _logger, logging.ERROR,
                        "Thread %s did not start (%s); it is tried again.", name, error,
                    )  # fmt: skip
                self._short_of_threads = True
                return
            self._threads[name] = thread
        self._short_of_threads = False
