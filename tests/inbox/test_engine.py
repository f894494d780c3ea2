"""The engine: which databases are accepted, and how connections are set up."""

from __future__ import annotations

import logging
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flask_ycloud import ConfigurationError, InboxUnavailable
from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.inbox.engine import shown

from .support import accept, add, count

POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1/test"


def test_a_relative_path_starts_from_the_folder(tmp_path: Path) -> None:
    assert open_engine("sqlite:///a.db", tmp_path).url.database == f"{tmp_path}/a.db"
    assert open_engine("sqlite:////b/a.db", tmp_path).url.database == "/b/a.db"


def test_an_engine_is_taken_as_it_is() -> None:
    engine = sa.create_engine("sqlite:////srv/inbox.db")
    assert open_engine(engine) is engine


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("inbox.db", "a str, is not a database URL"),
        ("postgresql://u:hunter2@h:port/db", "is not a database URL"),
        ("nosuch://u:hunter2@h/db", "database of 'nosuch'"),
        ("mysql://u:hunter2@h/db", "database of 'mysql'. It takes SQLite or"),
        ("postgresql+nosuch://u:hunter2@h/db", "is not a database URL"),
        (7, "a int, is not a database URL"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "in memory"),
    ],
)
def test_what_cannot_hold_an_inbox(url: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        open_engine(url)
    assert "hunter2" not in str(caught.value)


def test_an_engine_that_cannot_hold_an_inbox() -> None:
    with pytest.raises(ConfigurationError, match="in memory"):
        open_engine(sa.create_engine("sqlite://"))


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        ConfigurationError, match=r"pip install 'flask-ycloud\[postgresql\]'"
    ):
        open_engine(POSTGRESQL)


def test_sqlite_commits_reach_the_disk(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/a.db")
    Database(engine)
    with engine.connect() as connection:
        for pragma, value in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("fullfsync", 1),
            ("secure_delete", 1),
            ("cache_spill", 0),
        ):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    engine.dispose()


def test_who_opens_sqlite_while_another_makes_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself fails at once if it switches to WAL during a write."""
    other = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    tries: list[float] = []

    def sleep(seconds: float) -> None:
        tries.append(seconds)
        other.rollback()

    monkeypatch.setattr("flask_ycloud.inbox.sqlite.time.sleep", sleep)
    database = Database(open_engine(f"sqlite:///{tmp_path}/inbox.db"), owned=True)
    assert database.read(count) == 0
    assert tries == [0.01]
    database._engine.dispose()
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("flask_ycloud.inbox.sqlite._BUSY_SECONDS", -1)
    with pytest.raises(InboxUnavailable, match="locked"):
        database.read(count)
    other.close()


@pytest.mark.parametrize("pool", [sa.pool.StaticPool, sa.pool.AssertionPool])
def test_an_engine_with_one_connection_for_all_threads_is_refused(
    tmp_path: Path, pool: type[sa.Pool]
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/app.db", poolclass=pool)
    with pytest.raises(ConfigurationError, match=f"has a {pool.__name__}: one connection"):
        open_engine(engine)
    engine.dispose()


def test_an_engine_that_does_not_sync_is_refused(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/app.db")
    sa.event.listen(
        engine, "connect", lambda c, _: c.execute("PRAGMA synchronous = NORMAL")
    )
    with pytest.raises(InboxUnavailable, match="Set it to FULL"):
        Database(engine).write(add)
    engine.dispose()


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_connections_that_broke_while_they_were_idle_are_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart of PostgreSQL: no delivery uses the old connections."""
    database.init()
    url = database._engine.url
    own = database.read(lambda tx: tx.execute(sa.text("SELECT pg_backend_pid()")).scalar())
    end = sa.select(sa.func.pg_terminate_backend(own, 5000))
    pings: list[Any] = []
    ping = database._engine.dialect.do_ping

    def counted(connection: Any) -> bool:
        pings.append(connection)
        return ping(connection)

    monkeypatch.setattr(database._engine.dialect, "do_ping", counted)
    assert database.write(add) == 0
    assert pings == [], "it was in use just now"
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as other:
        other.execute(end)
    monkeypatch.setattr("flask_ycloud.inbox.postgresql._IDLE_SECONDS", 0)
    assert database.write(lambda tx: add(tx, 5)) == 5
    assert len(pings) == 1


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("//me:hunter2@h:1/d", "//h:1/d"),
        ("//h/d?user=me&password=hunter2&sslpassword=hunter2", "//h/d"),
        ("//me@/d?host=/var/run/postgresql", "///var/run/postgresql/d"),
        ("//me@/d?host=a:5&host=b:6&passfile=hunter2", "//a:5,b:6/d"),
        ("///?hostaddr=127.0.0.1&dbname=d", "//127.0.0.1/d"),
        ("///?dbname=postgresql://me:hunter2@h/d", "///…"),
        ("//h/dbname%3Dd%20password%3Dhunter2", "//h/…"),
    ],
)
@pytest.mark.parametrize("made", [open_engine, sa.create_engine])
def test_what_is_shown_of_a_database(url: str, text: str, made: Any) -> None:
    driver = "postgresql+psycopg:"
    assert shown(made(driver + url)) == driver + text
    assert str(Database(made(driver + url))) == driver + text


def test_what_is_shown_of_a_file() -> None:
    assert shown(open_engine("sqlite:////srv/a=b.db")) == "sqlite:////srv/a=b.db"
    engine = sa.create_engine("sqlite:////srv/a.db%3Fkey=hunter2?timeout=3")
    assert shown(engine) == "sqlite:////srv/a.db"


def test_an_error_shows_no_user() -> None:
    url = "postgresql+psycopg://mallory:hunter2@127.0.0.1/test"
    database = Database(open_engine(url), owned=True)
    with pytest.raises(InboxUnavailable, match=r"(role|user) …") as caught:
        database.init()
    assert "mallory" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_the_log_of_sqlalchemy_shows_no_body(
    inbox: Inbox, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    caplog.set_level(level, logger="sqlalchemy.engine")
    caplog.set_level(level, logger="sqlalchemy")
    accept(inbox)
    found = inbox.get("evt_1")
    assert found is not None
    assert found.body == b'{"a": 1}'
    assert [each.id for each in inbox.list()] == ["evt_1"]
    assert "SELECT" in caplog.text, "statements are shown"
    assert '"a": 1' not in caplog.text
    assert "evt_1" not in caplog.text
