"""Copies of an SQLite inbox: complete and private, or none at all."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flask_ycloud.errors import InboxUnavailable
from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.inbox.backups import back_up

from ..support import body_of, id_of


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(Database(open_engine(f"sqlite:///{tmp_path}/inbox.db"), owned=True))


def accept(inbox: Inbox, body: bytes | None = None) -> str:
    body = body or body_of()
    inbox.accept(id_of(body), body, endpoint="ycloud", event_type="sms.message.updated")
    return id_of(body)


def ids_in(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT id FROM ycloud_events").fetchall()
        return {event_id for (event_id,) in rows}


def test_a_copy_has_every_event_in_one_private_file(inbox: Inbox, tmp_path: Path) -> None:
    kept = {accept(inbox) for _ in range(5)}
    folder = tmp_path / "backups"
    folder.mkdir()
    umask = os.umask(0)
    try:
        assert inbox.database.back_up(folder / "copy.db") == 5
    finally:
        os.umask(umask)
    assert [each.name for each in folder.iterdir()] == ["copy.db"]
    assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == 0o600
    assert ids_in(folder / "copy.db") == kept


def test_a_copy_opens_where_nothing_can_be_written(inbox: Inbox, tmp_path: Path) -> None:
    """The copy does not use WAL, which would need two more files beside it."""
    accept(inbox)
    inbox.database.back_up(tmp_path / "copy.db")
    uri = f"file:{tmp_path}/copy.db?immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT count(*) FROM ycloud_events").fetchone() == (1,)


def test_a_copy_is_an_inbox_again(inbox: Inbox, tmp_path: Path) -> None:
    event_id = accept(inbox)
    inbox.database.back_up(tmp_path / "copy.db")
    restored = Inbox(Database(open_engine(f"sqlite:///{tmp_path}/copy.db"), owned=True))
    (claim,) = restored.fetch(1)
    assert claim.id == event_id
    mode = restored.database.read(lambda tx: tx.exec_driver_sql("PRAGMA journal_mode"))
    assert mode.scalar() == "wal"


def test_writers_neither_wait_nor_make_it_begin_again(inbox: Inbox, tmp_path: Path) -> None:
    """A commit between two steps of the backup is not in the copy."""
    accept(inbox)
    big = "x" * 9_000_000  # more pages than a step copies
    inbox.database.write(
        lambda tx: tx.execute(
            sa.text("CREATE TABLE filler AS SELECT :big AS b"), {"big": big}
        )
    )
    late: list[str] = []
    left: list[int] = []
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
        source = Stepping(connection, lambda: late.append(accept(inbox)), left)
        assert back_up(source, tmp_path / "copy.db") == 1
    assert len(left) >= 3
    assert left == sorted(left, reverse=True)
    assert len(late) == len(left)
    assert not ids_in(tmp_path / "copy.db") & set(late)


class Stepping:
    """A connection that calls a function at each step of a backup."""

    def __init__(self, connection: sqlite3.Connection, step: Any, left: list[int]) -> None:
        self._connection, self._step, self._left = connection, step, left
        self.execute = connection.execute

    def backup(self, target: sqlite3.Connection, *, pages: int, progress: Any) -> None:
        def stepped(status: int, remaining: int, total: int) -> None:
            progress(status, remaining, total)
            self._left.append(remaining)
            self._step()

        self._connection.backup(target, pages=pages, progress=stepped)


def test_it_holds_no_lock_afterwards(inbox: Inbox, tmp_path: Path) -> None:
    accept(inbox)
    inbox.database.back_up(tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as other:
        checkpoint = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert checkpoint[0] == 0


def test_an_interrupted_copy_leaves_the_last_one(inbox: Inbox, tmp_path: Path) -> None:
    copy = tmp_path / "backups" / "copy.db"
    copy.parent.mkdir()
    kept = {accept(inbox)}
    inbox.database.back_up(copy)
    accept(inbox)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
        source = Stepping(connection, interrupt, [])
        with pytest.raises(KeyboardInterrupt):
            back_up(source, copy)
    assert [each.name for each in copy.parent.iterdir()] == ["copy.db"]
    assert ids_in(copy) == kept


def test_a_damaged_inbox_replaces_no_good_copy(inbox: Inbox, tmp_path: Path) -> None:
    kept = {accept(inbox) for _ in range(20)}
    copy = tmp_path / "copy.db"
    inbox.database.back_up(copy)
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        page = "SELECT rootpage FROM sqlite_master WHERE name = 'ux_ycloud_events_identity'"
        ((number,),) = connection.execute(page).fetchall()
        ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    with (tmp_path / "inbox.db").open("rb+") as file:
        file.seek((number - 1) * size)
        index = file.read(size)
        file.seek((number - 1) * size)
        file.write(index.replace(min(kept).encode(), min(kept)[::-1].encode()))
    with pytest.raises(InboxUnavailable, match="fails SQLite's integrity check: row "):
        inbox.database.back_up(copy)
    assert ids_in(copy) == kept


def test_a_full_disk_is_an_error_with_its_reason(inbox: Inbox, tmp_path: Path) -> None:
    accept(inbox)

    def fill() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
        source = Stepping(connection, fill, [])
        with pytest.raises(
            InboxUnavailable, match="not be copied: database or disk is full"
        ):
            back_up(source, tmp_path / "copy.db")
    assert not list(tmp_path.glob("*copy*"))


def test_a_database_without_an_inbox_is_no_backup(tmp_path: Path) -> None:
    database = Database(open_engine(f"sqlite:///{tmp_path}/other.db"), owned=True)
    with pytest.raises(InboxUnavailable, match=r"has no inbox.*YCLOUD_INBOX_URL"):
        database.back_up(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_older_tables_are_copied_as_they_are(inbox: Inbox, tmp_path: Path) -> None:
    """A backup before an upgrade must not upgrade the tables."""
    accept(inbox)
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection, connection:
        connection.execute("UPDATE ycloud_schema SET version = 1")
    other = Database(open_engine(f"sqlite:///{tmp_path}/inbox.db"), owned=True)
    other.back_up(tmp_path / "copy.db")
    for file in ("copy.db", "inbox.db"):
        with closing(sqlite3.connect(tmp_path / file)) as connection:
            found = connection.execute("SELECT version FROM ycloud_schema").fetchall()
        assert found == [(1,)]


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("how", ["name", "link"])
def test_the_inbox_itself_is_never_replaced(
    inbox: Inbox, tmp_path: Path, ending: str, how: str
) -> None:
    event_id = accept(inbox)
    target = own = tmp_path / f"inbox.db{ending}"
    if how == "link":
        target = tmp_path / "linked"
        target.symlink_to(own)
    with pytest.raises(ValueError, match="is the inbox itself, or belongs to it"):
        inbox.database.back_up(target)
    if how == "link" and own.exists():
        target.unlink()
        target.hardlink_to(own)
        with pytest.raises(ValueError, match="is the inbox itself, or belongs to it"):
            inbox.database.back_up(target)
    assert inbox.get(event_id) is not None


def test_threads_accept_while_it_copies(inbox: Inbox, tmp_path: Path) -> None:
    acknowledged = [accept(inbox)]
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            acknowledged.append(accept(inbox))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for each in threads:
        each.start()
    try:
        for number in range(5):
            before = set(acknowledged)
            inbox.database.back_up(tmp_path / f"copy{number}.db")
            assert before <= ids_in(tmp_path / f"copy{number}.db")
    finally:
        stop.set()
        for each in threads:
            each.join()
