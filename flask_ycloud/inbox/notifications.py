"""Notify other processes at once that an event is due.

On PostgreSQL it uses LISTEN and NOTIFY. For an SQLite file, each listening process has a
named pipe in a folder next to the file. A process that accepts an event writes a byte to
each pipe.
"""

from __future__ import annotations

import errno
import os
import selectors
import stat
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ..errors import InboxUnavailable

_CHANNEL = "ycloud_due"
_MANY = 65_536  # bytes: as many as a pipe holds


class Notifier(Protocol):
    """Notifies other processes that an event is due, and listens for notifications."""

    def notify(self) -> None:
        """Notify all listening processes."""

    def notifications(self, seconds: float) -> Generator[bool, None, None]:
        """``True`` for each notification, ``False`` after so many seconds without one."""
        ...


def notifier_for(engine: Engine) -> Notifier | None:
    """The notifier of a database; ``None`` if its processes can only poll."""
    if engine.dialect.driver == "psycopg":
        return PostgreSQLNotifier(engine)
    if engine.dialect.name == "sqlite" and hasattr(os, "mkfifo") and engine.url.database:
        return PipeNotifier(Path(engine.url.database))
    return None


class PostgreSQLNotifier:
    """Uses LISTEN and NOTIFY. Listening uses a separate connection.

    :param engine: an engine with psycopg.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")

    def notify(self) -> None:
        """Notify all listening processes.

        :raises SQLAlchemyError: if the statement fails.
        """
        with self._single.connect() as connection:
            connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, "")))

    def notifications(self, seconds: float) -> Generator[bool, None, None]:
        """``True`` for each notification, ``False`` after so many seconds without one.

        :raises InboxUnavailable: if the connection is lost.
        """
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


class PipeNotifier:
    """Uses named pipes in the folder ``<file>-listeners``, one for each listener.

    They have the permissions of the database: its writers can write to them.

    :param database: the SQLite file.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._folder = database.with_name(f"{database.name}-listeners")

    def notify(self) -> None:
        """Notify all listening processes. Remove the pipes of processes that died."""
        try:
            pipes = [each for each in os.scandir(self._folder) if each.name[0] != "."]
        except OSError:
            return  # no process has listened yet
        for pipe in pipes:
            with suppress(OSError):  # it was removed, or it is full: the reader wakes
                try:
                    descriptor = os.open(pipe.path, os.O_WRONLY | os.O_NONBLOCK)
                except OSError as error:
                    if error.errno == errno.ENXIO:  # no process reads it any more
                        os.unlink(pipe.path)
                    continue
                try:
                    os.write(descriptor, b"!")
                finally:
                    os.close(descriptor)

    def notifications(self, seconds: float) -> Generator[bool, None, None]:
        """``True`` for each notification, ``False`` after so many seconds without one.

        :raises InboxUnavailable: if the pipe cannot be created, or was removed.
        """
        try:
            pipe, reader = self._open()
        except OSError as error:
            raise InboxUnavailable(
                f"No pipe can be created in {self._folder}: {error.strerror}."
            ) from None
        selector = selectors.DefaultSelector()
        try:
            selector.register(reader, selectors.EVENT_READ)
            while True:
                ready = selector.select(seconds)
                if ready:
                    os.read(reader, _MANY)
                elif not pipe.exists():
                    raise InboxUnavailable(f"{pipe} was removed.")
                yield bool(ready)
        finally:
            selector.close()
            os.close(reader)
            with suppress(OSError):
                os.unlink(pipe)

    def _open(self) -> tuple[Path, int]:
        mode = stat.S_IMODE(self._database.stat().st_mode) & 0o666
        with suppress(FileExistsError):
            self._folder.mkdir()
            self._folder.chmod(mode | (mode & 0o444) >> 2)  # whatever the umask is
        name = f"{os.getpid()}-{time.monotonic_ns():x}"
        hidden, pipe = self._folder / f".{name}", self._folder / name
        os.mkfifo(hidden)
        try:
            os.chmod(hidden, mode)
            # Open it for writing, too: a pipe without a writer is always readable.
            reader = os.open(hidden, os.O_RDWR | os.O_NONBLOCK)
            os.rename(hidden, pipe)  # it has a reader now, so other processes keep it
        except OSError:
            os.unlink(hidden)
            raise
        return pipe, reader
