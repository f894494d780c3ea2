"""Notifying other processes: with pipes beside an SQLite file, and without."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database, open_engine
from flask_ycloud.inbox.notifications import PipeNotifier, notifier_for

from ..support import eventually


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "inbox.db"
    file.touch()
    return file


def listeners(file: Path) -> list[Path]:
    return sorted(file.with_name("inbox.db-listeners").glob("[!.]*"))


def test_who_listens_is_told(file: Path) -> None:
    notifier, told = PipeNotifier(file), []
    notifier.notify()  # no process has listened yet
    notifications = notifier.notifications(0.01)
    assert next(notifications) is False
    notifier.notify()
    notifier.notify()
    told = [next(notifications), next(notifications)]
    assert told == [True, False], "two in one are as good as one"
    assert len(listeners(file)) == 1
    notifications.close()
    assert listeners(file) == []


def test_the_pipes_of_processes_that_died_are_removed(file: Path) -> None:
    notifier = PipeNotifier(file)
    notifications = notifier.notifications(0.01)
    next(notifications)
    dead = file.with_name("inbox.db-listeners") / "1-dead"
    os.mkfifo(dead)
    (dead.parent / "no-pipe").mkdir()
    notifier.notify()
    assert not dead.exists()
    (dead.parent / "no-pipe").rmdir()
    assert next(notifications) is True
    notifications.close()


def test_a_pipe_that_is_full_is_told_already(file: Path) -> None:
    notifier = PipeNotifier(file)
    notifications = notifier.notifications(0.01)
    next(notifications)
    (pipe,) = listeners(file)
    descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"x" * 4096)
    os.close(descriptor)
    notifier.notify()
    assert next(notifications) is True
    notifications.close()


def test_who_may_write_to_the_file_may_write_to_the_pipes(file: Path) -> None:
    """Whatever the umask is."""
    file.chmod(0o660)
    before = os.umask(0o077)
    try:
        notifications = PipeNotifier(file).notifications(0.01)
        next(notifications)
    finally:
        os.umask(before)
    (pipe,) = listeners(file)
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o660
    assert stat.S_IMODE(pipe.parent.stat().st_mode) == 0o770
    notifications.close()


def test_a_folder_that_cannot_be_written_is_an_outage(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("os.rename", refuse)
        with pytest.raises(InboxUnavailable, match="Permission denied"):
            next(PipeNotifier(file).notifications(0.01))
    assert list(file.with_name("inbox.db-listeners").iterdir()) == []


def test_other_drivers_and_systems_look_by_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine("sqlite:///a.db", tmp_path)
    monkeypatch.delattr("os.mkfifo")
    assert notifier_for(engine) is None
    database = Database(engine, owned=True)
    assert not database.can_notify
    database.notify()


def test_a_database_in_which_nobody_listens(postgresql_url: str) -> None:
    database = Database(open_engine(postgresql_url), owned=True)
    told = threading.Event()

    def listen() -> None:
        notifications = database.notifications(0.05)
        while not next(notifications):
            pass
        told.set()
        notifications.close()

    thread = threading.Thread(target=listen)
    thread.start()
    query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    eventually(lambda: database.read(lambda tx: tx.execute(query).scalar()))
    database.notify()
    assert told.wait(10)
    thread.join(10)
