"""The inbox's connection: a handler's writes happen exactly once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from flask_ycloud import Event, InboxUnavailable, on_event
from flask_ycloud.inbox.tables import events

from .support import TYPE, Bench


@pytest.fixture
def notes(bench: Bench) -> Callable[[], list[str]]:
    """A table of the app's own in the inbox's database."""
    bench.inbox.database.init()
    bench.inbox.database.write(
        lambda tx: tx.exec_driver_sql("CREATE TABLE notes (note TEXT NOT NULL)")
    )
    query = sa.text("SELECT note FROM notes ORDER BY note")
    return lambda: list(
        bench.inbox.database.read(lambda tx: tx.execute(query).scalars().all())
    )


def note(event: Event[Any], text: str | None) -> None:
    event.connection.execute(sa.text("INSERT INTO notes VALUES (:note)"), {"note": text})


def test_a_handlers_writes_and_its_success_are_one_commit(
    bench: Bench, notes: Callable[[], list[str]], told: list[Any]
) -> None:
    on_event(TYPE, name="a")(lambda event: note(event, "a"))

    @on_event(TYPE, name="b")
    def two(event: Event[Any]) -> None:
        note(event, "b1")
        note(event, "b2")

    on_event(TYPE, name="c")(lambda event: None)
    event_id = bench.accept()
    bench.handle()
    assert notes() == ["a", "b1", "b2"]
    assert bench.look(event_id).state == "done"
    assert {state.state for state in bench.look(event_id).handlers} == {"succeeded"}
    assert [name for name, _ in told] == ["handler-succeeded"] * 3 + ["event-done"]


def test_a_handler_that_raises_has_written_nothing(
    bench: Bench, notes: Callable[[], list[str]]
) -> None:
    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        note(event, f"attempt {event.attempt}")
        if event.attempt == 1:
            raise LookupError

    event_id = bench.accept()
    bench.handle()
    assert notes() == []
    bench.clock.now += 10
    bench.handle()
    assert notes() == ["attempt 2"]
    assert bench.look(event_id).state == "done"


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_a_commit_that_is_refused_is_a_failure(
    bench: Bench, notes: Callable[[], list[str]]
) -> None:
    """PostgreSQL refuses to commit after an error, even one that was caught."""

    @on_event(TYPE, name="one")
    def swallow(event: Event[Any]) -> None:
        note(event, "good")
        with suppress(sa.exc.IntegrityError):
            note(event, None)

    event_id = bench.accept()
    bench.handle()
    event = bench.look(event_id)
    assert event.state == "pending"
    assert "InboxUnavailable at" in str(event.handlers[0].error)
    assert notes() == []


def test_who_was_taken_over_has_written_nothing(
    bench: Bench, notes: Callable[[], list[str]]
) -> None:
    """Its writes and its outcome are refused together."""

    @on_event(TYPE, name="one")
    def late(event: Event[Any]) -> None:
        note(event, "late")
        # As if another process had claimed it meanwhile.
        event.connection.execute(events.update().values(attempt=events.c.attempt + 1))

    event_id = bench.accept()
    bench.handle()
    assert notes() == []
    assert bench.look(event_id).state == "running"
    assert bench.look(event_id).handlers == ()


def test_a_lost_connection_undoes_it(bench: Bench, notes: Callable[[], list[str]]) -> None:
    @on_event(TYPE, name="one")
    def cut(event: Event[Any]) -> None:
        note(event, "one")
        if event.attempt == 1:
            event.connection.connection.driver_connection.close()  # type: ignore[union-attr]

    event_id = bench.accept()
    bench.handle()
    assert notes() == []
    assert bench.look(event_id).state == "pending"
    bench.clock.now += 10
    bench.handle()
    assert notes() == ["one"]


def test_a_thread_that_outlives_the_handler_gets_none(
    bench: Bench, notes: Callable[[], list[str]]
) -> None:
    """And it leaves nothing open: on SQLite that would keep out every later delivery."""
    kept: list[Event[Any]] = []
    on_event(TYPE, name="one")(kept.append)
    bench.accept()
    bench.handle()
    with ThreadPoolExecutor(1) as pool:
        for late in (note, lambda *args: pool.submit(note, *args).result()):
            with pytest.raises(InboxUnavailable, match="in a handler only"):
                late(kept[0], "late")
            bench.accept()
    assert bench.inbox.stats().pending == 2
    assert notes() == []


def test_another_thread_gets_none_while_the_handler_runs(
    bench: Bench, notes: Callable[[], list[str]]
) -> None:
    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        with ThreadPoolExecutor(1) as pool:
            note(event, "own")
            with pytest.raises(InboxUnavailable, match="in a handler only"):
                pool.submit(note, event, "other").result()

    bench.accept()
    bench.handle()
    assert notes() == ["own"]


def test_a_connection_that_was_kept_is_closed(
    bench: Bench, notes: Callable[[], list[str]]
) -> None:
    kept: list[sa.Connection] = []

    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        kept.append(event.connection)

    bench.accept()
    bench.handle()
    with pytest.raises(sa.exc.ResourceClosedError):
        kept[0].execute(sa.select(1))


@pytest.mark.parametrize("early", ["commit", "close"])
def test_who_ends_the_transaction_itself_has_written_nothing(
    bench: Bench, notes: Callable[[], list[str]], early: str
) -> None:
    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        note(event, "early")
        with suppress(Exception):
            getattr(event.connection, early)()

    event_id = bench.accept()
    bench.handle()
    assert notes() == []
    event = bench.look(event_id)
    assert (event.state, event.handlers[0].state) == ("pending", "failed")


@pytest.mark.parametrize("after", [[], ["after"]])
def test_a_rollback_of_the_handlers_own_undoes_what_was_before_it(
    bench: Bench, notes: Callable[[], list[str]], after: list[str]
) -> None:
    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        note(event, "before")
        event.connection.rollback()
        for text in after:
            note(event, text)

    event_id = bench.accept()
    bench.handle()
    assert notes() == after
    assert bench.look(event_id).state == "done"
