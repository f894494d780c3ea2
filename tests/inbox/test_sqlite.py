"""SQLite: who waits for the write lock looks again each millisecond, and not for long."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.inbox import sqlite as room

from .support import accept, claim


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
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def test_who_waits_for_the_lock_has_it_a_moment_after_it_is_free(
    inbox: Inbox, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sleeps in Python, so that under gevent the one who holds the lock goes on."""
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
        room.begin_immediate(connection)
        with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
            room.begin_immediate(connection)
        connection.rollback()


def test_the_wait_of_an_engine_of_somebody_else_is_as_before(file: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{file}")
    sa.event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA busy_timeout = 1234"))
    inbox = Inbox(Database(engine))
    accept(inbox)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 1234
    engine.dispose()


def test_tables_that_are_gone_are_made_again(inbox: Inbox) -> None:
    accept(inbox)
    inbox.database.write(lambda tx: tx.exec_driver_sql("DROP TABLE ycloud_events"))
    inbox.database.write(lambda tx: tx.exec_driver_sql("DROP TABLE ycloud_schema"))
    with pytest.raises(InboxUnavailable, match="no such table: ycloud_events"):
        accept(inbox)
    assert accept(inbox) == "accepted"
