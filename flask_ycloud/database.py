"""Opening the inbox's database, and commits that its writers share."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from .errors import ConfigurationError, InboxUnavailable
from .tables import make_tables, schema

T = TypeVar("T")
A = TypeVar("A")

_LARGEST_BATCH = 100
_BUSY_SECONDS = 5
_FULL = 2  # SQLite's level of PRAGMA synchronous
_CHANNEL = "ycloud_due"  # of LISTEN and NOTIFY


def open_engine(where: str | URL | Engine, folder: str | Path = ".") -> Engine:
    """The engine for ``YCLOUD_INBOX_URL``. It connects at first use.

    :param where: a database URL, or an engine that somebody else has made.
    :param folder: what a relative path of SQLite starts from.
    :raises ConfigurationError: if it is no database that can hold the inbox.
    """
    if isinstance(where, Engine):
        _check(where.url)
        return where
    try:
        if not isinstance(where, (str, URL)):
            raise ArgumentError
        url = sa.make_url(where)
        _check(url)
        if url.get_backend_name() == "sqlite":
            # What is absolute already stays as it is.
            url = url.set(database=str(Path(folder) / (url.database or "")))
        # Errors must not show parameters: the body is one.
        engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ValueError):
        # From None, and without the value: a URL may hold a password.
        raise ConfigurationError(
            f"YCLOUD_INBOX_URL, a {type(where).__name__}, is no database URL. It takes"
            " sqlite:///path, postgresql+psycopg://user@host/database, or an Engine."
        ) from None
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f"YCLOUD_INBOX_URL needs the module {missing.name!r}, which is not installed."
            " For PostgreSQL: pip install 'flask-ycloud[postgresql]'."
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _make_durable)
    return engine


def _check(url: URL) -> None:
    backend = url.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise ConfigurationError(
            f"YCLOUD_INBOX_URL is a database of {backend!r}. It takes SQLite or PostgreSQL."
        )
    memory = ":memory:" in (url.database or ":memory:") or url.query.get("mode") == "memory"
    if backend == "sqlite" and memory:
        raise ConfigurationError(
            "YCLOUD_INBOX_URL is an SQLite database in memory, which ends with the process."
            " Give it a file; under app.testing leave it unset for a scratch one."
        )


def _make_durable(connection: Any, _: Any) -> None:
    """WAL, and a commit that reaches the disk before it returns."""
    _use_wal(connection)
    for pragma in (
        "synchronous = FULL",
        "fullfsync = ON",  # macOS: its fsync alone stops at the drive's cache
        f"busy_timeout = {_BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _use_wal(connection: Any) -> None:
    """Beside a writer SQLite refuses this at once, and processes may start together."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


class Database:
    """One database from one process: reads, and writes that share their commits.

    It survives a fork: the child starts with connections and locks of its own.

    :param engine: what :func:`open_engine` gave.
    :param owned: whether nobody else uses that engine, so that it ends with this object.
    """

    def __init__(self, engine: Engine, *, owned: bool = False) -> None:
        self.dialect = engine.dialect.name
        self.can_call = engine.dialect.driver == "psycopg"
        self._engine = engine
        if self.dialect == "sqlite":
            self._writing = engine.execution_options()
            # A transaction that reads before it writes could not wait for the lock.
            event.listen(self._writing, "begin", _begin_immediate)
        else:
            # Whatever somebody else's engine is set to: claims count on it.
            self._writing = engine.execution_options(isolation_level="READ COMMITTED")
        self._start_afresh()
        _databases.add(self)
        if owned:
            weakref.finalize(self, engine.dispose)

    def __str__(self) -> str:
        """Where it is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    def _start_afresh(self) -> None:
        self._ready = False
        self._lock = threading.Lock()  # of the two below
        self._waiting: deque[_Write[Any, Any]] = deque()
        self._led = False  # whether somebody writes for all who wait

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        self._engine.dispose(close=False)
        self._start_afresh()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run reads in a transaction of their own.

        :raises InboxUnavailable: if the database cannot be read.
        """
        with self._ready_to_use(), self._engine.connect() as connection:
            return work(connection)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run a write, in one commit with those of other threads that wait just now.

        :param work: it may raise nothing but database errors, which fail the whole batch,
            and may be undone with it.
        :returns: what it returns. It is durable.
        :raises InboxUnavailable: if it was not stored.
        """
        return self.write_together(lambda tx, _: [work(tx)], None)

    def write_together(self, work: Callable[[Connection, list[A]], list[T]], what: A) -> T:
        """Like :meth:`write`, with one call of ``work`` for all that wait with it.

        One thread leads, and writes for all who wait; then one of those who came in the
        meantime leads. A lone write waits for nothing.

        :param work: from what several threads brought to an answer for each.
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

    def write_alone(self, work: Callable[[Connection], T]) -> T:
        """Run a write in a commit of its own, which may lose a race with others.

        :raises InboxUnavailable: if it was not stored.
        """
        with self._ready_to_use(), self._writing.begin() as connection:
            return work(connection)

    def init(self) -> int:
        """Make the tables, or bring them up to date, as the first use would.

        :returns: their version.
        :raises InboxUnavailable: if it cannot be done.
        """
        with self._ready_to_use():
            return self._make_tables()

    def probe(self) -> None:
        """Make a durable write that changes nothing, to see that it can be done.

        :raises InboxUnavailable: if it cannot.
        """
        same = schema.update().values(version=schema.c.version)
        self.write(lambda tx: tx.execute(same))

    def call(self) -> None:
        """Tell those who listen in other processes that an event is due.

        A lost call does no harm: they look by themselves, too, if not as soon.
        """
        if self.can_call:
            notify = sa.select(sa.func.pg_notify(_CHANNEL, ""))
            with suppress(InboxUnavailable):
                self.write_alone(lambda tx: tx.execute(notify))

    def calls(self, seconds: float) -> Generator[bool, None, None]:
        """Listen for calls, on a connection of its own.

        It gives ``True`` for a call, and ``False`` after so many seconds without.

        :raises InboxUnavailable: if the database cannot be reached, or is lost.
        """
        with self._ready_to_use():
            pooled = self._engine.raw_connection()
            connection: Any = pooled.driver_connection
            pooled.detach()
        try:
            connection.autocommit = True
            connection.execute(f"LISTEN {_CHANNEL}")
            while True:
                yield any(True for _ in connection.notifies(timeout=seconds, stop_after=1))
        except self._engine.dialect.loaded_dbapi.Error as error:
            raise InboxUnavailable(f"Listening failed: {type(error).__name__}.") from None
        finally:
            connection.close()

    def transaction(self) -> Transaction:
        """A transaction that opens when it is asked for."""
        return Transaction(self._ready_to_use, self._writing)

    def _write_batch(self) -> None:
        with self._lock:
            count = min(len(self._waiting), _LARGEST_BATCH)
            batch = [self._waiting.popleft() for _ in range(count)]
        error: str | None = "The write was interrupted."
        try:
            with self._ready_to_use(), self._writing.begin() as connection:
                _do_all(connection, batch)
            error = None
        except InboxUnavailable as cause:
            error = str(cause)
        finally:  # whatever happened, nobody is left waiting
            for each in batch:
                each.error = error
                each.turn.release()

    def _withdraw(self, write: _Write[Any, Any]) -> None:
        with self._lock, suppress(ValueError):  # it may be in a batch already
            self._waiting.remove(write)

    def _let_another_lead(self) -> None:
        with self._lock:
            self._led = bool(self._waiting)
            if self._led:
                self._waiting[0].leads = True
                self._waiting[0].turn.release()

    @contextmanager
    def _ready_to_use(self) -> Iterator[None]:
        """See that the tables are there, and turn the driver's errors into ours."""
        try:
            if not self._ready:
                self._make_tables()
                self._ready = True
            yield
        except SQLAlchemyError as error:
            raise _unavailable(error) from None

    def _make_tables(self) -> int:
        path = self._engine.url.database
        if self.dialect == "sqlite" and path:
            try:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InboxUnavailable(f"{Path(path).parent}: {error.strerror}.") from None
        with self._writing.begin() as connection:
            if self.dialect == "sqlite":
                _check_durable(connection)
            return make_tables(connection)


