"""A handler's transaction: when it opens, and whether its writes are committed."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
import sqlalchemy as sa

from flask_ycloud import ConfigurationError, InboxUnavailable
from flask_ycloud.inbox import Database
from flask_ycloud.inbox.tables import SCHEMA_VERSION, schema
from flask_ycloud.inbox.transactions import Transaction

from .support import add, versions

INSERT = schema.insert().values(version=7)


def test_it_opens_when_it_is_asked_for(database: Database) -> None:
    told: list[str] = []
    with database.transaction(lambda: told.append("before")) as transaction:
        assert not transaction.opened
        assert told == []
        assert transaction.open() is transaction.open()
        assert told == ["before"]
        transaction.open().execute(INSERT)
        assert transaction.finish(lambda tx: add(tx, 5) == 5)
    assert {7, 1005} <= set(versions(database))


@pytest.mark.parametrize("end", ["nothing", "false", "error"])
def test_it_is_undone_unless_it_finishes_well(database: Database, end: str) -> None:
    with database.transaction() as transaction:
        transaction.open().execute(INSERT)
        if end == "false":
            assert not transaction.finish(lambda tx: False)
        if end == "error":
            with pytest.raises(InboxUnavailable):
                transaction.finish(lambda tx: bool(tx.execute(sa.text("NONSENSE"))))
    assert versions(database) == [SCHEMA_VERSION]


def test_it_cannot_be_opened_before_nor_after_its_block(database: Database) -> None:
    transaction = database.transaction()
    with pytest.raises(InboxUnavailable, match="in its own thread, while it runs"):
        transaction.open()
    with transaction:
        transaction.open()
    with pytest.raises(InboxUnavailable, match="in its own thread, while it runs"):
        transaction.open()
    assert database.write(lambda tx: add(tx, 5)) == 5, "nothing was left open"


def test_it_cannot_be_opened_in_another_thread(database: Database) -> None:
    def open_beside(transaction: Transaction) -> None:
        with ThreadPoolExecutor(1) as pool:
            for work in (transaction.open, lambda: copy_context().run(transaction.open)):
                with pytest.raises(InboxUnavailable, match="in its own thread"):
                    pool.submit(work).result()

    with database.transaction() as transaction:
        open_beside(transaction)
        transaction.open()
        open_beside(transaction)


async def _open(transaction: Transaction) -> bool:
    with pytest.raises(InboxUnavailable, match="in its own thread"):
        await asyncio.to_thread(transaction.open)
    return transaction.open() is transaction.open()


async def _refused(transaction: Transaction) -> None:
    with pytest.raises(InboxUnavailable, match="in its own thread"):
        transaction.open()


def test_a_coroutine_of_its_thread_can_open_it_and_its_threads_cannot(
    database: Database,
) -> None:
    with database.transaction() as transaction:
        assert asyncio.run(_open(transaction))


def test_where_the_thread_runs_a_loop_a_coroutine_of_a_second_thread_can_open_it(
    database: Database,
) -> None:
    """As in an async test or server. Another event loop cannot use it."""

    async def serve() -> bool:
        with database.transaction() as transaction, ThreadPoolExecutor(1) as pool:
            elsewhere = pool.submit(lambda: asyncio.run(_refused(transaction)))
            elsewhere.result()
            context = copy_context()
            return pool.submit(context.run, asyncio.run, _open(transaction)).result()

    assert asyncio.run(serve())


def test_the_handlers_commit_is_refused(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.open().execute(INSERT)
        with pytest.raises(ConfigurationError, match=r"leave out commit\(\)"):
            transaction.open().commit()
    assert versions(database) == [SCHEMA_VERSION]
    assert database.write(lambda tx: add(tx, 5)) == 5


def test_a_connection_that_the_handler_closed_is_undone(database: Database) -> None:
    with database.transaction() as transaction:
        with transaction.open() as connection:
            connection.execute(INSERT)
        with pytest.raises(ConfigurationError, match="leave out close"):
            transaction.finish(lambda tx: True)
    assert versions(database) == [SCHEMA_VERSION]


def test_a_connection_that_cannot_begin_goes_back(database: Database) -> None:
    database.init()
    begin, checked_out = threading.Event(), database._engine.pool.checkedout  # type: ignore[attr-defined]

    def fail(_: sa.Connection) -> None:
        begin.set()
        raise sa.exc.OperationalError("BEGIN", {}, Exception())

    sa.event.listen(database._writing, "begin", fail)
    with database.transaction() as transaction:
        with pytest.raises(InboxUnavailable):
            transaction.open()
        assert begin.is_set()
        assert checked_out() == 0
    sa.event.remove(database._writing, "begin", fail)
