"""``YCLOUD_INBOX_URL`` → a SQLAlchemy engine that commits durably."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from ..errors import ConfigurationError, InboxUnavailable

_BUSY_SECONDS = 5
_IDLE_SECONDS = 5.0
_FULL = 2  # SQLite's level of PRAGMA synchronous


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
        engine = sa.create_engine(url, hide_parameters=True)
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
    else:
        _ping_what_was_idle(engine)
    return engine


_this_thread = threading.local()


@contextmanager
def pinging(always: bool) -> Iterator[None]:
    """Ping each connection that is taken in a ``with`` block, or none.

    None is for who can try again with another one; and each is for that try.
    """
    _this_thread.pings = always
    try:
        yield
    finally:
        _this_thread.pings = None


def make_folder(url: URL) -> None:
    """Make the folder of an SQLite file, if it is not there.

    :raises InboxUnavailable: if it cannot be made.
    """
    if url.get_backend_name() == "sqlite" and url.database:
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InboxUnavailable(f"{folder}: {error.strerror}.") from None


def check_durable(connection: Connection) -> None:
    """See that it commits durably: somebody else's engine may trade that for speed.

    :raises InboxUnavailable: if it does not.
    """
    if connection.dialect.name != "sqlite":
        return
    if connection.exec_driver_sql("PRAGMA synchronous").scalar_one() < _FULL:
        raise InboxUnavailable(
            "The engine in YCLOUD_INBOX_URL commits with PRAGMA synchronous below FULL,"
            " so that power loss could lose what was acknowledged. Set it to FULL."
        )


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


def _ping_what_was_idle(engine: Engine) -> None:
    """See that a connection is still there before its use, if it was not used of late.

    SQLAlchemy's pre-ping would cost each of the statements that follow one another in a
    busy process a round trip more.
    """

    def came_back(_: Any, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    def goes_out(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
        since = record.info.get("idle_since")
        if since is None:
            return  # it is new
        pings = getattr(_this_thread, "pings", None)
        if pings is None:
            pings = time.monotonic() - since >= _IDLE_SECONDS
        if not pings:
            return
        try:
            alive = engine.dialect.do_ping(connection)  # SQLAlchemy 2.0.0 says it so
        except engine.dialect.loaded_dbapi.Error:
            alive = False
        if not alive:
            raise InvalidatePoolError  # it opens another, and asks no more

    event.listen(engine, "checkin", came_back)
    event.listen(engine, "checkout", goes_out)
