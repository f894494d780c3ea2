"""The inbox's database, as one process uses it: reads, and writes that share commits."""

from __future__ import annotations

import logging
import os
import re
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ..errors import InboxUnavailable
from ..forks import tell_child
from ..logs import log
from . import files, forking, postgresql, sqlite
from .backups import back_up
from .commits import Locked, LostConnection, NotStorable, SharedCommits
from .engine import same_database, shown
from .hashes import KeyedHash
from .notifications import notifier_for
from .tables import are_current, make_tables, schema, secret_of
from .transactions import Transaction, refuse_early_commits

_logger = logging.getLogger(__name__)

#: Seconds that other threads wait for the first one to open the database.
_FIRST_USE_SECONDS = 0.5

T = TypeVar("T")
A = TypeVar("A")


class Database:
    """The database, as one process uses it: reads, and writes that share commits.

    It survives a fork: the child process gets its own connections and locks.

    :param engine: what :func:`open_engine` returned.
    :param owned: whether nothing else uses that engine. It is then disposed of together
        with this object.
    """

    def __init__(self, engine: Engine, *, owned: bool = False) -> None:
        self.dialect = engine.dialect.name
        self.driver = engine.dialect.driver
        self._engine = engine
        self._notifier = notifier_for(engine)
        self.can_notify = self._notifier is not None
        if self.dialect == "sqlite":
            self._writing = engine.execution_options()
            self._single = engine
            event.listen(self._writing, "begin", sqlite.begin_immediate)
            sqlite.prepare_for_forks(engine)
            files.watch(engine, self._file_is_gone)
        else:
            # Claims need this isolation level, whatever the app has set on its engine.
            self._writing = engine.execution_options(isolation_level="READ COMMITTED")
            self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
            postgresql.mind_the_loss(engine)
            event.listen(engine, "connect", lambda driver, _: forking.note_socket(driver))
        refuse_early_commits(self._writing)
        self._start_afresh()
        tell_child(self)
        if owned:
            weakref.finalize(self, engine.dispose)

    def __str__(self) -> str:
        """The driver, host, port and name of the database, without the rest of its URL."""
        return shown(self._engine)

    def is_missing(self) -> bool:
        """Whether it is an SQLite file that does not exist: its first use creates it."""
        file = self._engine.url.database or ""
        return self.dialect == "sqlite" and not os.path.exists(file)

    def is_in(self, engine: Engine) -> bool:
        """Whether an engine uses the same tables, judging by its URL."""
        return same_database(engine, self._engine)

    def _start_afresh(self) -> None:
        self._ready = False
        self._hash = KeyedHash(b"")
        self._making_tables = threading.Lock()
        self._first_use = threading.Lock()
        self._shared = SharedCommits(self._begin)
        # Its one statement serves all threads that wait, and needs no transaction.
        self._single_shared = SharedCommits(self._unpinged, again=self._pinged)

    def after_fork(self) -> None:
        """Drop the parent's connections without closing them: the parent uses them."""
        self._engine.dispose(close=False)
        self._start_afresh()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run reads. Each sees everything that was committed before it.

        :raises InboxUnavailable: if the database cannot be read.
        """
        with self._autocommit() as connection:
            return work(connection)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run a write, in one commit with the writes of other threads that wait now.

        :param work: the write. It may raise database errors only. An error fails the whole
            batch. The write may be rolled back with its batch and run again.
        :returns: what ``work`` returns. The write is durable then.
        :raises InboxUnavailable: if the write was not stored.
        """
        return self.write_together(lambda tx, _: [work(tx)], None)

    def write_together(self, work: Callable[[Connection, list[A]], list[T]], what: A) -> T:
        """Like :meth:`write`, with one call of ``work`` for all threads that wait.

        :param work: takes the ``what`` of each thread, and returns an answer for each.
        """
        return self._shared.write(work, what)

    def write_single_together(
        self, work: Callable[[Connection, list[A]], list[T]], what: A
    ) -> T:
        """Like :meth:`write_together`, for work that is one statement on PostgreSQL.

        Without a transaction it saves the round trips of BEGIN and COMMIT.
        """
        if self.dialect == "sqlite":
            return self._shared.write(work, what)
        return self._single_shared.write(work, what)

    def write_single(self, work: Callable[[Connection], T]) -> T:
        """Run a write that locks events. Other processes skip the events meanwhile.

        On PostgreSQL it must be one statement, which commits automatically when it ends.
        A process that is stopped right after it then holds no lock, so other processes can
        take over its events.

        :raises InboxUnavailable: if the write was not stored.
        """
        if self.dialect == "sqlite":  # it has one writer at a time anyway
            return self.write(work)
        with self._autocommit() as connection:
            return work(connection)

    def init(self) -> int:
        """Create the tables, or bring them up to date, as the first use does.

        :returns: the version of the tables.
        :raises InboxUnavailable: if they cannot be created or changed.
        """
        with self._ready_to_use():
            return self._make_tables()

    def keyed(self) -> KeyedHash:
        """Hashes with the random key of this database.

        :raises InboxUnavailable: if the database cannot be read.
        """
        if not self._ready:
            self._wait_until_ready()
        return self._hash

    def hashed(self, value: str | bytes) -> str:
        """The HMAC of a value with the random key of this database, as 32 hex digits.

        It serves values that are searched for but must not be readable, such as the name
        of a conversation.

        :raises InboxUnavailable: if the database cannot be read.
        """
        return self.keyed().of(value)

    def _wait_until_ready(self) -> None:
        """Let one thread open the database while the others wait, for a limited time."""
        alone = self._first_use.acquire(timeout=_FIRST_USE_SECONDS)
        try:
            with self._ready_to_use():
                pass
        finally:
            if alone:
                self._first_use.release()

    def probe(self) -> None:
        """Check that durable writes work, with a write that changes nothing.

        :raises InboxUnavailable: if the write fails.
        """
        same = schema.update().values(version=schema.c.version)
        self.write(lambda tx: tx.execute(same))

    def rehearse(self) -> None:
        """Check that writes work, with a write that is rolled back and not written to disk.

        :raises InboxUnavailable: if the write fails.
        """
        same = schema.update().values(version=schema.c.version)
        with (
            self._ready_to_use(),
            self._connected(self._writing) as connection,
            postgresql.answering(connection),
        ):
            transaction = connection.begin()
            try:
                connection.execute(same)
            finally:
                transaction.rollback()

    def back_up(self, target: Path) -> int:
        """Copy an SQLite database while it is in use. The tables are not upgraded.

        :param target: the file to create or to replace.
        :returns: how many events the copy has.
        :raises InboxUnavailable: if there is no inbox, if it cannot be read, or if the copy
            is damaged.
        :raises OSError: if the file cannot be created.
        :raises ValueError: if the file is one of the inbox's own.
        """
        with self._translated(), closing(self._engine.raw_connection()) as connection:
            return back_up(connection.driver_connection, target)

    def notify(self) -> None:
        """Notify the listening processes that an event is due.

        A lost notification does no harm: the processes also poll, but find the event later.
        """
        if self._notifier is not None:
            with suppress(InboxUnavailable), self._translated():
                self._notifier.notify()

    def notifications(self, seconds: float) -> Generator[bool, None, None]:
        """Listen for notifications.

        It yields ``True`` for each, and ``False`` when none came for so many seconds.

        :raises InboxUnavailable: if the database cannot be reached, or the connection is
            lost.
        """
        assert self._notifier is not None, "can_notify is False"
        with self._ready_to_use():
            yield from self._notifier.notifications(seconds)

    def transaction(self, before_open: Callable[[], None] = lambda: None) -> Transaction:
        """A transaction that opens at its first use.

        :param before_open: called before the transaction opens.
        """
        return Transaction(self._ready_to_use, self._writing, before_open)

    def truncate_log(self) -> bool:
        """Remove deleted data from SQLite's write-ahead log, too.

        :returns: whether the log is empty. It is not if other processes read or wrote all
            the time. On PostgreSQL there is nothing to do, and it is ``True``.
        :raises InboxUnavailable: if the database cannot be reached.
        """
        return self.dialect != "sqlite" or self.read(sqlite.truncate_log)

    def what_may_be_lost(self) -> list[str]:
        """The settings of PostgreSQL with which its crash loses acknowledged events.

        SQLite is checked at the first use.

        :raises InboxUnavailable: if the database cannot be read.
        """
        return [] if self.dialect == "sqlite" else self.read(postgresql.what_may_be_lost)

    def readable_by_others(self) -> list[str]:
        """The SQLite files with events that every user of the machine may read."""
        if self.dialect != "sqlite":
            return []
        return files.readable_by_others(self._engine.url.database or "")

    @contextmanager
    def _begin(self, arrival: float) -> Iterator[Connection]:
        with (
            sqlite.waiting_since(arrival),
            self._ready_to_use(),
            self._connected(self._writing) as connection,
            postgresql.answering(connection),
        ):
            with connection.begin():
                yield connection
            if (path := files.removed(connection)) is not None:
                self._file_is_gone(path)
                raise InboxUnavailable(f"{path} was removed or replaced during the write.")

    def _file_is_gone(self, path: str) -> None:
        if self._ready:  # pragma: no branch  (another thread may have logged it just now)
            message = "%s was removed or replaced while it was open. It is opened again."
            log(_logger, logging.ERROR, message, path)
        self._ready = False

    @contextmanager
    def _autocommit(self) -> Iterator[Connection]:
        with (
            self._ready_to_use(),
            self._connected(self._single) as connection,
            postgresql.answering(connection),
        ):
            yield connection

    @contextmanager
    def _unpinged(self, _: float) -> Iterator[Connection]:
        """Like :meth:`_autocommit`, without a round trip that checks the connection.

        :raises LostConnection: if the connection was lost before.
        """
        with self._ready_to_use():
            with postgresql.pinging(False):
                connection = self._connected(self._single)
            with connection, postgresql.answering(connection):
                try:
                    yield connection
                except self._engine.dialect.loaded_dbapi.Error as error:
                    if connection.invalidated and not postgresql.is_late(error):
                        raise LostConnection(str(_unavailable(error, ""))) from None
                    raise

    @contextmanager
    def _pinged(self, _: float) -> Iterator[Connection]:
        with postgresql.pinging(True), self._autocommit() as connection:
            yield connection

    def _connected(self, engine: Engine) -> Connection:
        """A connection.

        :raises InboxUnavailable: if the driver raises an error of another kind.
        """
        try:
            return engine.connect()
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error, InboxUnavailable):
            raise
        except Exception as error:
            # For example a TypeError: the driver raises it for a wrong option in the URL,
            # SQLAlchemy for the encoding SQL_ASCII.
            kind = type(error).__name__
            raise InboxUnavailable(
                f"Connecting to the inbox's database failed: {kind}. Check the options in"
                " YCLOUD_INBOX_URL, and that the database's encoding is UTF8."
            ) from None

    @contextmanager
    def _ready_to_use(self) -> Iterator[None]:
        """Check that the tables exist, and turn the driver's errors into ours."""
        with self._translated():
            if not self._ready:
                self._make_ready()
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        driver_error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        try:
            yield
        except (SQLAlchemyError, driver_error) as error:
            if _is_without_tables(error):
                self._ready = False  # the next use creates them
            raise _unavailable(error, self._engine.url.database or "") from None
        except (UnicodeError, OverflowError) as error:  # the driver cannot encode a value
            raise NotStorable(
                f"A value cannot be stored: {type(error).__name__}."
            ) from None

    def _make_ready(self) -> None:
        with self._connected(self._single) as connection:
            if self.dialect == "sqlite":
                sqlite.check_durable(connection)
            else:
                postgresql.check_settings(connection)
            # This check takes no lock. A process that was stopped while it held the lock of
            # the tables would otherwise keep all other processes from starting.
            current = are_current(connection)
            if current:
                self._hash = KeyedHash(secret_of(connection))
        with self._making_tables:
            if not (current or self._ready):
                self._make_tables()
            self._ready = True

    def _make_tables(self) -> int:
        with self._writing.begin() as connection:
            version = make_tables(connection)
            self._hash = KeyedHash(secret_of(connection))
            return version