class Transaction:
    """A transaction for somebody else's writes, and one of ours at its end."""

    def __init__(
        self, ready_to_use: Callable[[], AbstractContextManager[None]], engine: Engine
    ) -> None:
        self._ready_to_use = ready_to_use
        self._engine = engine
        self._connection: Connection | None = None

    @property
    def opened(self) -> bool:
        """Whether anybody has asked for the connection."""
        return self._connection is not None

    def open(self) -> Connection:
        """The connection, in its transaction.

        :raises InboxUnavailable: if the database cannot be reached.
        """
        if self._connection is None:
            with self._ready_to_use():
                connection = self._engine.connect()
                connection.begin()
            self._connection = connection
        return self._connection

    def finish(self, work: Callable[[Connection], bool]) -> bool:
        """Run a last write on it and commit; undo everything if that gives ``False``.

        :raises InboxUnavailable: if it was not stored, and is undone.
        """
        connection = self.open()
        with self._ready_to_use():
            done = work(connection)
            if done:
                connection.commit()
            return done

    def close(self) -> None:
        """Undo what was not committed."""
        if self._connection is not None:
            with suppress(SQLAlchemyError):  # a lost connection has undone it already
                self._connection.close()


class _Write(Generic[A, T]):
    """A write that waits for its commit."""

    __slots__ = ("error", "leads", "turn", "value", "what", "work")

    def __init__(self, work: Callable[[Connection, list[A]], list[T]], what: A) -> None:
        self.work = work
        self.what = what
        self.value: T
        self.error: str | None = "The write was interrupted."
        self.leads = False
        self.turn = threading.Lock()  # released when it is written, or to lead
        self.turn.acquire()

    def result(self) -> T:
        if self.error is not None:
            raise InboxUnavailable(self.error)
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


def _check_durable(connection: Connection) -> None:
    """Somebody else's engine may trade durability for speed. We promise it."""
    if connection.exec_driver_sql("PRAGMA synchronous").scalar_one() < _FULL:
        raise InboxUnavailable(
            "The engine in YCLOUD_INBOX_URL commits with PRAGMA synchronous below FULL,"
            " so that power loss could lose what was acknowledged. Set it to FULL."
        )


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _unavailable(error: SQLAlchemyError) -> InboxUnavailable:
    # The driver's text may quote the row that it could not write, so only types.
    cause = getattr(error, "orig", None) or error
    detail = str(cause) if type(cause).__module__ == "sqlite3" else type(cause).__name__
    return InboxUnavailable(f"The inbox's database failed: {detail}.")


_databases: weakref.WeakSet[Database] = weakref.WeakSet()


def _after_fork() -> None:
    for each in list(_databases):
        each.after_fork()


if hasattr(os, "register_at_fork"):  # pragma: no branch  (Windows has no fork)
    os.register_at_fork(after_in_child=_after_fork)
