"""Commits that the writers of a process share."""

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
    """The database is there, and refuses a value."""


class Locked(InboxUnavailable):
    """Another process has the write lock for longer than a writer waits."""


class LostConnection(InboxUnavailable):
    """The connection was lost before or while it was used."""


class SharedCommits:
    """Writes of many threads, in as few commits as come out.

    One thread leads. Once its transaction has begun it writes for all who wait; then one of
    those who came in the meantime leads. A lone write waits for nothing.

    :param begin: a transaction, committed at the end of the ``with`` block. It is called
        with the time, by the monotonic clock, at which the one who leads came.
    :param again: another one, for writes that may be done twice: where the connection of
        the first was lost.
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
        self._led = False  # whether somebody writes for all who wait

    def write(self, work: Callable[[Connection, list[A]], list[T]], what: A) -> T:
        """Have it written, and give what came of it. It is durable then.

        :param work: from what several threads brought to an answer for each.
        :raises InboxUnavailable: if it was not stored.
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
        except BaseException:  # a signal, while it waited
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
                # One of them has a value that cannot be stored: only that one shall fail.
                for each in batch:
                    self._commit(leader, [each])
        finally:  # whatever happened, nobody is left waiting
            for each in batch:
                each.turn.release()

    def _commit(self, leader: _Write[Any, Any], batch: list[_Write[Any, Any]]) -> bool:
        """Write in one commit; ``False`` if the database refuses a value.

        :param batch: what is written. If it is empty, those who wait are put into it.
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
        except Exception as cause:  # each driver has errors of its own for odd values
            error = NotStorable(f"It cannot be stored: {type(cause).__name__}.")
        finally:
            # Who came later than the leader may still wait for a lock; not for an outage.
            self._take(batch, 1 if isinstance(error, Locked) else _LARGEST_BATCH)
            for each in batch:
                each.error = error
        return not isinstance(error, NotStorable)

    def _take(self, batch: list[_Write[Any, Any]], most: int = _LARGEST_BATCH) -> None:
        """Put those who wait into a batch that is empty; the one who leads is the first."""
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
        self.turn = threading.Lock()  # released when it is written, or to lead
        self.turn.acquire()

    def result(self) -> T:
        if self.error is not None:
            # One of its own: several threads raise it.
            raise type(self.error)(str(self.error))
        return self.value


def _do_all(connection: Connection, batch: list[_Write[Any, Any]]) -> None:
    """Do the writes of a batch, those of the same work in one call."""
    alike: dict[Any, list[_Write[Any, Any]]] = {}
    for each in batch:
        alike.setdefault(each.work, []).append(each)
    for work, writes in alike.items():
        values = work(connection, [each.what for each in writes])
        for each, value in zip(writes, values, strict=True):
            each.value = value
