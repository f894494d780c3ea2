"""Commits that writers share, and transactions of their own."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database
from flask_ycloud.inbox.commits import _Write
from flask_ycloud.inbox.tables import SCHEMA_VERSION, schema

from ..support import eventually
from .support import add, count, versions


def test_a_lone_write_waits_for_nothing(database: Database) -> None:
    assert database.write(lambda tx: add(tx, 7)) == 7
    assert database.read(lambda tx: tx.execute(sa.select(schema.c.version)).all()) != []


def test_writers_share_a_commit(database: Database) -> None:
    """All writes that arrive during a commit are in the next commit."""
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
    """A signal raises an exception while a thread waits, or when it is about to lead."""
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
    assert versions(database) == [SCHEMA_VERSION, 1006], "it was withdrawn"


def test_an_error_of_the_work_itself_is_its_writers(database: Database) -> None:
    with pytest.raises(InboxUnavailable, match="cannot be stored: ZeroDivisionError"):
        database.write(lambda tx: 1 // 0)
    assert database.write(lambda tx: add(tx, 5)) == 5
