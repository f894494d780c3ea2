"""Settings for SQLite: durable commits, and a wait for the write lock in small steps."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from ..errors import InboxUnavailable
from . import files, forking

#: Seconds that a writer waits for the lock after its arrival. YCloud recommends an answer
#: within six seconds.
LOCK_SECONDS = 2.0
#: It tries at least for so long: a fork or a busy machine may have taken the time before.
_TRYING_SECONDS = 0.1
_STEP_SECONDS = 0.001
_BUSY_SECONDS = 5
_FULL = 2  # the level of PRAGMA synchronous
_BUSY = "ycloud_busy_milliseconds"


def prepare(engine: Engine) -> None:
    """Make the connections of our engine commit durably, to a file of this user only."""

    def connects(*_: Any) -> None:
        files.make_file(engine.url)

    event.listen(engine, "do_connect", connects)
    event.listen(engine, "connect", _make_durable)


def prepare_for_forks(engine: Engine) -> None:
    """Close each connection in a child process, for our engines and those of the app."""

    def connects(_: Any, __: Any, ___: Any, options: dict[str, Any]) -> None:
        options.setdefault("factory", forking.SQLiteConnection)

    def connected(connection: Any, _: Any) -> None:
        # Otherwise a large transaction would be written to the file before its commit.
        connection.execute("PRAGMA cache_spill = OFF").close()

    if engine.dialect.driver == "pysqlite":  # pragma: no branch
        event.listen(engine, "do_connect", connects)
        event.listen(engine, "connect", connected)


def check_durable(connection: Connection) -> None:
    """Check that it commits durably: the app's own engine may be set to be faster.

    :raises InboxUnavailable: if it does not commit durably.
    """
    if connection.exec_driver_sql("PRAGMA synchronous").scalar_one() < _FULL:
        raise InboxUnavailable(
            "The engine in YCLOUD_INBOX_URL commits with PRAGMA synchronous below FULL."
            " Acknowledged events could be lost in a power failure. Set it to FULL."
        )


_this_thread = threading.local()


@contextmanager
def waiting_since(arrival: float) -> Iterator[None]:
    """Measure the wait for the lock from this time on, in a ``with`` block.

    :param arrival: when the writer arrived, by the monotonic clock.
    """
    _this_thread.arrival = arrival
    try:
        yield
    finally:
        _this_thread.arrival = None


def begin_immediate(connection: Connection) -> None:
    """Begin a transaction that holds the write lock.

    A transaction that reads before it writes could not wait for the lock. SQLite's own wait
    sleeps for up to a tenth of a second at a time. So one of several processes may wait
    long while the others take turns. That wait also blocks the whole thread, and under
    gevent this thread may hold the lock.

    :raises sqlite3.OperationalError: if another process holds the lock for too long.
    """
    driver: Any = connection.connection.driver_connection
    before = connection.info.get(_BUSY)
    if before is None:
        ((before,),) = driver.execute("PRAGMA busy_timeout").fetchall()
        connection.info[_BUSY] = before
        # Deleted data is overwritten in the file, also with an engine of the app.
        driver.execute("PRAGMA secure_delete = ON").close()
    arrival = getattr(_this_thread, "arrival", None)
    now = time.monotonic()
    until = max((arrival or now) + LOCK_SECONDS, now + _TRYING_SECONDS)
    driver.execute("PRAGMA busy_timeout = 0").close()
    try:
        while not _has_begun(driver, last=time.monotonic() >= until):
            time.sleep(_STEP_SECONDS)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {before}").close()


def truncate_log(connection: Connection, *, seconds: float = LOCK_SECONDS) -> bool:
    """Move the write-ahead log into the file, and empty the log.

    Deleted data is then in neither of them. Most of the log is moved while other processes
    write. To empty it, no process may read or write. It tries this in small steps.

    :returns: whether the log is empty.
    """
    driver: Any = connection.connection.driver_connection
    ((before,),) = driver.execute("PRAGMA busy_timeout").fetchall()
    until = time.monotonic() + seconds
    driver.execute("PRAGMA busy_timeout = 0").close()
    try:
        while True:
            for how in ("PASSIVE", "TRUNCATE"):
                ((busy, *_),) = driver.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
            if not busy or time.monotonic() >= until:
                return not busy
            time.sleep(_STEP_SECONDS)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {before}").close()


def _has_begun(driver: Any, *, last: bool) -> bool:
    try:
        driver.execute("BEGIN IMMEDIATE").close()
    except sqlite3.OperationalError as error:
        if last or "locked" not in str(error):
            raise
        return False
    return True


def _make_durable(connection: Any, _: Any) -> None:
    """Use WAL, and commits that reach the disk before they return."""
    _use_wal(connection)
    for pragma in (
        "synchronous = FULL",
        "fullfsync = ON",  # on macOS, fsync only writes to the drive's cache
        "secure_delete = ON",  # overwrite deleted data
        f"busy_timeout = {_BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _use_wal(connection: Any) -> None:
    """Switch to WAL. SQLite fails at once if another process writes, so try again."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
