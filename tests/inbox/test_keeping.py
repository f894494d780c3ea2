"""When events, dead letters and bodies are deleted; ids are kept for longer."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flask_ycloud import EventEmptied, EventNotFound, EventRunning
from flask_ycloud.inbox import (
    Database,
    HandlerState,
    Inbox,
    StoredEvent,
    Verdict,
    open_engine,
    queries,
)
from flask_ycloud.inbox.tables import attempts, events, outcomes

from ..conftest import Clock
from .support import DONE, SUCCEEDED, accept, claim, count, state_of

DAY = 86_400
FAILED = HandlerState("app:track", "failed", 1, error="ValueError at app.py:1\nof Ann")


def the(inbox: Inbox, event_id: str = "evt_1") -> StoredEvent:
    found = inbox.get(event_id)
    assert found is not None
    return found


def bare(inbox: Inbox, event_id: str = "evt_1") -> bool:
    """Whether only the id and the times of an event are left."""

    def work(tx: sa.Connection) -> tuple[Any, list[Any]]:
        row = tx.execute(events.select().where(events.c.id == event_id)).one()
        runs = [
            run
            for table in (outcomes, attempts)
            for run in tx.execute(table.select().where(table.c.event_seq == row.seq))
        ]
        return row, runs

    row, runs = inbox.database.read(work)
    nothing = (row.body, row.reason, row.key, row.traceparent, row.due_at) == (
        b"", None, None, None, None,
    )  # fmt: skip
    return nothing and runs == [] and row.state == "deleted" and row.emptied_at is not None


def test_a_dead_letter_ends(database: Database, clock: Clock) -> None:
    inbox = Inbox(database, clock=clock, dead_retention_days=60)
    accept(inbox, dead="not understood")
    clock.now += 59 * DAY
    assert inbox.prune() == 0
    clock.now += 2 * DAY
    assert inbox.prune() == 1
    assert inbox.get("evt_1") is None


def test_dead_letters_are_kept_for_ever_if_that_is_wanted(
    database: Database, clock: Clock
) -> None:
    inbox = Inbox(database, clock=clock, dead_retention_days=0)
    accept(inbox, dead="not understood")
    clock.now += 4_000 * DAY
    assert inbox.prune() == 0


def test_the_default_is_90_days(inbox: Inbox, clock: Clock) -> None:
    accept(inbox, dead="not understood")
    clock.now += 89 * DAY
    assert inbox.prune() == 0
    clock.now += 2 * DAY
    assert inbox.prune_some() == 1


def test_an_id_is_known_for_as_long_as_a_copy_could_come(
    inbox: Inbox, clock: Clock
) -> None:
    """The id is kept even if everything else is deleted at once."""
    accept(inbox, traceparent="00-1-1-01")
    inbox.save(claim(inbox), FAILED, Verdict("pending", due_at=0))
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    clock.now += 1
    assert inbox.prune(days=1e-6) == 1
    assert bare(inbox)
    assert accept(inbox) == "duplicate"
    assert accept(inbox, body=b"another") == "conflict", "its hash is known"
    assert inbox.prune(days=1e-6) == 0
    clock.now += 12 * 3600 - 1
    inbox.prune()
    assert accept(inbox) == "duplicate", "which may be copied again, from now on"
    clock.now += 12 * 3600 + 1
    inbox.prune()
    assert inbox.get("evt_1") is None
    assert accept(inbox) == "accepted"


@pytest.mark.parametrize("state", ["pending", "parked", "waiting", "done", "dead"])
def test_one_event_is_deleted(inbox: Inbox, state: str) -> None:
    if state == "parked":
        accept(inbox, "evt_0", key="k")
    accept(inbox, key="k", dead="why" if state == "dead" else None)
    if state == "waiting":
        inbox.save(claim(inbox), FAILED, Verdict("pending", due_at=1e12))
    if state == "done":
        inbox.save(claim(inbox), SUCCEEDED, DONE)
    inbox.delete("evt_1", endpoint="ycloud", tenant="")
    assert bare(inbox)
    assert the(inbox).body == b""
    assert accept(inbox) == "duplicate"
    assert [each.id for each in inbox.fetch(9)] == (["evt_0"] if state == "parked" else [])
    assert [each.id for each in inbox.list(state="deleted")] == ["evt_1"]
    assert "evt_1" not in [each.id for each in inbox.list()]
    inbox.delete("evt_1")  # a second call is not an error
    with pytest.raises(EventEmptied, match="its body was deleted"):
        inbox.replay("evt_1")


def test_those_behind_a_deleted_one_go_on(inbox: Inbox) -> None:
    for event_id in ("evt_1", "evt_2", "evt_3"):
        accept(inbox, event_id, key="k")
    inbox.delete("evt_1")
    held = claim(inbox)
    assert held.id == "evt_2"
    inbox.save(held, None, DONE)
    assert claim(inbox).id == "evt_3"


def test_what_runs_is_not_deleted(inbox: Inbox) -> None:
    accept(inbox)
    held = claim(inbox)
    with pytest.raises(EventRunning, match="being handled now, so it is not deleted"):
        inbox.delete("evt_1")
    assert inbox.save(held, SUCCEEDED, DONE)
    assert the(inbox).body == b'{"a": 1}'


def test_what_ends_in_the_same_instant_is_not_taken_for_deleted(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(inbox)
    held = claim(inbox)
    really = inbox.delete_some

    def delete_some(which: Any) -> Any:
        gone = really(which)
        inbox.save(held, SUCCEEDED, DONE)
        return gone

    monkeypatch.setattr(inbox, "delete_some", delete_some)
    with pytest.raises(EventRunning):
        inbox.delete("evt_1")


def test_what_is_not_there_is_not_deleted(inbox: Inbox) -> None:
    with pytest.raises(EventNotFound):
        inbox.delete("evt_1")


def test_a_body_ends_before_its_event(database: Database, clock: Clock) -> None:
    inbox = Inbox(database, clock=clock, body_retention_days=7)
    accept(inbox, traceparent="00-1-1-01")
    inbox.save(claim(inbox), FAILED, Verdict("pending", due_at=0))
    clock.now += 1
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    clock.now += 8 * DAY
    assert inbox.prune() == 1
    assert inbox.prune() == 0
    event = the(inbox)
    assert (event.state, event.body) == ("done", b"")
    assert event.emptied_at is not None
    assert [run.error for run in event.attempts] == ["ValueError at app.py:1", None]
    with pytest.raises(EventEmptied, match="its body ended with its retention"):
        inbox.replay("evt_1")
    assert accept(inbox) == "duplicate"
    clock.now += 31 * DAY
    assert inbox.prune() == 1
    assert inbox.get("evt_1") is None


@pytest.mark.parametrize("unhandled", [True, False])
def test_a_body_ends_with_the_success(database: Database, unhandled: bool) -> None:
    """In the same commit: it is never visible as done with a body."""
    inbox = Inbox(database, body_retention_days=0)
    accept(inbox)
    inbox.save(claim(inbox), FAILED, Verdict("pending", due_at=0))
    assert the(inbox).body == b'{"a": 1}', "it is needed for the retry"
    assert the(inbox).attempts[0].error == FAILED.error
    discarded = HandlerState("app:other", "discarded", 1, error="of no use")
    inbox.save(claim(inbox), discarded)
    assert the(inbox).body == b'{"a": 1}'
    held = inbox.get("evt_1")
    assert held is not None
    event = database_claim(inbox)
    inbox.save(event, SUCCEEDED, Verdict("done", unhandled=unhandled))
    found = the(inbox)
    assert (found.state, found.body, found.unhandled) == ("done", b"", unhandled)
    errors = {run.error for run in found.attempts}
    assert errors == {"ValueError at app.py:1", "of no use", None}
    assert inbox.replay_unhandled() == 0
    assert found.emptied_at == found.settled_at
    assert inbox.prune() == 0


def database_claim(inbox: Inbox) -> Any:
    """End the claim that is held, and claim the event again."""
    inbox.database.write(lambda tx: tx.execute(events.update().values(due_at=0)))
    return claim(inbox)


def test_a_dead_letter_keeps_its_body(database: Database) -> None:
    """Although bodies are deleted after a success: the event will be replayed."""
    inbox = Inbox(database, body_retention_days=0)
    accept(inbox)
    inbox.save(claim(inbox), FAILED, Verdict("dead", reason="why"))
    assert the(inbox).body == b'{"a": 1}'
    inbox.replay("evt_1")
    assert claim(inbox).body == b'{"a": 1}'


def test_what_was_done_before_is_emptied_by_the_next_pruning(
    database: Database, clock: Clock
) -> None:
    before = Inbox(database, clock=clock)
    accept(before)
    before.save(claim(before), SUCCEEDED, DONE)
    clock.now += 1
    assert Inbox(database, clock=clock, body_retention_days=0).prune_some() == 1
    assert the(before).body == b""


def test_a_replay_in_the_same_instant_keeps_the_body(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox(database, clock=clock, body_retention_days=7)
    accept(inbox)
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    inbox.replay("evt_1")
    # As if old events had been selected before the replay.
    monkeypatch.setattr(queries, "OLD_WITH_BODY", sa.select(events.c.seq))
    assert inbox.prune() == 0
    assert the(inbox).body == b'{"a": 1}'


def test_where_an_event_came_from(inbox: Inbox) -> None:
    accept(inbox)
    accept(inbox, "evt_2", origin="inspector")
    assert (the(inbox).origin, the(inbox, "evt_2").origin) == ("", "inspector")


def test_nothing_of_it_is_left_in_the_files(tmp_path: Path) -> None:
    """On SQLite: neither in free pages of the file, nor in the log."""
    database = Database(open_engine(f"sqlite:///{tmp_path / 'inbox.db'}"), owned=True)
    inbox = Inbox(database)
    for number in range(50):
        accept(inbox, f"evt_{number}", body=b"secret words " * 500)
    assert b"secret words" in everything(tmp_path)
    for number in range(50):
        inbox.delete(f"evt_{number}")
    assert b"secret words" not in everything(tmp_path)
    assert inbox.database.read(count) == 50


def everything(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir() if each.is_file())


def test_a_reader_in_the_way_does_no_harm(tmp_path: Path) -> None:
    database = Database(open_engine(f"sqlite:///{tmp_path / 'inbox.db'}"), owned=True)
    inbox = Inbox(database)
    accept(inbox)
    reader = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM ycloud_events").fetchall()
    with database._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")
    inbox.delete("evt_1")
    reader.close()
    assert state_of(inbox) == "deleted"


def test_the_log_is_emptied_with_the_last_batch(
    inbox: Inbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after each of many batches, since that blocks other writers."""
    emptied: list[int] = []
    monkeypatch.setattr(inbox.database, "truncate_log", lambda: emptied.append(1))
    accept(inbox)
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    clock.now += 31 * DAY
    monkeypatch.setattr(queries, "PRUNED_AT_ONCE", 1)
    assert (inbox.prune_some(), emptied) == (1, []), "there may be more"
    assert (inbox.prune_some(), emptied) == (0, []), "it has freed nothing"
    accept(inbox)
    inbox.delete("evt_1")
    assert emptied == [1]


