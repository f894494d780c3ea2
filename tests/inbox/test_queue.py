"""The queue: events are accepted, claimed, held and settled."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from flask_ycloud.inbox import HandlerState, Inbox, Verdict, queries
from flask_ycloud.inbox.driver import Statement

from ..conftest import Clock
from .support import DONE, SUCCEEDED, accept, claim, identity


def test_an_event_is_accepted_once(inbox: Inbox, clock: Clock) -> None:
    assert accept(inbox) == "accepted"
    assert accept(inbox) == "duplicate"
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.type, event.endpoint, event.state) == (
        "sms.message.updated",
        "ycloud",
        "pending",
    )
    assert event.body == b'{"a": 1}'
    assert event.received_at == datetime.fromtimestamp(clock.now, timezone.utc)
    assert (event.settled_at, event.reason, event.handlers) == (None, None, ())
    assert inbox.get("evt_2") is None


def test_the_same_event_many_times_at_once_is_new_once(inbox: Inbox) -> None:
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(accept(inbox))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["accepted"] + ["duplicate"] * 15


def test_a_delivery_may_be_a_dead_letter_from_the_start(inbox: Inbox) -> None:
    accept(inbox, "sha256:1", event_type=None, dead="the body is not JSON")
    event = inbox.get("sha256:1")
    assert event is not None
    assert (event.state, event.reason, event.type) == ("dead", "the body is not JSON", None)
    assert event.settled_at == event.received_at
    assert inbox.claim() is None


def test_a_claim_has_what_handling_needs(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    taken = claim(inbox)
    assert (taken.id, taken.endpoint, taken.body) == ("evt_1", "ycloud", b'{"a": 1}')
    assert (taken.received_at, taken.attempt, taken.crashes) == (clock.now, 1, 0)
    assert taken.handlers == {}


def test_one_event_can_be_claimed_by_its_id(inbox: Inbox) -> None:
    accept(inbox, "evt_1")
    accept(inbox, "evt_2")
    assert claim(inbox, "evt_2").id == "evt_2"
    assert inbox.claim(identity("evt_2")) is None
    assert inbox.claim(identity("evt_3")) is None


def test_a_verdict_settles(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    assert inbox.save(claim(inbox), SUCCEEDED, DONE)
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.state, event.due_at, event.handlers) == ("done", None, (SUCCEEDED,))
    assert event.settled_at == datetime.fromtimestamp(clock.now, timezone.utc)
    clock.now += 10**6
    assert inbox.claim() is None


def test_a_retry_waits_for_its_time_and_knows_its_past(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    failed = HandlerState(
        "app:track", "failed", 1, clock.now + 10, "ValueError at app.py:1"
    )
    inbox.save(claim(inbox), failed, Verdict("pending", due_at=clock.now + 10))
    clock.now += 9
    assert inbox.claim() is None
    clock.now += 1
    again = claim(inbox)
    assert (again.attempt, again.crashes) == (2, 0)
    assert again.handlers == {"app:track": failed}
    inbox.save(again, HandlerState("app:track", "succeeded", 2), DONE)
    event = inbox.get("evt_1")
    assert event is not None
    assert event.handlers == (HandlerState("app:track", "succeeded", 2),)


def test_a_lease_that_ran_out_is_taken_over(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    dead = claim(inbox)
    clock.now += 59
    assert inbox.claim() is None
    clock.now += 1
    taken = claim(inbox)
    assert (taken.id, taken.attempt) == (dead.id, 2)
    assert taken.taken_over
    assert not dead.taken_over


def test_a_death_counts_if_a_handler_had_started(inbox: Inbox, clock: Clock) -> None:
    """An event that only waited for its turn did not cause the crash of its process."""
    accept(inbox)
    claim(inbox)
    clock.now += 60
    waited = claim(inbox)
    assert waited.crashes == 0
    inbox.note_start(waited, "app:track")
    clock.now += 60
    assert claim(inbox).crashes == 1


def test_a_lease_that_is_renewed_is_not(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    held = claim(inbox)
    for renew in (lambda: inbox.renew([held]), lambda: inbox.save(held, SUCCEEDED)):
        clock.now += 59
        renew()
        clock.now += 59
        assert inbox.claim() is None


def test_who_was_away_too_long_changes_nothing(inbox: Inbox, clock: Clock) -> None:
    """Fencing: writes of an earlier claim are rejected."""
    accept(inbox)
    late = claim(inbox)
    clock.now += 60
    current = claim(inbox)
    assert inbox.save(late, SUCCEEDED, DONE) is False
    assert inbox.save(late, SUCCEEDED) is False
    inbox.renew([late])
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.state, event.handlers) == ("running", ())
    assert inbox.save(current, None, DONE)
    assert inbox.save(current, SUCCEEDED, Verdict("dead")) is False


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_a_claim_passes_over_what_another_is_taking(inbox: Inbox) -> None:
    """FOR UPDATE SKIP LOCKED: it does not wait."""
    accept(inbox, "evt_1")
    accept(inbox, "evt_2")
    with inbox.database._engine.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM ycloud_events WHERE id = 'evt_1' FOR UPDATE")
        assert claim(inbox).id == "evt_2"
    assert claim(inbox).id == "evt_1"


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_no_lock_outlives_the_statement_that_takes_renews_or_settles(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a process that is stopped right after it would block the event."""
    accept(inbox, "evt_1")
    accept(inbox, "evt_2", key="k")
    accept(inbox, "evt_3", key="k")
    engine = inbox.database._engine
    locked = sa.text("SELECT 1 FROM ycloud_events FOR UPDATE NOWAIT")
    seen: list[Statement] = []
    really_run = Statement.run

    def run(statement: Statement, tx: Connection, values: Any) -> Any:
        rows = really_run(statement, tx, values)
        seen.append(statement)
        with sa.create_engine(engine.url, poolclass=sa.NullPool).begin() as other:
            other.execute(locked)
        return rows

    monkeypatch.setattr(Statement, "run", run)
    held = inbox.fetch(2)
    assert [each.id for each in held] == ["evt_1", "evt_2"]
    inbox.renew(held)
    for each in held:
        inbox.note_start(each, "app:track")
        assert inbox.save(each, SUCCEEDED)
        assert inbox.save(each, None, DONE)
    assert claim(inbox).id == "evt_3"
    assert {queries.CLAIM_NEXT, queries.SAVE_ALL, queries.RELEASE_ALL} <= set(seen)
