"""What SQLite needs: durable commits, and a wait for the write lock in small steps."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine

from ..errors import InboxUnavailable

#: Seconds that a writer waits for the lock. A delivery may wait for a commit before its
#: own, and YCloud recommends an answer within six.
LOCK_SECONDS = 2.0
_STEP_SECONDS = 0.001
_BUSY_SECONDS = 5
_FULL = 2  # the level of PRAGMA synchronous
_BUSY = "ycloud_busy_milliseconds"


def prepare(engine: Engine) -> None:
    """Have each connection of an engine of ours commit durably."""
    event.listen(engine, "connect", _make_durable)


def make_folder(url: URL) -> None:
    """Make the folder of the file, if it is not there.

    :raises InboxUnavailable: if it cannot be made.
    """
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InboxUnavailable(f"{folder}: {error.strerror}.") from None


def check_durable(connection: Connection) -> None:
    """See that it commits durably: somebody else's engine may trade that for speed.

    :raises InboxUnavailable: if it does not.
    """
    if connection.exec_driver_sql("PRAGMA synchronous").scalar_one() < _FULL:
        raise InboxUnavailable(
            "The engine in YCLOUD_INBOX_URL commits with PRAGMA synchronous below FULL,"
            " so that power loss could lose what was acknowledged. Set it to FULL."
        )


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
    until = time.monotonic() + LOCK_SECONDS
    driver.execute("PRAGMA busy_timeout = 0").close()
    try:
        while not _has_begun(driver, last=time.monotonic() >= until):
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
