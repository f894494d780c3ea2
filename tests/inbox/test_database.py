"""The database: its first use, its errors, its calls, and forks."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database, open_engine
from flask_ycloud.inbox.tables import SCHEMA_VERSION, make_tables, schema

from .support import add, count, versions


def test_the_tables_are_made_at_first_use_and_found_later(database: Database) -> None:
    assert database.read(count) == 0
    again = Database(database._engine)
    assert again.read(count) == 0
    assert again.read(lambda tx: tx.execute(sa.select(schema.c.version)).scalar()) == (
        SCHEMA_VERSION
    )


def test_many_processes_may_make_the_tables_together(inbox_url: str) -> None:
    """Databases with their own engine, connections and locks, as in separate processes."""
    databases = [Database(open_engine(inbox_url), owned=True) for _ in range(6)]
    start, failed = threading.Barrier(len(databases)), []

    def first_use(database: Database) -> None:
        start.wait()
        try:
            database.read(count)
        except InboxUnavailable as error:
            failed.append(error)

    threads = [threading.Thread(target=first_use, args=(each,)) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_tables_that_are_there_are_found_without_a_lock(
    inbox_url: str, database: Database
) -> None:
    """A process that was stopped while it held that lock does not block other starts."""
    database.init()
    with database._writing.begin() as stopped:
        make_tables(stopped)
        impatient = f"{inbox_url}%20-clock_timeout%3D5000"  # milliseconds
        another = Database(open_engine(impatient), owned=True)
        assert another.read(count) == 0


def test_threads_of_a_process_make_the_tables_once(database: Database) -> None:
    begun: list[Connection] = []
    sa.event.listen(database._writing, "begin", begun.append)
    start = threading.Barrier(6)

    def first_use() -> None:
        start.wait()
        database.read(count)

    threads = [threading.Thread(target=first_use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == 1


def test_a_thread_that_cannot_connect_holds_up_no_other(database: Database) -> None:
    """They wait for its connection for half a second, then open their own."""
    connecting, go_on = threading.Event(), threading.Event()

    def first_is_slow(*_: object) -> None:
        if not connecting.is_set():
            connecting.set()
            assert go_on.wait(60)

    sa.event.listen(database._engine, "do_connect", first_is_slow)
    stuck = threading.Thread(target=database.hashed, args=("447901614024",))
    stuck.start()
    try:
        assert connecting.wait(60)
        assert len(database.hashed("447901614024")) == 32
    finally:
        go_on.set()
        stuck.join()


def test_errors_show_no_row(database: Database) -> None:
    """A driver's text may quote the row that it could not write."""

    def twice(tx: Connection) -> None:
        statement = sa.text("INSERT INTO ycloud_workers (name, seen_at) VALUES (:h, 1)")
        for _ in range(2):
            tx.execute(statement, {"h": "+447901614024"})

    with pytest.raises(InboxUnavailable) as caught:
        database.write(twice)
    assert "447901614024" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "SERIALIZABLE"])
def test_another_isolation_level_of_an_engine_changes_nothing(
    inbox_url: str, level: str
) -> None:
    """The app has set this. Our writes are still done together or not at all."""
    engine = sa.create_engine(inbox_url, isolation_level=level)
    database = Database(engine, owned=True)
    with database.transaction() as transaction:
        transaction.open().execute(schema.insert().values(version=7))
    assert versions(database) == [SCHEMA_VERSION]
    database.write(lambda tx: add(tx, 5))
    assert versions(database) == [SCHEMA_VERSION, 1005]
    engine.dispose()


def test_calls_are_heard_in_other_processes(database: Database) -> None:
    """PostgreSQL's LISTEN and NOTIFY, which SQLite does not have."""
    database.init()
    if not database.can_notify:
        database.notify()
        return
    with closing(database.notifications(0.05)) as calls:
        assert next(calls) is False
        database.notify()
        assert next(calls) is True
        assert next(calls) is False


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_listening_ends_with_its_connection(database: Database) -> None:
    database.init()
    with closing(database.notifications(0.05)) as calls:
        assert next(calls) is False
        end = sa.text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )
        database.read(lambda tx: tx.execute(end).all())
        with pytest.raises(InboxUnavailable, match="Listening failed"):
            list(calls)


def test_a_notification_that_fails_does_no_harm() -> None:
    nowhere = Database(
        open_engine("postgresql+psycopg://postgres@127.0.0.1:9/x"), owned=True
    )
    nowhere.notify()


def test_a_locked_database_says_so(tmp_path: Path) -> None:
    database = Database(open_engine("sqlite:///a.db", tmp_path), owned=True)
    database.read(count)
    sa.event.listen(
        database._engine, "connect", lambda c, _: c.execute("PRAGMA busy_timeout = 1")
    )
    database._engine.dispose()
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(InboxUnavailable, match="database is locked"):
        database.write(add)
    other.execute("ROLLBACK")
    other.close()
    assert database.write(add) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_connections_and_locks_of_its_own(database: Database) -> None:
    """As in a preloading server whose master used the inbox."""
    database.write(add)
    with database._shared._lock:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if database.write(lambda tx: add(tx, 5)) == 5 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    versions = database.read(
        lambda tx: tx.execute(sa.select(schema.c.version)).scalars().all()
    )
    assert set(versions) == {SCHEMA_VERSION, 1000, 1005}


def test_after_a_fork_everything_is_new(database: Database) -> None:
    """Run the child's part in this process, so that coverage measures it."""
    database.write(add)
    database._engine.dispose()
    lock = database._shared._lock
    lock.acquire()
    database.after_fork()
    assert database._shared._lock is not lock
    assert database.write(lambda tx: add(tx, 5)) == 5
