"""Commits that the writers of a process share."""

from __future__ import annotations

import threading
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


class LostConnection(InboxUnavailable):
    """The connection was lost before or while it was used."""


class SharedCommits:
    """Writes of many threads, in as few commits as come out.

    One thread leads, and writes for all who wait; then one of those who came in the
    meantime leads. A lone write waits for nothing.

    :param begin: a transaction, committed at the end of the ``with`` block.
    :param again: another one, for writes that may be done twice: where the connection of
        the first was lost.
    """

    def __init__(
        self,
        begin: Callable[[], AbstractContextManager[Connection]],
        *,
        again: Callable[[], AbstractContextManager[Connection]] | None = None,
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
                self._write_batch()
        except BaseException:  # a signal, while it waited
            self._withdraw(mine)
            raise
        finally:
            if mine.leads:
                self._let_another_lead()
        return mine.result()

    def _write_batch(self) -> None:
        with self._lock:
            count = min(len(self._waiting), _LARGEST_BATCH)
            batch = [self._waiting.popleft() for _ in range(count)]
        try:
            if not self._commit(batch) and len(batch) > 1:
                # One of them has a value that cannot be stored: only that one shall fail.
                for each in batch:
                    self._commit([each])
        finally:  # whatever happened, nobody is left waiting
            for each in batch:
                each.turn.release()

    def _commit(self, batch: list[_Write[Any, Any]]) -> bool:
        """Write in one commit; ``False`` if the database refuses a value."""
        error: InboxUnavailable | None = InboxUnavailable("The write was interrupted.")
        try:
            try:
                with self._begin() as connection:
                    _do_all(connection, batch)
            except LostConnection:
                with self._again() as connection:
                    _do_all(connection, batch)
            error = None
        except InboxUnavailable as cause:
            error = cause
        except Exception as cause:  # each driver has errors of its own for odd values
            error = NotStorable(f"It cannot be stored: {type(cause).__name__}.")
        finally:
            for each in batch:
                each.error = error
        return not isinstance(error, NotStorable)

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

    __slots__ = ("error", "leads", "turn", "value", "what", "work")

    def __init__(self, work: Callable[[Connection, list[A]], list[T]], what: A) -> None:
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