_USER = re.compile(r'\b(user|role) "[^"]*"')


def _cause(error: Exception) -> Any:
    return getattr(error, "orig", None) or error


def _is_without_tables(error: Exception) -> bool:
    cause = _cause(error)
    return getattr(cause, "sqlstate", None) == "42P01" or "no such table" in str(cause)


def _unavailable(error: Exception, file: str) -> InboxUnavailable:
    """The error to raise for one of the driver.

    :param file: the path of the database, if it is one of SQLite.
    """
    cause = _cause(error)
    state = getattr(cause, "sqlstate", None) or ""
    kinds = {each.__name__ for each in type(cause).__mro__}
    ours = type(cause).__module__ == "sqlite3"
    refused = kinds & {"DataError", "IntegrityError", "ProgrammingError"} or (
        ours and "InterfaceError" in kinds  # a value of an unsupported type
    )
    if refused and not _is_without_tables(error):
        # The driver's text may quote the row that it could not write.
        detail = str(cause) if ours else type(cause).__name__
        return NotStorable(f"The inbox's database failed: {detail}.")
    first, *_ = str(cause).strip().splitlines() or [""]
    kind = f"{type(cause).__name__}{f' {state}' if state else ''}"
    text = _USER.sub(r"\1 …", first.rstrip("."))
    if ours and "unable to open" in text:  # SQLite does not say which file
        text = files.not_opened(file)
    error_of = Locked if ours and "locked" in text else InboxUnavailable
    return error_of(f"The inbox's database failed: {text} ({kind}).")
