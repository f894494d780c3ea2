"""The store: events are read, listed, replayed, counted and pruned."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from flask_ycloud import EventNotFound, EventRunning
from flask_ycloud.inbox import HandlerState, Identity, Inbox, Verdict, queries
from flask_ycloud.inbox.tables import events

from ..conftest import Clock
from .support import DONE, SUCCEEDED, accept, claim, identity


def test_no_repr_shows_the_body(inbox: Inbox) -> None:
    accept(inbox)
    assert '"a"' not in repr(inbox.get("evt_1"))
    assert '"a"' not in repr(inbox.claim())


def test_the_list_is_the_newest_first_in_pages(inbox: Inbox) -> None:
    for number in range(5):
        accept(inbox, f"evt_{number}")
    page = inbox.list(limit=2)
    assert [event.id for event in page] == ["evt_4", "evt_3"]
    page = inbox.list(limit=2, before=page[-1].position)
    assert [event.id for event in page] == ["evt_2", "evt_1"]


def test_the_list_can_be_narrowed(inbox: Inbox) -> None:
    accept(inbox, "evt_1")
    accept(inbox, "evt_2", endpoint="eu")
    accept(inbox, "evt_3", event_type="contact.created")
    inbox.save(claim(inbox), None, DONE)

    def ids(**narrow: Any) -> list[str]:
        return [event.id for event in inbox.list(**narrow)]

    assert ids(state="done") == ["evt_1"]
    assert ids(endpoint="eu") == ["evt_2"]
    assert ids(type="contact.created") == ["evt_3"]
    assert ids(type="contact.created", endpoint="eu") == []


@pytest.mark.parametrize("verdict", [DONE, Verdict("dead", reason="gone")])
def test_a_replay_runs_what_has_not_succeeded(
    inbox: Inbox, clock: Clock, verdict: Verdict
) -> None:
    due: list[Identity] = []
    inbox._on_due = due.append
    accept(inbox)
    held = claim(inbox)
    inbox.save(held, HandlerState("app:fail", "failed", 8, None, "ValueError"))
    inbox.save(held, HandlerState("app:drop", "discarded", 1, None, "no text"))
    inbox.save(held, SUCCEEDED, verdict)
    inbox.replay("evt_1")
    assert due == [identity("evt_1")]
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.state, event.reason, event.settled_at) == ("pending", None, None)
    # A failure is retried with all attempts; the outcome of a discard is removed.
    failed = HandlerState("app:fail", "failed", 0, clock.now, "ValueError")
    assert claim(inbox).handlers == {"app:track": SUCCEEDED, "app:fail": failed}


def test_a_replay_of_everything(inbox: Inbox) -> None:
    accept(inbox)
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    inbox.replay("evt_1", succeeded_too=True)
    assert claim(inbox).handlers == {}


def test_a_replay_forgets_crashes(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    claim(inbox)
    clock.now += 60
    inbox.save(claim(inbox), None, Verdict("dead"))
    inbox.replay("evt_1")
    assert claim(inbox).crashes == 0


def test_a_replay_brings_a_waiting_retry_forward(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    inbox.save(claim(inbox), None, Verdict("pending", due_at=clock.now + 7200))
    inbox.replay("evt_1")
    assert claim(inbox).id == "evt_1"


def test_what_cannot_be_replayed(inbox: Inbox) -> None:
    with pytest.raises(EventNotFound, match="no event 'evt_9'"):
        inbox.replay("evt_9")
    accept(inbox)
    claim(inbox)
    with pytest.raises(EventRunning, match="being handled now"):
        inbox.replay("evt_1")


def test_the_inbox_at_a_glance(inbox: Inbox, clock: Clock) -> None:
    assert inbox.stats().oldest_pending_seconds is None
    for number, event_type in enumerate(["a", "a", "b", "a"]):
        accept(inbox, f"evt_{number}", event_type=event_type)
        clock.now += 10
    accept(inbox, "sha256:1", event_type=None, dead="not JSON")
    inbox.save(claim(inbox), None, DONE)
    claim(inbox)
    stats = inbox.stats()
    assert (stats.pending, stats.running, stats.dead) == (2, 1, 1)
    assert stats.oldest_pending_seconds == pytest.approx(20)
    assert stats.by_type == {
        "a": {"pending": 1, "running": 1, "dead": 0},
        "b": {"pending": 1, "running": 0, "dead": 0},
        None: {"pending": 0, "running": 0, "dead": 1},
    }


def test_pruning_deletes_what_was_done_long_ago(inbox: Inbox, clock: Clock) -> None:
    for event_id in ("done", "dead", "waiting"):
        accept(inbox, event_id)
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    inbox.save(claim(inbox), SUCCEEDED, Verdict("dead"))
    clock.now += 30 * 86_400 - 1
    assert inbox.prune() == 0
    clock.now += 2
    assert inbox.prune(days=0) == 0
    assert inbox.prune() == 1
    assert [event.id for event in inbox.list()] == ["waiting", "dead"]
    left = inbox.database.read(
        lambda tx: tx.exec_driver_sql("SELECT * FROM ycloud_outcomes").all()
    )
    assert len(left) == 1


def test_pruning_goes_in_small_batches(inbox: Inbox, clock: Clock) -> None:
    """So that deliveries can be accepted in between."""
    inbox.stats()
    row = {
        "endpoint": "e",
        "type": "t",
        "received_at": 1.0,
        "state": "done",
        "settled_at": 1.0,
        "attempt": 1,
        "crashes": 0,
        "body": b"",
    }
    rows = [{"id": f"evt_{number}", **row} for number in range(1200)]
    inbox.database.write(lambda tx: tx.execute(events.insert(), rows))
    commits: list[int] = []
    sa.event.listen(inbox.database._writing, "commit", lambda _: commits.append(1))
    assert inbox.prune() == 1200
    assert len(commits) == 4


def test_there_is_no_such_state(inbox: Inbox) -> None:
    with pytest.raises(ValueError, match="No state 'lost'; there is pending"):
        inbox.list(state="lost")


def test_an_event_that_is_replayed_just_now_is_not_pruned(
    inbox: Inbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(inbox)
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    inbox.replay("evt_1")
    clock.now += 31 * 86_400
    # As if old events had been selected before the replay.
    monkeypatch.setattr(queries, "OLD_WITH_BODY", sa.select(events.c.seq))
    assert inbox.prune() == 0
    assert claim(inbox).handlers == {"app:track": SUCCEEDED}
