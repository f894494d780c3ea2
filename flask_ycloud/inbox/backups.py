"""A copy of an SQLite inbox, made while it is in use."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ..errors import InboxUnavailable
from .tables import events

_PAGES_PER_STEP = 1000


def back_up(source: Any, target: Path) -> int:
    """Copy a database into a file that only its owner can read.

    The file appears complete, or not at all. An existing file of that name is replaced.

    :param source: a connection of ``sqlite3`` to the inbox, which is in no transaction.
    :returns: how many events the copy has.
    :raises InboxUnavailable: if there is no inbox, if it cannot be copied, or if the copy
        is damaged.
    :raises OSError: if the file cannot be created.
    :raises ValueError: if the file is one of the inbox's own.
    """
    _check_apart(source, target)
    # A folder that only the owner can enter: SQLite creates other files beside the copy.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as made:
        copy = Path(made) / target.name
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL, 0o600))
        count = _copied(source, copy)
        copy.replace(target)
    with suppress(PermissionError):  # Windows cannot open folders
        _sync(target.parent, os.O_RDONLY)
    return count


def _copied(source: Any, copy: Path) -> int:
    """Copy into an empty file, make it durable, and return the number of its events."""
    try:
        with closing(sqlite3.connect(copy)) as connection:
            _copy(source, connection)
            count = _checked(connection)
    except sqlite3.Error as error:
        raise InboxUnavailable(f"The inbox could not be copied: {error}.") from None
    _sync(copy, os.O_RDWR)
    return count


def _check_apart(source: Any, target: Path) -> None:
    """Check that the target is not the database or a file that belongs to it."""
    file = Path(source.execute("PRAGMA database_list").fetchall()[0][2])
    for ending in ("", "-wal", "-shm", "-journal"):
        own = file.with_name(file.name + ending)
        if target.resolve() == own.resolve() or (
            target.exists() and own.exists() and target.samefile(own)
        ):
            raise ValueError(f"{target} is the inbox itself, or belongs to it.")


def _copy(source: Any, connection: sqlite3.Connection) -> None:
    """Copy everything that is committed now.

    Without the read transaction SQLite would start again after each write, and never end
    under load. With WAL the transaction blocks no writers.
    """
    source.execute("BEGIN").close()
    source.execute("SELECT count(*) FROM sqlite_master").fetchall()
    # The progress function lets Ctrl-C work, which only interrupts Python code.
    source.backup(connection, pages=_PAGES_PER_STEP, progress=lambda *_: None)
    # The copy is one file, without a log. The inbox switches to WAL when it is opened.
    connection.execute("PRAGMA journal_mode = DELETE").close()


def _checked(connection: sqlite3.Connection) -> int:
    """Check the complete copy, and return the number of its events."""
    problems = connection.execute("PRAGMA integrity_check(1)").fetchall()
    if problems != [("ok",)]:
        raise InboxUnavailable(
            f"The copy fails SQLite's integrity check: {problems[0][0]}. No backup was"
            " made. The inbox itself is probably damaged: run PRAGMA integrity_check on it."
        )
    known = "SELECT count(*) FROM sqlite_master WHERE name = ?"
    if connection.execute(known, (events.name,)).fetchall() == [(0,)]:
        raise InboxUnavailable(
            "The database has no inbox: the app has not used it yet, or YCLOUD_INBOX_URL"
            " names another file."
        )
    ((count,),) = connection.execute(f"SELECT count(*) FROM {events.name}").fetchall()  # noqa: S608
    return int(count)


def _sync(path: Path, flags: int) -> None:
    """Write a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
