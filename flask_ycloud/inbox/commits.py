"""Commits that the writing threads of a process share."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Generic, TypeVar

from sqlalchemy.engine import Connection

from ..errors import InboxUnavailable

T = TypeVar("T")
A = TypeVar("A")

_LARGEST_BATCH = 100


class NotStorable(InboxUnavailable):
    """The database is available, but it rejects a value."""


class Locked(InboxUnavailable):
    """Another process has the write lock for longer than a writer waits."""


class LostConnection(InboxUnavailable):
    """The connection was lost before or while it was used."""


class SharedCommits:
    """Writes of many threads, in few commits.

    One thread leads. When its transaction has begun, it writes for all threads that wait.
    Then one of the threads that arrived in the meantime leads. A single write never waits.

    :param begin: opens a transaction, which is committed at the end of the ``with`` block.
        Its argument is when the leading thread arrived, by the monotonic clock.
    :param again: opens another transaction when the connection of the first was lost. It
        is for writes that may be done twice.
    """

    def __init__(
        self,
        begin: Callable[[float], AbstractContextManager[Connection]],
        *,
        again: Callable[[float], AbstractContextManager[Connection]] | None = None,
    ) -> None:
        self._begin = begin
        self._again = again or begin
        self._lock = threading.Lock()  # of the two below
        self._waiting: deque[_Write[Any, Any]] = deque()
        self._led = False  # whether a thread leads now

    def write(self, work: Callable[[Connection, list[A]], list[T]], what: A) -> T:
        """Write, and return the answer of ``work``. The write is durable then.

        :param work: takes the ``what`` of each thread, and returns an answer for each.
        :raises InboxUnavailable: if the write was not stored.
        """
        mine = _Write(work, what)
        with self._lock:
            self._waiting.append(mine)
            mine.leads, self._led = not self._led, True
        try:
            if not mine.leads:
                mine.turn.acquire()  # until it is written, or this thread is to lead
            if mine.leads:
                self._write_batch(mine)
        except BaseException:  # a signal interrupted the wait
            self._withdraw(mine)
            raise
        finally:
            if mine.leads:
                self._let_another_lead()
        return mine.result()

    def _write_batch(self, leader: _Write[Any, Any]) -> None:
        batch: list[_Write[Any, Any]] = []
        try:
            if not self._commit(leader, batch) and len(batch) > 1:
                # One write has a value that cannot be stored. Only that one must fail.
                for each in batch:
                    self._commit(leader, [each])
        finally:  # no thread may wait for ever, whatever happened
            for each in batch:
                each.turn.release()

    def _commit(self, leader: _Write[Any, Any], batch: list[_Write[Any, Any]]) -> bool:
        """Write in one commit.

        :param batch: the writes. If it is empty, the waiting writes are put into it.
        :returns: ``False`` if the database rejects a value.
        """
        error: InboxUnavailable | None = InboxUnavailable("The write was interrupted.")
        try:
            try:
                with self._begin(leader.arrival) as connection:
                    self._take(batch)
                    _do_all(connection, batch)
            except LostConnection:
                with self._again(leader.arrival) as connection:
                    self._take(batch)
                    _do_all(connection, batch)
            error = None
        except InboxUnavailable as cause:
            error = cause
        except Exception as cause:  # drivers raise various errors for unsupported values
            name = type(cause).__name__
            error = NotStorable(f"A value cannot be stored: {name}.")
        finally:
            # A lock fails only the leader: threads that arrived later may wait longer. Any
            # other failure is an outage, which fails all of them.
            self._take(batch, 1 if isinstance(error, Locked) else _LARGEST_BATCH)
            for each in batch:
                each.error = error
        return not isinstance(error, NotStorable)

    def _take(self, batch: list[_Write[Any, Any]], most: int = _LARGEST_BATCH) -> None:
        """Put the waiting writes into a batch that is empty. The leader's is the first."""
        if batch:
            return
        with self._lock:
            count = min(len(self._waiting), most)
            batch.extend(self._waiting.popleft() for _ in range(count))

    def _withdraw(self, write: _Write[Any, Any]) -> None:
        with self._lock, suppress(ValueError):  # it may be in a batch already
            self._waiting.remove(write)

    def _let_another_lead(self) -> None:
        with self._lock:
            self._led = bool(self._waiting)
            if self._led:
                self._waiting[0].leads = True
                self._waiting[0].turn.release()


class _Write(Generic[A, T]):
    """A write that waits for its commit."""

    __slots__ = ("arrival", "error", "leads", "turn", "value", "what", "work")

    def __init__(self, work: Callable[[Connection, list[A]], list[T]], what: A) -> None:
        self.arrival = time.monotonic()
        self.work = work
        self.what = what
        self.value: T
        self.error: InboxUnavailable | None = InboxUnavailable("The write was interrupted.")
        self.leads = False
        self.turn = threading.Lock()  # released when it is written, or when it leads
        self.turn.acquire()

    def result(self) -> T:
        if self.error is not None:
            # A new error for each thread: several threads raise it.
            raise type(self.error)(str(self.error))
        return self.value


def _do_all(connection: Connection, batch: list[_Write[Any, Any]]) -> None:
    """Do the writes of a batch, with one call for all that have the same work."""
    alike: dict[Any, list[_Write[Any, Any]]] = {}
    for each in batch:
        alike.setdefault(each.work, []).append(each)
    for work, writes in alike.items():
        values = work(connection, [each.what for each in writes])
        for each, value in zip(writes, values, strict=True):
            each.value = value
