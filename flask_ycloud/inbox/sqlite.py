"""What SQLite needs: durable commits, and a wait for the write lock in small steps."""

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

#: Seconds that a writer waits for the lock, from when it comes. YCloud recommends an answer
#: within six.
LOCK_SECONDS = 2.0
_STEP_SECONDS = 0.001
_BUSY_SECONDS = 5
_FULL = 2  # the level of PRAGMA synchronous
_BUSY = "ycloud_busy_milliseconds"


def prepare(engine: Engine) -> None:
    """Have each connection of an engine of ours commit durably, to a file of ours alone."""

    def connects(*_: Any) -> None:
        files.make_file(engine.url)

    event.listen(engine, "do_connect", connects)
    event.listen(engine, "connect", _make_durable)


def prepare_for_forks(engine: Engine) -> None:
    """Have each connection closed in a child process, whoever made the engine."""

    def connects(_: Any, __: Any, ___: Any, options: dict[str, Any]) -> None:
        options.setdefault("factory", forking.SQLiteConnection)

    def connected(connection: Any, _: Any) -> None:
        # Else a large transaction would be in the file before its commit.
        connection.execute("PRAGMA cache_spill = OFF").close()

    if engine.dialect.driver == "pysqlite":  # pragma: no branch
        event.listen(engine, "do_connect", connects)
        event.listen(engine, "connect", connected)


def check_durable(connection: Connection) -> None:
    """See that it commits durably: somebody else's engine may trade that for speed.

    :raises InboxUnavailable: if it does not.
    """
    if connection.exec_driver_sql("PRAGMA synchronous").scalar_one() < _FULL:
        raise InboxUnavailable(
            "The engine in YCLOUD_INBOX_URL commits with PRAGMA synchronous below FULL,"
            " so that power loss could lose what was acknowledged. Set it to FULL."
        )


_this_thread = threading.local()


@contextmanager
def waiting_since(arrival: float) -> Iterator[None]:
    """Wait for the lock no longer than from then on, in a ``with`` block.

    :param arrival: by the monotonic clock.
    """
    _this_thread.arrival = arrival
    try:
        yield
    finally:
        _this_thread.arrival = None


def begin_immediate(connection: Connection) -> None:
    """Begin a transaction that holds the write lock.

    A transaction that reads before it writes could not wait for the lock. SQLite's own
    wait sleeps for up to a tenth of a second at a time, so that of several processes one
    may wait long while the others take turns. And it blocks the whole thread, which under
    gevent is that of the one who holds the lock.

    :raises sqlite3.OperationalError: if another process holds it for too long.
    """
    driver: Any = connection.connection.driver_connection
    before = connection.info.get(_BUSY)
    if before is None:
        ((before,),) = driver.execute("PRAGMA busy_timeout").fetchall()
        connection.info[_BUSY] = before
        # What is erased is overwritten in the file, whoever made the engine.
        driver.execute("PRAGMA secure_delete = ON").close()
    arrival = getattr(_this_thread, "arrival", None)
    until = (time.monotonic() if arrival is None else arrival) + LOCK_SECONDS
    driver.execute("PRAGMA busy_timeout = 0").close()
    try:
        while not _has_begun(driver, last=time.monotonic() >= until):
            time.sleep(_STEP_SECONDS)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {before}").close()


def truncate_log(connection: Connection, *, seconds: float = LOCK_SECONDS) -> bool:
    """Move the write-ahead log into the file, and empty it.

    What was deleted is then in neither. Most is moved while others write; to empty the log
    takes a moment in which nobody reads or writes, which is looked for in small steps.

    :returns: whether it is empty.
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
    """WAL, and a commit that reaches the disk before it returns."""
    _use_wal(connection)
    for pragma in (
        "synchronous = FULL",
        "fullfsync = ON",  # macOS: its fsync alone stops at the drive's cache
        "secure_delete = ON",  # what was deleted is overwritten
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
