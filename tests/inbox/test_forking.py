"""Forks at any moment: the child writes to the inbox and does not disturb the parent."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from flask_ycloud.inbox import Database, Inbox, forking, open_engine

from .support import accept, add, count

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    yield
    forking._connections.clear()
    forking._sockets.clear()
    forking._abandoned.clear()


@pytest.fixture
def inbox(inbox_url: str) -> Iterator[Inbox]:
    made = Inbox(Database(open_engine(inbox_url), owned=True))
    made.database.init()
    yield made
    made.database._engine.dispose()


def status_of_child(work: Callable[[], object]) -> int:
    """Fork, and do the work in the child. Return 0 for success, 9 after a minute."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    until = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > until:
            os.kill(child, 9)
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(ended[1])


def integrity(database: Database) -> str:
    if database.dialect != "sqlite":
        return "ok"
    check = "PRAGMA integrity_check"
    return "\n".join(database.read(lambda tx: tx.exec_driver_sql(check).scalars().all()))


def test_in_the_middle_of_a_write_of_another_thread(inbox: Inbox) -> None:
    """A handler has an open transaction meanwhile, for any time."""
    holds, forked = threading.Event(), threading.Event()
    ended: list[bool] = []

    def handle() -> None:
        with inbox.database.transaction() as transaction:
            add(transaction.open(), 1)
            holds.set()
            assert forked.wait(30)
            ended.append(transaction.finish(lambda tx: bool(add(tx, 2))))

    handler = threading.Thread(target=handle)
    handler.start()
    assert holds.wait(10)
    read, write = os.pipe()

    def child() -> None:
        os.read(read, 1)  # until the parent's transaction has ended
        accept(inbox, "evt_child")
        assert inbox.database.read(count) == 1

    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child()
            code = 0
        finally:
            os._exit(code)
    forked.set()
    handler.join()
    os.write(write, b"!")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(read)
    os.close(write)
    assert ended == [True], "the parent's transaction is its own"
    accept(inbox, "evt_parent")
    assert inbox.database.read(count) == 2
    assert inbox.database.read(_added) == [1, 2]
    assert integrity(inbox.database) == "ok"


def _added(tx: Connection) -> list[int]:
    query = "SELECT version - 1000 FROM ycloud_schema WHERE version >= 1000 ORDER BY 1"
    return list(tx.exec_driver_sql(query).scalars())


def test_inside_of_the_transaction(inbox: Inbox) -> None:
    """The handler itself forks: nothing waits for it, and the child has no connection."""
    with inbox.database.transaction() as transaction:
        connection = transaction.open()
        add(connection, 1)
        started = time.monotonic()

        def child() -> None:
            with pytest.raises(sa.exc.DBAPIError):
                connection.execute(sa.text("SELECT 1"))

        assert status_of_child(child) == 0
        assert time.monotonic() - started < forking.FORK_SECONDS
        assert transaction.finish(lambda tx: bool(add(tx, 2)))
    assert inbox.database.read(_added) == [1, 2]
    assert integrity(inbox.database) == "ok"


