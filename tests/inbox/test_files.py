"""The SQLite file: private from the first moment, and checked for its removal."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database, Inbox, files, open_engine

from .support import accept, add, count


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "made" / "inbox.db"


@pytest.fixture
def inbox(file: Path) -> Iterator[Inbox]:
    made = Inbox(Database(open_engine(f"sqlite:///{file}"), owned=True))
    yield made
    made.database._engine.dispose()


@pytest.fixture
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="permissions of another kind")
@pytest.mark.usefixtures("_open_umask")
def test_nobody_else_may_read_what_is_made(inbox: Inbox, file: Path) -> None:
    accept(inbox)
    with closing(inbox.database.notifications(0.01)) as notifications:
        next(notifications)
        made = {each.name: mode(each) for each in file.parent.rglob("*")}
    (pipe,) = made.keys() - {
        "inbox.db", "inbox.db-wal", "inbox.db-shm", "inbox.db-listeners",
    }  # fmt: skip
    assert made == {
        "inbox.db": 0o600,
        "inbox.db-wal": 0o600,
        "inbox.db-shm": 0o600,
        "inbox.db-listeners": 0o700,
        pipe: 0o600,
    }
    assert mode(file.parent) == 0o700
    assert inbox.database.readable_by_others() == []


def test_what_is_there_stays_as_it_is(inbox: Inbox, file: Path) -> None:
    file.parent.mkdir()
    file.parent.chmod(0o755)
    file.touch()
    file.chmod(0o664)
    accept(inbox)
    assert (mode(file.parent), mode(file)) == (0o755, 0o664)
    assert inbox.database.readable_by_others() == [str(file), f"{file}-wal"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    database = Database(open_engine("sqlite:///a/b.db", tmp_path / "file"), owned=True)
    with pytest.raises(InboxUnavailable, match=r"file/a cannot be created: Not a dir"):
        database.read(count)


def test_a_file_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    database = Database(open_engine(f"sqlite:///{tmp_path}/b.db"), owned=True)
    with monkeypatch.context() as patch:
        patch.setattr("flask_ycloud.inbox.files.os.open", refuse)
        with pytest.raises(InboxUnavailable, match=r"b\.db cannot be created: Permission"):
            database.read(count)
    assert database.read(count) == 0


def test_a_missing_folder_of_an_engine_of_the_app_is_named(tmp_path: Path) -> None:
    """SQLite itself says only that it cannot open the file."""
    engine = sa.create_engine(f"sqlite:///file:{tmp_path}/none/c.db?mode=rw&uri=true")
    folder = re.escape(
        f"the folder {tmp_path}/none of the database file {tmp_path}/none/c.db"
    )
    with pytest.raises(InboxUnavailable, match=f"{folder} does not exist"):
        Database(engine).read(count)
    (tmp_path / "none").mkdir()
    file = re.escape(f"unable to open the database file {tmp_path}/none/c.db (")
    with pytest.raises(InboxUnavailable, match=file):
        Database(engine).read(count)


def test_a_file_that_sqlite_finds_itself_is_left_to_it(tmp_path: Path) -> None:
    files.make_file(sa.make_url(f"sqlite:///file:{tmp_path}/c.db?uri=true"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["removed", "replaced", "with its folder"])
def test_what_is_acknowledged_is_in_the_file_that_has_the_name(
    inbox: Inbox, file: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One delivery may fail and is sent again. Later deliveries are in the new file."""
    accept(inbox, "evt_before")
    inbox.database.read(count)
    if how == "with its folder":
        shutil.rmtree(file.parent)
    else:
        for each in file.parent.glob("inbox.db*"):
            each.unlink()
    if how == "replaced":
        sqlite3.connect(file).close()
        file.touch()
    caplog.set_level(logging.ERROR)
    acknowledged = []
    for number in range(4):
        try:
            accept(inbox, f"evt_{number}")
            acknowledged.append(f"evt_{number}")
        except InboxUnavailable:
            assert number == 0
    with closing(sqlite3.connect(file)) as other:
        found = [id for (id,) in other.execute("SELECT id FROM ycloud_events ORDER BY 1")]
    assert found == acknowledged
    assert len(found) >= 3
    told = [each.getMessage() for each in caplog.records]
    assert told == [
        f"{file} was removed or replaced while it was open. It is opened again."
    ]


def test_a_file_that_is_removed_in_mid_write_acknowledges_nothing(
    inbox: Inbox, file: Path
) -> None:
    inbox.database.init()

    def work(tx: sa.Connection) -> None:
        add(tx)
        file.unlink()

    with pytest.raises(InboxUnavailable, match="removed or replaced during the write"):
        inbox.database.write(work)


def test_an_engine_of_the_app_is_watched_too(tmp_path: Path) -> None:
    file = tmp_path / "app.db"
    engine = sa.create_engine(f"sqlite:///{file}")
    database = Database(engine)
    database.write(add)
    file.rename(tmp_path / "elsewhere.db")
    with pytest.raises(InboxUnavailable, match="no such table"):
        database.write(add)
    assert database.write(add) == 0
    assert file.exists()
    engine.dispose()


def test_a_listener_whose_pipe_is_gone_says_so(inbox: Inbox, file: Path) -> None:
    inbox.database.init()
    with closing(inbox.database.notifications(0.01)) as notifications:
        assert next(notifications) is False
        shutil.rmtree(file.with_name("inbox.db-listeners"))
        with pytest.raises(InboxUnavailable, match="was removed"):
            list(notifications)
