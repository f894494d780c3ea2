"""Selected events: replayed and discarded, in any number."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from flask_ycloud import (
    EventNotFound,
    EventRunning,
    EventSettled,
    InboxUnavailable,
)
from flask_ycloud.inbox import (
    Claim,
    HandlerState,
    Identity,
    Inbox,
    Verdict,
    selected,
    store,
)
from flask_ycloud.inbox.changes import Changed
from flask_ycloud.inbox.tables import events

from ..conftest import Clock
from .support import DONE, SUCCEEDED, accept, claim, identity, state_of


def bury(inbox: Inbox, count: int, **changes: Any) -> None:
    """Many dead letters."""
    row = {
        "endpoint": "ycloud", "tenant": "", "type": "sms.message.updated",
        "received_at": inbox.clock(), "state": "dead", "settled_at": inbox.clock(),
        "attempt": 1, "crashes": 0, "reason": "app:fail: KeyError at app.py:7",
        "body": b"{}",
    } | changes  # fmt: skip
    rows = [{**row, "id": f"dead_{number}"} for number in range(count)]
    inbox.stats()
    inbox.database.write(lambda tx: tx.execute(events.insert(), rows))


def test_many_are_replayed_in_batches(inbox: Inbox) -> None:
    due: list[Identity] = []
    bury(inbox, 1200)
    accept(inbox, "other")
    inbox._on_due = due.append
    batches: list[int] = []
    report = inbox.select(state="dead").replay(progress=batches.append)
    assert (report.done, report.skipped, batches) == (1200, {}, [500, 500, 200])
    assert (len(due), due[0]) == (1200, identity("dead_0"))
    assert inbox.stats().pending == 1201
    assert str(report) == "1200 done"


def test_replayed_events_keep_their_order(
    inbox: Inbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selected, "AT_ONCE", 20)
    bury(inbox, 60, key="k")
    held: list[Claim] = []

    def meanwhile(count: int) -> None:
        clock.now += 1
        held.extend([claim(inbox)] if not held else [])

    inbox.select(state="dead").replay(progress=meanwhile)
    handled = []
    while held:
        handled += [each.id for each in held]
        inbox.save(held.pop(), None, DONE)
        held += inbox.fetch(1)
    assert handled == [f"dead_{number}" for number in range(60)]


def test_what_arrives_meanwhile_stays_as_it_is(inbox: Inbox) -> None:
    bury(inbox, 3)

    def arrive(count: int) -> None:
        accept(inbox, f"sha256:{count}", dead="the body is not JSON", event_type=None)

    assert inbox.select(state="dead").discard("over", progress=arrive).done == 3
    assert [each.id for each in inbox.select(state="dead")] == ["sha256:3"]


def test_a_running_event_is_skipped_and_the_rest_goes_on(inbox: Inbox) -> None:
    for event_id in ("evt_1", "evt_2", "evt_3", "evt_4"):
        accept(inbox, event_id)
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    claim(inbox)
    inbox.discard("evt_4", "before")
    report = inbox.select().discard("all of it")
    assert report.done == 1
    assert report.skipped == {
        "done already": 1, "being handled now": 1, "discarded already": 1,
    }  # fmt: skip
    assert "1 skipped: being handled now" in str(report)
    assert inbox.select().replay().skipped == {"being handled now": 1}


def test_what_no_longer_fits_is_left(inbox: Inbox) -> None:
    """A dead letter is replayed between the query for it and the change."""
    bury(inbox, 2)
    change = inbox.change

    def later(which: Any, action: Any) -> Changed:
        inbox.change = change  # type: ignore[method-assign]
        inbox.replay("dead_0")
        return change(which, action)

    inbox.change = later  # type: ignore[method-assign]
    report = inbox.select(state="dead").discard("over")
    assert (report.done, report.skipped) == (1, {"changed meanwhile": 1})
    assert state_of(inbox, "dead_0") == "pending"


def test_an_error_of_one_that_is_handled_at_once_leaves_no_other(inbox: Inbox) -> None:
    bury(inbox, 3)
    told: list[str] = []

    def on_due(event: Identity) -> None:
        told.append(event.id)
        raise ValueError(event.id)

    inbox._on_due = on_due
    with pytest.raises(ValueError, match="dead_0"):
        inbox.select(state="dead").replay()
    assert told == ["dead_0", "dead_1", "dead_2"]


def test_two_at_once_share_the_work(inbox: Inbox) -> None:
    bury(inbox, 2000)
    reports: list[Any] = []

    def discard() -> None:
        reports.append(inbox.select(state="dead").discard("over"))

    threads = [threading.Thread(target=discard) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(each.done for each in reports) == 2000
    assert inbox.stats().dead == 0


@pytest.mark.parametrize("parked", [False, True])
def test_discarding_a_pending_event_lets_its_conversation_go_on(
    inbox: Inbox, parked: bool
) -> None:
    due: list[Identity] = []
    inbox._on_due = due.append
    for event_id in ("evt_1", "evt_2", "evt_3"):
        accept(inbox, event_id, key="k")
    if parked:
        inbox.discard("evt_2", "no")
        assert due == []
        inbox.save(claim(inbox, "evt_1"), SUCCEEDED, DONE)
    else:
        inbox.discard("evt_1", "no")
        assert due == [identity("evt_2")]
        inbox.save(claim(inbox, "evt_2"), SUCCEEDED, DONE)
    assert claim(inbox).id == "evt_3"


def test_a_discarded_event_shows_why_and_leaves_the_counts(
    inbox: Inbox, clock: Clock
) -> None:
    accept(inbox)
    failed = HandlerState("app:fail", "failed", 1, clock.now + 60, "KeyError at app.py:7")
    inbox.save(claim(inbox), failed, Verdict("pending", due_at=clock.now + 60))
    inbox.discard("evt_1", "fixed by hand")
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.state, event.reason) == ("discarded", "fixed by hand")
    assert event.settled_at is not None
    assert (event.due_at, event.waits_for) == (None, None)
    assert event.handlers[0].ended
    clock.now += 120
    assert inbox.claim() is None
    stats = inbox.stats()
    assert (stats.pending, stats.dead, stats.discarded) == (0, 0, 1)


def test_a_replay_makes_a_discarded_event_due_again(inbox: Inbox) -> None:
    bury(inbox, 1)
    inbox.discard("dead_0", "no")
    inbox.replay("dead_0")
    assert claim(inbox).id == "dead_0"
    event = inbox.get("dead_0")
    assert event is not None
    assert event.reason is None
    assert inbox.stats().discarded == 0


def test_an_unhandled_event_can_be_discarded(inbox: Inbox) -> None:
    accept(inbox)
    inbox.save(claim(inbox), None, Verdict("done", unhandled=True))
    inbox.discard("evt_1", "nobody wants it")
    assert inbox.stats().unhandled == 0
    assert inbox.select(unhandled=True).count() == 0


def test_what_cannot_be_discarded(inbox: Inbox) -> None:
    with pytest.raises(EventNotFound, match="no event 'evt_9'"):
        inbox.discard("evt_9", "no")
    accept(inbox)
    with pytest.raises(ValueError, match="Say why"):
        inbox.discard("evt_1", " ")
    with pytest.raises(ValueError, match="Say why"):
        inbox.select().discard("")
    held = claim(inbox)
    with pytest.raises(EventRunning, match="being handled now"):
        inbox.discard("evt_1", "no")
    inbox.save(held, SUCCEEDED, DONE)
    with pytest.raises(EventSettled, match="'evt_1' is done already"):
        inbox.discard("evt_1", "no")


@pytest.mark.parametrize("locked", [2, 99])
def test_one_that_is_locked_is_tried_again(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, locked: int
) -> None:
    """While a redelivery is counted, for example."""
    accept(inbox)
    change, left = inbox.change, [Changed()] * locked
    monkeypatch.setattr(store, "_TRY_AGAIN_AFTER", 0.0)
    monkeypatch.setattr(
        inbox, "change", lambda *what: left.pop() if left else change(*what)
    )
    if locked == 99:
        with pytest.raises(EventRunning):
            inbox.discard("evt_1", "no")
        return
    inbox.discard("evt_1", "no")
    assert state_of(inbox) == "discarded"


def test_a_strange_reason_is_kept(inbox: Inbox) -> None:
    bury(inbox, 1)
    inbox.discard("dead_0", "\0 \ud800 " + "x" * 5000)
    event = inbox.get("dead_0")
    assert event is not None
    assert (event.reason or "").startswith("\\x00 \\ud800 xxx")


def test_discarded_events_are_pruned_as_done_ones_are(inbox: Inbox, clock: Clock) -> None:
    bury(inbox, 2)
    inbox.discard("dead_0", "no")
    clock.now += 29 * 86_400
    assert inbox.prune() == 0
    clock.now += 2 * 86_400
    assert inbox.prune() == 1
    assert [each.id for each in inbox.list()] == ["dead_1"]


def test_an_action_without_a_database_says_so(inbox: Inbox) -> None:
    bury(inbox, 1)
    with pytest.raises(InboxUnavailable):
        inbox.database.write(lambda tx: tx.execute(sa.text("SELECT nonsense")))
    assert inbox.select(state="dead").discard("over").done == 1