def test_while_many_threads_write(inbox: Inbox) -> None:
    """Each child writes, forks itself, and the grandchild writes, too."""
    stop = threading.Event()
    accepted: list[str] = []

    def write(name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            event_id = f"evt_{name}_{number}"
            accept(inbox, event_id)
            accepted.append(event_id)

    threads = [threading.Thread(target=write, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(15):

            def child(number: int = number) -> None:
                accept(inbox, f"evt_child_{number}")
                grandchild = lambda: accept(inbox, f"evt_grandchild_{number}")  # noqa: E731
                assert status_of_child(grandchild) == 0

            assert status_of_child(child) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert inbox.database.read(count) == len(accepted) + 30
    assert integrity(inbox.database) == "ok"


def test_the_child_does_not_keep_the_parents_locks(inbox: Inbox) -> None:
    """The parent dies during a write. A child that still runs blocks no other process."""
    inbox.database._engine.dispose()  # the open files of this process do not matter here
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        transaction = inbox.database.transaction()
        transaction.__enter__()
        add(transaction.open(), 1)
        child = os.fork()
        if child == 0:
            time.sleep(60)
        os.write(write, str(child).encode())
        os._exit(0)
    os.waitpid(parent, 0)
    accept(inbox)
    assert inbox.database.write(lambda tx: add(tx, 2)) == 2
    assert inbox.database.read(_added) == [2]
    os.kill(int(os.read(read, 20)), signal.SIGKILL)
    os.close(read)
    os.close(write)


def test_a_thread_that_stays_in_sqlite_holds_up_no_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is not asked, and not closed in the child. The others are closed."""
    monkeypatch.setattr(forking, "FORK_SECONDS", 0.1)
    asked: list[sqlite3.Connection] = []
    monkeypatch.setattr(forking, "_has_transaction", asked.append)
    busy: list[sqlite3.Connection] = []
    database = Database(open_engine("sqlite:///a.db", tmp_path), owned=True)
    database.init()
    inside, go_on = threading.Event(), threading.Event()

    def hang() -> int:
        inside.set()
        go_on.wait(30)
        return 1

    def select(tx: Connection) -> Any:
        driver: Any = tx.connection.driver_connection
        busy.append(driver)
        driver.create_function("hang", 0, hang)
        return driver.execute("SELECT hang()").fetchall()

    slow = threading.Thread(target=database.read, args=(select,))
    slow.start()
    assert inside.wait(10)
    started = time.monotonic()
    assert status_of_child(lambda: database.write(add)) == 0
    assert time.monotonic() - started < 5
    assert busy[0] not in asked
    go_on.set()
    slow.join()
    assert database.read(_added) == [0]


def test_functions_that_sqlite_calls_may_use_it(tmp_path: Path) -> None:
    database = Database(open_engine("sqlite:///a.db", tmp_path), owned=True)

    def work(tx: Connection) -> Any:
        driver: Any = tx.connection.driver_connection
        other = sqlite3.connect(tmp_path / "a.db", factory=forking.SQLiteConnection)
        look = lambda: other.execute("SELECT 7").fetchone()[0]  # noqa: E731
        driver.create_function("look", 0, look)
        found = driver.execute("SELECT look()").fetchall()
        other.close()
        return found

    assert database.read(work) == [(7,)]


@pytest.mark.parametrize("late", [False, True])
def test_what_a_child_closes(
    inbox_url: str, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """In this process, for coverage. A late child does not close connections of SQLite."""
    monkeypatch.setattr(forking, "FORK_SECONDS", -1.0 if late else 2.5)
    database = Database(open_engine(inbox_url), owned=True)
    database.init()
    with database._engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        add(connection, 1)
        _cursor = driver.cursor()  # of a thread that the child does not have
        forking._before_fork()
        forking._after_in_child()
        if late and database.dialect == "sqlite":
            assert forking._abandoned
            driver.rollback()
        else:
            with pytest.raises(database._engine.dialect.loaded_dbapi.Error):
                driver.execute("SELECT 1")
        connection.invalidate()
    assert database.write(add) == 0
    database._engine.dispose()


def test_the_parent_goes_on_when_the_child_has_ended() -> None:
    handshake = forking._Handshake()
    handshake.wait()
    assert handshake.in_time()


def test_rows_are_fetched_as_usual(tmp_path: Path) -> None:
    with closing(sqlite3.connect(":memory:", factory=forking.SQLiteConnection)) as made:
        cursor = made.execute("VALUES (1), (2), (3), (4)")
        assert cursor.fetchmany() == [(1,)]
        assert cursor.fetchmany(2) == [(2,), (3,)]
        cursor.close()
    assert not forking._has_transaction(made)


def test_a_fork_waits_for_every_call_into_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for the closing of a cursor that was dropped, which is how Python ends it."""
    closed: list[object] = []

    def in_sqlite(thing: Any, *args: Any) -> Any:
        if args[1] is sqlite3.Cursor.close:
            closed.append(args[1])
        return waiting(thing, *args)

    waiting = forking._in_sqlite
    monkeypatch.setattr(forking, "_in_sqlite", in_sqlite)
    fork_waits = lambda: threading.get_ident() in forking._inside  # noqa: E731
    with closing(sqlite3.connect(":memory:", factory=forking.SQLiteConnection)) as made:
        made.create_function("fork_waits", 0, fork_waits)
        for thing in (made, made.cursor()):
            thing.execute("CREATE TABLE seen (it)")
            thing.executemany("INSERT INTO seen VALUES (fork_waits() + ?)", [(0,), (0,)])
            thing.executescript("INSERT INTO seen VALUES (fork_waits())")
            assert list(thing.execute("SELECT it FROM seen")) == [(1,), (1,), (1,)]
            assert list(thing.execute("SELECT fork_waits() FROM seen")) == [(1,)] * 3
            thing.executescript("DROP TABLE seen")
        del thing
        before = len(closed)
        cursor = made.execute("VALUES (1), (2)")
        del cursor
        gc.collect()
        assert len(closed) == before + 1
        kept = made.cursor()
    del kept  # its connection is closed


def test_drivers_without_a_socket_are_left_to_themselves() -> None:
    forking.note_socket(object())
    assert not forking._sockets


def test_an_engine_of_the_app(tmp_path: Path) -> None:
    """While the parent's transaction is open, the child reads. It writes after its end."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/a.db")
    database = Database(engine)
    read, write = os.pipe()

    def child() -> None:
        assert database.read(count) == 0
        os.read(read, 1)
        database.write(lambda tx: add(tx, 2))

    with database.transaction() as transaction:
        add(transaction.open(), 1)
        thread = threading.Thread(target=lambda: statuses.append(status_of_child(child)))
        statuses: list[int] = []
        thread.start()
    os.write(write, b"!")
    thread.join()
    assert statuses == [0]
    assert database.read(_added) == [2]
    os.close(read)
    os.close(write)
    engine.dispose()