def errors_kept(inbox: Inbox) -> set[str | None]:
    """The errors in both tables."""
    tables = (outcomes, attempts)
    return inbox.database.read(
        lambda tx: {
            each for table in tables for each in tx.scalars(sa.select(table.c.error))
        }
    )


def test_an_emptied_dead_letter_that_was_discarded_keeps_no_message(
    database: Database, clock: Clock
) -> None:
    inbox = Inbox(database, clock=clock, body_retention_days=7)
    accept(inbox)
    inbox.save(claim(inbox), FAILED, Verdict("dead", reason="app:track: ValueError"))
    inbox.discard("evt_1", "of no use")
    assert errors_kept(inbox) == {FAILED.error}
    clock.now += 8 * DAY
    assert inbox.prune() == 1
    assert errors_kept(inbox) == {"ValueError at app.py:1"}


def test_a_success_that_empties_an_event_leaves_no_message_of_others(
    database: Database,
) -> None:
    """Of a handler that is not subscribed any more, and of the one that succeeds."""
    inbox = Inbox(database, body_retention_days=0)
    gone = HandlerState("app:gone", "failed", 1, error="KeyError at app.py:2\nof Ann")
    accept(inbox)
    inbox.save(claim(inbox), FAILED)
    inbox.save(database_claim(inbox), gone, Verdict("pending", due_at=0))
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    assert errors_kept(inbox) == {"ValueError at app.py:1", "KeyError at app.py:2", None}
    handlers = {each.handler: (each.state, each.error) for each in the(inbox).handlers}
    assert handlers == {
        "app:track": ("succeeded", None),
        "app:gone": ("failed", "KeyError at app.py:2"),
    }
