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
    """Has some threads in each process that needs them: none survives a fork."""

    def __init__(self) -> None:
        self.after_fork()
        tell_child(self)
        self._pid: int | None = None
        self._jobs: Mapping[str, Callable[[], None]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._ended = self._short_of_threads = False

    def after_fork(self) -> None:
        """Have a lock that no thread of the parent holds."""
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start the threads that are not there: at first all, later those that ended.

        If the system has no thread to give just now, it is tried again at the next call.
        None is started where threads make no progress: one that stands still could hold a
        lock.
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
        """What each thread does, by its name; and the state that they share."""

    def _end(self) -> list[threading.Thread]:
        """From now on no thread is started. Give those that still run."""
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
