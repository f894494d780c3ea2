"""SQLite: a writer tries each millisecond to get the lock, for a limited time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.inbox import sqlite as module

from .support import accept, add, claim


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "inbox.db"


@pytest.fixture
def inbox(file: Path) -> Iterator[Inbox]:
    made = Inbox(Database(open_engine(f"sqlite:///{file}"), owned=True))
    made.database.init()
    yield made
    made.database._engine.dispose()


@pytest.fixture
def other(inbox: Inbox, file: Path) -> Iterator[sqlite3.Connection]:
    """Another process that holds the write lock."""
    with closing(
        sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    ) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def test_who_waits_for_the_lock_has_it_a_moment_after_it_is_free(
    inbox: Inbox, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sleeps in Python, so that under gevent the holder of the lock continues."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            other.rollback()

    monkeypatch.setattr("flask_ycloud.inbox.sqlite.time.sleep", sleep)
    assert accept(inbox) == "accepted"
    assert slept == [0.001] * 3


def test_the_wait_leaves_time_for_an_answer(
    inbox: Inbox, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("flask_ycloud.inbox.sqlite.time.monotonic", lambda: now[0])

    def sleep(seconds: float) -> None:
        now[0] += 0.1

    monkeypatch.setattr("flask_ycloud.inbox.sqlite.time.sleep", sleep)
    with pytest.raises(InboxUnavailable, match="database is locked"):
        accept(inbox)
    assert 2 <= now[0] <= 2.2
    other.rollback()
    assert accept(inbox) == "accepted"
    assert claim(inbox).id == "evt_1"


def test_an_error_that_is_no_lock_is_no_reason_to_wait(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "flask_ycloud.inbox.sqlite.time.sleep", lambda seconds: pytest.fail("it waited")
    )
    with inbox.database._engine.connect() as connection:
        module.begin_immediate(connection)
        with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
            module.begin_immediate(connection)
        connection.rollback()


def test_the_wait_of_an_engine_of_somebody_else_is_as_before(file: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{file}")
    sa.event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA busy_timeout = 1234"))
    inbox = Inbox(Database(engine))
    accept(inbox)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 1234
    engine.dispose()


def test_a_writer_that_was_stopped_before_its_first_try(
    inbox: Inbox, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a fork, or since the machine is busy: it still tries for a moment."""
    monkeypatch.setattr("flask_ycloud.inbox.sqlite.time.sleep", lambda _: other.rollback())
    with module.waiting_since(time.monotonic() - 60), inbox.database._writing.begin() as tx:
        add(tx, 1)


def test_tables_that_are_gone_are_made_again(inbox: Inbox) -> None:
    accept(inbox)
    inbox.database.write(lambda tx: tx.exec_driver_sql("DROP TABLE ycloud_events"))
    inbox.database.write(lambda tx: tx.exec_driver_sql("DROP TABLE ycloud_schema"))
    with pytest.raises(InboxUnavailable, match="no such table: ycloud_events"):
        accept(inbox)
    assert accept(inbox) == "accepted"


def test_the_503_comes_in_time_from_the_arrival_on(
    inbox: Inbox, other: sqlite3.Connection
) -> None:
    """However many wait before it: sixteen deliveries, one each tenth of a second."""
    took: list[float] = []

    def deliver(number: int) -> None:
        started = time.monotonic()
        with pytest.raises(InboxUnavailable, match="database is locked"):
            accept(inbox, f"evt_{number}")
        took.append(time.monotonic() - started)

    threads = [threading.Thread(target=deliver, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
        time.sleep(0.1)  # how they arrive
    for thread in threads:
        thread.join()
    assert min(took) >= module.LOCK_SECONDS
    assert max(took) < module.LOCK_SECONDS + 0.7


def test_who_comes_later_still_gets_the_lock(
    inbox: Inbox, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not fail together with the writer that waited before it."""
    monkeypatch.setattr(module, "LOCK_SECONDS", 1.0)
    statuses: list[str] = []
    late = threading.Thread(target=lambda: statuses.append(accept(inbox, "evt_late")))
    threading.Timer(0.5, late.start).start()
    with pytest.raises(InboxUnavailable, match="database is locked"):
        accept(inbox)
    other.rollback()
    late.join()
    assert statuses == ["accepted"]


def test_what_was_deleted_is_in_no_file(inbox: Inbox, file: Path) -> None:
    inbox.accept("evt_1", b"+447901614024", endpoint="ycloud", event_type="x", names=())
    inbox.database.write(lambda tx: tx.exec_driver_sql("DELETE FROM ycloud_events"))
    log = file.with_name("inbox.db-wal")
    assert b"447901614024" in log.read_bytes()
    assert inbox.database.truncate_log()
    assert log.stat().st_size == 0
    assert b"447901614024" not in file.read_bytes()
    assert accept(inbox) == "accepted"


def test_a_log_that_others_use_is_emptied_in_a_moment_without_them(
    inbox: Inbox, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept_later = threading.Timer(0.1, other.rollback)
    accept_later.start()
    assert inbox.database.truncate_log()
    accept_later.join()
    accept(inbox)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(module.truncate_log, "__kwdefaults__", {"seconds": 0.05})
    assert not inbox.database.truncate_log()
    other.rollback()


def test_the_log_of_postgresql_is_its_own(postgresql_url: str) -> None:
    database = Database(open_engine(postgresql_url), owned=True)
    assert database.truncate_log()
    assert database.readable_by_others() == []
    database.write(add)
    database._engine.dispose()
