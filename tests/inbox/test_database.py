"""Opening a database, and commits that writers share."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from flask_ycloud import ConfigurationError, InboxUnavailable
from flask_ycloud.inbox import Database, open_engine
from flask_ycloud.inbox.commits import _Write
from flask_ycloud.inbox.database import _after_fork
from flask_ycloud.inbox.tables import make_tables, schema

from ..support import eventually

POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1/test"


def count(tx: Connection) -> int:
    return int(tx.execute(sa.text("SELECT count(*) FROM ycloud_events")).scalar_one())


def versions(database: Database) -> list[int]:
    query = sa.select(schema.c.version).order_by(schema.c.version)
    return list(database.read(lambda tx: tx.execute(query).scalars().all()))


def add(tx: Connection, number: int = 0) -> int:
    tx.execute(schema.insert().values(version=number + 1000))
    return number


def test_a_relative_path_starts_from_the_folder(tmp_path: Path) -> None:
    assert open_engine("sqlite:///a.db", tmp_path).url.database == f"{tmp_path}/a.db"
    assert open_engine("sqlite:////b/a.db", tmp_path).url.database == "/b/a.db"


def test_an_engine_is_taken_as_it_is() -> None:
    engine = sa.create_engine("sqlite:////srv/inbox.db")
    assert open_engine(engine) is engine


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("inbox.db", "a str, is no database URL"),
        ("postgresql://u:hunter2@h:port/db", "is no database URL"),
        ("nosuch://u:hunter2@h/db", "database of 'nosuch'"),
        ("mysql://u:hunter2@h/db", "database of 'mysql'. It takes SQLite or"),
        ("postgresql+nosuch://u:hunter2@h/db", "is no database URL"),
        (7, "a int, is no database URL"),
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
    with engine.connect() as connection:
        for pragma, value in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("fullfsync", 1),
        ):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    engine.dispose()


def test_the_tables_are_made_at_first_use_and_found_later(database: Database) -> None:
    assert database.read(count) == 0
    again = Database(database._engine)
    assert again.read(count) == 0
    assert again.read(lambda tx: tx.execute(sa.select(schema.c.version)).scalar()) == 1


def test_many_processes_may_make_the_tables_together(inbox_url: str) -> None:
    """Each as if it had its own process: an engine, connections and locks of its own."""
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
    """A process that was stopped while it held that lock holds up no other's start."""
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


