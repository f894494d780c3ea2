"""The inbox's database from one process: reads, and writes that share their commits."""

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
    """One database from one process: reads, and writes that share their commits.

    It survives a fork: the child starts with connections and locks of its own.

    :param engine: what :func:`open_engine` gave.
    :param owned: whether nobody else uses that engine, so that it ends with this object.
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
            # Whatever somebody else's engine is set to: claims count on it.
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
        """Driver, host, port and name of the database, and nothing else of its URL."""
        return shown(self._engine)

    def is_missing(self) -> bool:
        """Whether it is an SQLite file that does not exist: its first use creates it."""
        file = self._engine.url.database or ""
        return self.dialect == "sqlite" and not os.path.exists(file)

    def is_in(self, engine: Engine) -> bool:
        """Whether an engine reaches the same tables, as far as its URL tells."""
        return same_database(engine, self._engine)

    def _start_afresh(self) -> None:
        self._ready = False
        self._hash = KeyedHash(b"")
        self._making_tables = threading.Lock()
        self._first_use = threading.Lock()
        self._shared = SharedCommits(self._begin)
        # One statement for all who wait, which needs no transaction around it.
        self._single_shared = SharedCommits(self._unpinged, again=self._pinged)

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        self._engine.dispose(close=False)
        self._start_afresh()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run reads; each sees what was committed before it.

        :raises InboxUnavailable: if the database cannot be read.
        """
        with self._autocommit() as connection:
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

        :param work: from what several threads brought to an answer for each.
        """
        return self._shared.write(work, what)

    def write_single_together(
        self, work: Callable[[Connection, list[A]], list[T]], what: A
    ) -> T:
        """Like :meth:`write_together`, where PostgreSQL needs no transaction for the work.

        That spares it the round trips of BEGIN and COMMIT.
        """
        if self.dialect == "sqlite":
            return self._shared.write(work, what)
        return self._single_shared.write(work, what)

    def write_single(self, work: Callable[[Connection], T]) -> T:
        """Run a write that locks events, which others skip while they are locked.

        On PostgreSQL it must be one statement, which commits by itself as it ends: a
        process that is stopped in the next instant then holds no lock with which nobody
        could take over what it had.

        :raises InboxUnavailable: if it was not stored.
        """
        if self.dialect == "sqlite":  # one writer at a time, whatever they do
            return self.write(work)
        with self._autocommit() as connection:
            return work(connection)

    def init(self) -> int:
        """Make the tables, or bring them up to date, as the first use would.

        :returns: their version.
        :raises InboxUnavailable: if it cannot be done.
        """
        with self._ready_to_use():
            return self._make_tables()

    def keyed(self) -> KeyedHash:
        """Hashes under the random key of this database.

        :raises InboxUnavailable: if the database cannot be read.
        """
        if not self._ready:
            self._wait_until_ready()
        return self._hash

    def hashed(self, value: str | bytes) -> str:
        """The HMAC of a value under the random key of this database: 32 hex digits.

        For what must be found again and not be read, such as the name of a conversation.

        :raises InboxUnavailable: if the database cannot be read.
        """
        return self.keyed().of(value)

    def _wait_until_ready(self) -> None:
        """One connection for all threads that come at once, unless it takes long."""
        alone = self._first_use.acquire(timeout=_FIRST_USE_SECONDS)
        try:
            if not self._ready:
                with self._ready_to_use():
                    pass
        finally:
            if alone:
                self._first_use.release()

    def probe(self) -> None:
        """Make a durable write that changes nothing, to see that it can be done.

        :raises InboxUnavailable: if it cannot.
        """
        same = schema.update().values(version=schema.c.version)
        self.write(lambda tx: tx.execute(same))

    def rehearse(self) -> None:
        """Make a write and take it back, to see that writes work; the disk sees none.

        :raises InboxUnavailable: if they do not.
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
        """Copy an SQLite database while it is in use. Its tables stay as they are.

        :param target: the file to make or to replace.
        :returns: how many events the copy has.
        :raises InboxUnavailable: if there is no inbox, if it cannot be read, or if the copy
            is damaged.
        :raises OSError: if the file cannot be made.
        :raises ValueError: if the file is one of the inbox's own.
        """
        with self._translated(), closing(self._engine.raw_connection()) as connection:
            return back_up(connection.driver_connection, target)

    def notify(self) -> None:
        """Tell the processes that listen that an event is due.

        A lost notification does no harm: they look by themselves, too, if not as soon.
        """
        if self._notifier is not None:
            with suppress(InboxUnavailable), self._translated():
                self._notifier.notify()

    def notifications(self, seconds: float) -> Generator[bool, None, None]:
        """Listen for notifications: ``True`` for each, ``False`` after so many seconds.

        :raises InboxUnavailable: if the database cannot be reached, or is lost.
        """
        assert self._notifier is not None, "can_notify says so"
        with self._ready_to_use():
            yield from self._notifier.notifications(seconds)

    def transaction(self, before_open: Callable[[], None] = lambda: None) -> Transaction:
        """A transaction that opens when it is asked for.

        :param before_open: called before that.
        """
        return Transaction(self._ready_to_use, self._writing, before_open)

    def truncate_log(self) -> bool:
        """Have what was deleted disappear from SQLite's write-ahead log, too.

        :returns: whether it has; not if others read or wrote all the time. On PostgreSQL
            there is nothing to do.
        :raises InboxUnavailable: if the database cannot be reached.
        """
        return self.dialect != "sqlite" or self.read(sqlite.truncate_log)

    def readable_by_others(self) -> list[str]:
        """The files with events that every user of the machine may read."""
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
        if self._ready:  # pragma: no branch  (another thread may have said it just now)
            message = "%s was removed or replaced while it was open. It is opened anew."
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
        """Like :meth:`_autocommit`, without a round trip to see that it is connected.

        :raises LostConnection: if it was not.
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

        :raises InboxUnavailable: whatever the driver raises, if there can be none.
        """
        try:
            return engine.connect()
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error, InboxUnavailable):
            raise
        except Exception as error:
            # A TypeError for an option in the URL, or of SQLAlchemy for SQL_ASCII.
            kind = type(error).__name__
            raise InboxUnavailable(
                f"The inbox's database cannot be connected to: {kind}. Are the options in"
                " YCLOUD_INBOX_URL right, and is the database's encoding UTF8?"
            ) from None

    @contextmanager
    def _ready_to_use(self) -> Iterator[None]:
        """See that the tables are there, and turn the driver's errors into ours."""
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
        except (UnicodeError, OverflowError) as error:  # of a value, on its way there
            raise NotStorable(f"It cannot be stored: {type(error).__name__}.") from None

    def _make_ready(self) -> None:
        with self._connected(self._single) as connection:
            if self.dialect == "sqlite":
                sqlite.check_durable(connection)
            else:
                postgresql.check_encoding(connection)
            # To ask first takes no lock: a process that was stopped while it held that of
            # the tables would keep all others from starting.
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
        ours and "InterfaceError" in kinds  # of a value of an odd type
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
