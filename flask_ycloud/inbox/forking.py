"""Connections when the process forks: the child uses no connection of the parent.

SQLite keeps in memory which locks it holds and which files are open. A fork copies this
memory, but not the locks. So no thread may be in SQLite while the process forks, and the
child closes the inherited connections: then SQLite knows of no open file there.

If a transaction is open, the parent's threads wait until the child has closed them. The
child rolls the transaction back by comparison with memory that both share. It would change
that memory if the parent had written meanwhile.

A socket would be shared, too. The child replaces it with ``/dev/null``. So nothing that the
child does reaches the server, and the server notices the end of the parent.
"""

from __future__ import annotations

import os
import selectors
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

#: Seconds that a fork waits for other threads to leave SQLite. A connection that is in use
#: for longer is not closed in the child, and the child does not use it.
FORK_SECONDS = 2.5
_STEP_SECONDS = 0.0002

_entrance = threading.RLock()  # a fork holds it, so that no thread enters SQLite
_inside: dict[int, sqlite3.Connection] = {}  # by thread
_connections: weakref.WeakSet[SQLiteConnection] = weakref.WeakSet()
_sockets: weakref.WeakSet[Any] = weakref.WeakSet()
_abandoned: list[sqlite3.Connection] = []  # kept, so that they are never closed


def _in_sqlite(
    thing: Any, connection: sqlite3.Connection, call: Callable[..., Any], *args: Any
) -> Any:
    """Call a function of SQLite, but not while the process forks."""
    me = threading.get_ident()
    if me in _inside:  # SQLite has called a Python function
        return call(thing, *args)
    try:
        with _entrance:
            _inside[me] = connection
        return call(thing, *args)
    finally:
        _inside.pop(me, None)


class Cursor(sqlite3.Cursor):
    """A cursor that is never at work during a fork."""

    _closed = False

    def execute(self, *args: Any) -> Any:
        return _in_sqlite(self, self.connection, sqlite3.Cursor.execute, *args)

    def executemany(self, *args: Any) -> Any:
        return _in_sqlite(self, self.connection, sqlite3.Cursor.executemany, *args)

    def executescript(self, *args: Any) -> Any:
        return _in_sqlite(self, self.connection, sqlite3.Cursor.executescript, *args)

    def __next__(self) -> Any:
        return _in_sqlite(self, self.connection, sqlite3.Cursor.__next__)

    def fetchone(self) -> Any:
        return _in_sqlite(self, self.connection, sqlite3.Cursor.fetchone)

    def fetchmany(self, size: int | None = None) -> Any:
        count = self.arraysize if size is None else size
        return _in_sqlite(self, self.connection, sqlite3.Cursor.fetchmany, count)

    def fetchall(self) -> Any:
        return _in_sqlite(self, self.connection, sqlite3.Cursor.fetchall)

    def close(self) -> None:
        _in_sqlite(self, self.connection, sqlite3.Cursor.close)
        self._closed = True

    def __del__(self) -> None:
        # Python would reset the statement of an open cursor, and a fork could happen then.
        # Nothing ends that statement in the child, so its connection would stay open.
        if not self._closed:
            with suppress(sqlite3.Error):  # its connection is closed
                self.close()


class SQLiteConnection(sqlite3.Connection):
    """A connection that is never at work during a fork, and that a child closes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        opened = lambda self: sqlite3.Connection.__init__(self, *args, **kwargs)  # noqa: E731
        _in_sqlite(self, self, opened)
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()
        _connections.add(self)

    def cursor(self, factory: Any = Cursor) -> Any:
        cursor = super().cursor(factory)
        self._cursors.add(cursor)
        return cursor

    # Without these three, Python makes a cursor of its own class.
    def execute(self, *args: Any) -> Any:
        return self.cursor().execute(*args)

    def executemany(self, *args: Any) -> Any:
        return self.cursor().executemany(*args)

    def executescript(self, *args: Any) -> Any:
        return self.cursor().executescript(*args)

    def commit(self) -> None:
        _in_sqlite(self, self, sqlite3.Connection.commit)

    def rollback(self) -> None:
        _in_sqlite(self, self, sqlite3.Connection.rollback)

    def close(self) -> None:
        _in_sqlite(self, self, sqlite3.Connection.close)

    def close_in_child(self) -> None:
        """Close its cursors, which would keep it open, and then the connection.

        :raises sqlite3.Error: if it is closed already.
        """
        for each in list(self._cursors):
            sqlite3.Cursor.close(each)
        sqlite3.Connection.close(self)


def note_socket(connection: Any) -> None:
    """Remember a driver's connection if it uses a socket."""
    if hasattr(connection, "fileno"):
        _sockets.add(connection)


class _Handshake:
    """The parent waits until the child has closed the inherited connections."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._until = time.monotonic() + FORK_SECONDS

    def wait(self) -> None:
        """Wait for the child to finish, or to end."""
        os.close(self._write)
        with selectors.DefaultSelector() as selector:
            selector.register(self._read, selectors.EVENT_READ)
            selector.select(max(0.0, self._until - time.monotonic()))
        os.close(self._read)

    def in_time(self) -> bool:
        """Whether the parent still waits, and will wait for some time."""
        return time.monotonic() < self._until - FORK_SECONDS / 2

    def done(self) -> None:
        """Let the parent continue."""
        os.close(self._read)
        os.close(self._write)


_handshake: _Handshake | None = None


def _others() -> list[sqlite3.Connection]:
    me = threading.get_ident()
    return [each for thread, each in list(_inside.items()) if thread != me]


def _is_one_of(
    connection: sqlite3.Connection, others: Iterable[sqlite3.Connection]
) -> bool:
    return any(connection is other for other in others)


def _has_transaction(connection: sqlite3.Connection) -> bool:
    try:
        return connection.in_transaction
    except sqlite3.Error:  # it is closed
        return False


def _before_fork() -> None:
    global _handshake
    _entrance.acquire()
    until = time.monotonic() + FORK_SECONDS
    while (busy := _others()) and time.monotonic() < until:
        time.sleep(_STEP_SECONDS)
    # The child does not close a busy connection. To ask it could block: newer releases of
    # SQLite wait for the statement, and Python holds the GIL meanwhile.
    asked = [each for each in list(_connections) if not _is_one_of(each, busy)]
    if any(map(_has_transaction, asked)):
        _handshake = _Handshake()


def _after_in_parent() -> None:
    global _handshake
    if _handshake is not None:
        _handshake.wait()
        _handshake = None
    _entrance.release()


def _after_in_child() -> None:
    global _entrance, _handshake
    _entrance = threading.RLock()
    _abandoned.extend(_others())
    _inside.clear()
    ours = [each for each in list(_connections) if not _is_one_of(each, _abandoned)]
    if _handshake is not None:
        for each in filter(_has_transaction, ours):
            if _handshake.in_time():
                _close_in_child(each)
            else:
                _abandoned.append(each)
        _handshake.done()
        _handshake = None
    for each in ours:
        if not _is_one_of(each, _abandoned):
            _close_in_child(each)
    _connections.clear()
    _leave_sockets()


def _close_in_child(connection: SQLiteConnection) -> None:
    with suppress(sqlite3.Error):
        connection.close_in_child()


def _leave_sockets() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for each in list(_sockets):
        with suppress(Exception):  # it is closed: each driver raises another error
            os.dup2(nowhere, each.fileno(), inheritable=False)
    os.close(nowhere)
    _sockets.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch  (Windows has no fork)
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_in_parent,
        after_in_child=_after_in_child,
    )