def test_who_opens_sqlite_while_another_makes_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To change to WAL beside a writer, SQLite itself refuses at once."""
    other = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    tries: list[float] = []

    def sleep(seconds: float) -> None:
        tries.append(seconds)
        other.rollback()

    monkeypatch.setattr("flask_ycloud.inbox.engine.time.sleep", sleep)
    database = Database(open_engine(f"sqlite:///{tmp_path}/inbox.db"), owned=True)
    assert database.read(count) == 0
    assert tries == [0.01]
    database._engine.dispose()
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("flask_ycloud.inbox.engine._BUSY_SECONDS", -1)
    with pytest.raises(InboxUnavailable, match="locked"):
        database.read(count)
    other.close()


def test_a_lone_write_waits_for_nothing(database: Database) -> None:
    assert database.write(lambda tx: add(tx, 7)) == 7
    assert database.read(lambda tx: tx.execute(sa.select(schema.c.version)).all()) != []


def test_writers_share_a_commit(database: Database) -> None:
    """Those who come while one writes are all in the next commit."""
    commits: list[int] = []
    database.read(count)
    sa.event.listen(database._writing, "commit", lambda _: commits.append(1))
    writing, go_on = threading.Event(), threading.Event()

    def slow(tx: Connection) -> None:
        writing.set()
        assert go_on.wait(10)

    results: list[int] = []
    threads = [threading.Thread(target=lambda: database.write(slow))]
    threads[0].start()
    assert writing.wait(10)
    for number in range(8):
        threads.append(
            threading.Thread(
                target=lambda n=number: results.append(
                    database.write(lambda tx: add(tx, n))
                )
            )
        )
        threads[-1].start()
    eventually(lambda: len(database._shared._waiting) == 8)
    go_on.set()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(8))
    assert len(commits) == 2


def test_an_error_fails_its_own_batch_and_no_later_one(database: Database) -> None:
    with pytest.raises(InboxUnavailable, match="database failed"):
        database.write(lambda tx: tx.execute(sa.text("INSERT INTO nowhere VALUES (1)")))
    with pytest.raises(InboxUnavailable):
        database.write_single(
            lambda tx: tx.execute(sa.text("INSERT INTO nowhere VALUES (1)"))
        )
    with pytest.raises(InboxUnavailable):
        database.read(lambda tx: tx.execute(sa.text("SELECT * FROM nowhere")))
    assert database.write(add) == 0


def test_an_interrupted_writer_leaves_nobody_waiting(database: Database) -> None:
    def interrupted(tx: Connection) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(interrupted)
    assert database.write(add) == 0


@pytest.mark.parametrize("promoted", [False, True])
def test_an_interrupted_waiter_is_missed_by_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch, promoted: bool
) -> None:
    """A signal's exception while it waits, or just when it was to lead the others."""
    database.init()
    writing, go_on = threading.Event(), threading.Event()

    def slow(tx: Connection) -> None:
        writing.set()
        assert go_on.wait(10)

    leader = threading.Thread(target=lambda: database.write(slow))
    leader.start()
    assert writing.wait(10)

    class Interrupted:
        def acquire(self) -> None:
            if promoted:
                go_on.set()
                leader.join()
                assert database._shared._waiting[0].leads
            raise KeyboardInterrupt

        def release(self) -> None: ...

    def interrupted(work: Any, what: Any) -> _Write[Any, Any]:
        made = _Write(work, what)
        made.turn = Interrupted()  # type: ignore[assignment]
        return made

    with monkeypatch.context() as patch:
        patch.setattr("flask_ycloud.inbox.commits._Write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            database.write(lambda tx: add(tx, 5))
    go_on.set()
    leader.join()
    assert not database._shared._waiting
    assert not database._shared._led
    assert database.write(lambda tx: add(tx, 6)) == 6
    assert versions(database) == [1, 1006], "it was withdrawn"


def test_errors_show_no_row(database: Database) -> None:
    """A driver's text may quote what it could not write."""

    def twice(tx: Connection) -> None:
        statement = sa.text("INSERT INTO ycloud_workers (name, seen_at) VALUES (:h, 1)")
        for _ in range(2):
            tx.execute(statement, {"h": "+447901614024"})

    with pytest.raises(InboxUnavailable) as caught:
        database.write(twice)
    assert "447901614024" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    database = Database(open_engine("sqlite:///a/b.db", tmp_path / "file"), owned=True)
    with pytest.raises(InboxUnavailable, match=r"file/a: Not a directory"):
        database.read(count)


def test_an_engine_that_does_not_sync_is_refused(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/app.db")
    sa.event.listen(
        engine, "connect", lambda c, _: c.execute("PRAGMA synchronous = NORMAL")
    )
    with pytest.raises(InboxUnavailable, match="Set it to FULL"):
        Database(engine).write(add)
    engine.dispose()


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "SERIALIZABLE"])
def test_another_isolation_level_of_an_engine_changes_nothing(
    inbox_url: str, level: str
) -> None:
    """Its owner's setting: writes of ours are still done together or not at all."""
    engine = sa.create_engine(inbox_url, isolation_level=level)
    database = Database(engine, owned=True)
    transaction = database.transaction()
    transaction.open().execute(schema.insert().values(version=7))
    transaction.close()
    assert versions(database) == [1]
    database.write(lambda tx: add(tx, 5))
    assert versions(database) == [1, 1005]
    engine.dispose()


def test_a_transaction_opens_when_it_is_asked_for(database: Database) -> None:
    transaction = database.transaction()
    assert not transaction.opened
    transaction.close()
    assert transaction.open() is transaction.open()
    transaction.open().execute(schema.insert().values(version=7))
    assert transaction.finish(lambda tx: add(tx, 5) == 5)
    transaction.close()
    assert {7, 1005} <= set(versions(database))


def test_a_transaction_is_undone_unless_it_finishes_well(database: Database) -> None:
    for end in ("close", "false", "error"):
        transaction = database.transaction()
        transaction.open().execute(schema.insert().values(version=7))
        if end == "false":
            assert not transaction.finish(lambda tx: False)
        if end == "error":
            with pytest.raises(InboxUnavailable):
                transaction.finish(lambda tx: bool(tx.execute(sa.text("NONSENSE"))))
        transaction.close()
        assert versions(database) == [1]


def test_calls_are_heard_in_other_processes(database: Database) -> None:
    """PostgreSQL's LISTEN and NOTIFY; SQLite has nothing of the kind."""
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


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_connections_that_broke_while_they_were_idle_are_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart of PostgreSQL in a quiet hour: no delivery meets the old ones."""
    database.init()
    url = database._engine.url
    end = sa.text(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
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
    monkeypatch.setattr("flask_ycloud.inbox.engine._IDLE_SECONDS", 0)
    assert database.write(lambda tx: add(tx, 5)) == 5
    assert len(pings) == 1


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
    assert set(versions) == {1, 1000, 1005}


def test_after_a_fork_everything_is_new(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the child does, where coverage sees it; of this database alone."""
    monkeypatch.setattr("flask_ycloud.inbox.database._databases", {database})
    database.write(add)
    database._engine.dispose()
    lock = database._shared._lock
    lock.acquire()
    _after_fork()
    assert database._shared._lock is not lock
    assert database.write(lambda tx: add(tx, 5)) == 5
