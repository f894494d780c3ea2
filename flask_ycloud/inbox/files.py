"""The SQLite file: only this user may read it, and it must not be moved or removed."""

from __future__ import annotations

import os
import stat
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from ..errors import InboxUnavailable

_OPENED = "ycloud_file"


class _File(NamedTuple):
    """The file that a connection has opened. Later, its path may be another file."""

    path: str
    inode: tuple[int, int] | None

    @property
    def is_there(self) -> bool:
        return self.inode is None or _inode(self.path) == self.inode


def make_file(url: URL) -> None:
    """Create the file and its folder for this user only, if they do not exist.

    SQLite gives the files beside it the same permissions. An existing file or folder is not
    changed.

    :raises InboxUnavailable: if they cannot be created.
    """
    file = Path(url.database or "")
    if url.query.get("uri"):
        return  # SQLite creates it
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _not_created("folder", file.parent, error) from None
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise _not_created("file", file, error) from None


def _not_created(kind: str, path: Path, error: OSError) -> InboxUnavailable:
    return InboxUnavailable(
        f"The inbox's {kind} {path} cannot be created: {error.strerror}."
    )


def not_opened(path: str) -> str:
    """Which SQLite file cannot be opened, and whether its folder is missing.

    :param path: as it is in the engine's URL.
    """
    file = path.removeprefix("file:").partition("?")[0]
    folder = os.path.dirname(file) or "."
    if not os.path.isdir(folder):
        return f"the folder {folder} of the database file {file} does not exist"
    return f"unable to open the database file {file}"


def watch(engine: Engine, replaced: Callable[[str], None]) -> None:
    """Check for each use of a connection whether its file was removed or replaced.

    If so, a new connection opens the file again.

    :param replaced: called with the path of such a file. It is a method of an object that
        may end before the engine, and disposes of the engine then.
    """
    method = weakref.WeakMethod(replaced)

    def connected(connection: Any, record: ConnectionPoolEntry) -> None:
        ((_, _, path), *_) = connection.execute("PRAGMA database_list").fetchall()
        record.info[_OPENED] = _File(path, _inode(path))

    def goes_out(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
        file = record.info.get(_OPENED)
        if file is not None and not file.is_there:
            if tell := method():  # pragma: no branch  (its object ends while this runs)
                tell(file.path)
            raise InvalidatePoolError  # another connection opens the file at this path

    event.listen(engine, "connect", connected)
    event.listen(engine, "checkout", goes_out)


def removed(connection: Connection) -> str | None:
    """The path of a connection's file, if that file was removed or replaced."""
    file = connection.info.get(_OPENED)
    return None if file is None or file.is_there else file.path


def readable_by_others(path: str) -> list[str]:
    """The files with events that every user of the machine may read."""
    found = []
    for each in (path, f"{path}-wal"):
        with suppress(OSError):
            if os.stat(each).st_mode & stat.S_IROTH:
                found.append(each)
    return found


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
