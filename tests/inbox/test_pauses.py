"""Pauses: paused events wait in their order, and no attempt is counted."""

from __future__ import annotations

import time
from typing import Any

import pytest

from flask_ycloud.inbox import HandlerState, Identity, Inbox, Verdict, pauses

from ..conftest import Clock
from .support import DONE, SUCCEEDED, accept, claim, identity

OTHER = "contact.created"


@pytest.fixture
def elsewhere(inbox: Inbox) -> Inbox:
    """The inbox in another process, which knows of no pause yet."""
    return Inbox(inbox.database, clock=inbox.clock)


def ids(inbox: Inbox, limit: int = 9) -> list[str]:
    """What is handled now, one batch after the other."""
    found: list[str] = []
    while claims := inbox.fetch(limit):
        for each in claims:
            inbox.save(each, SUCCEEDED, DONE)
        found += [each.id for each in claims]
    return found


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ({}, []),
        ({"endpoint": "ycloud"}, ["eu", "contact"]),
        ({"endpoint": "eu"}, ["sms", "sms_2"]),
        ({"type": "sms.message.updated"}, ["contact"]),
        ({"type": "sms.*"}, ["contact"]),
        ({"type": "*"}, []),
        ({"handler": "app:track"}, ["sms", "eu", "contact", "sms_2"]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_what_is_paused_is_not_taken(
    inbox: Inbox, what: Any, left: list[str], known: bool
) -> None:
    other = inbox if known else Inbox(inbox.database, clock=inbox.clock)
    accept(inbox, "sms", key="k")
    accept(inbox, "eu", endpoint="eu")
    accept(inbox, "contact", event_type=OTHER, endpoint="eu")
    accept(inbox, "sms_2", key="k")
    assert inbox.pause(**what)
    assert not inbox.pause(**what), "it is paused already"
    assert ids(other) == left
    assert inbox.select(state="pending").count() == 4 - len(left)
    assert inbox.resume(**what)
    assert not inbox.resume(**what), "it is over"
    everything = ["sms", "eu", "contact", "sms_2"]
    assert ids(inbox) == [each for each in everything if each not in left]


def test_another_process_knows_soon(inbox: Inbox, elsewhere: Inbox) -> None:
    accept(inbox, "evt_1")
    assert ids(elsewhere) == ["evt_1"]  # it has read the pauses just now
    inbox.pause(type="sms.*")
    accept(inbox, "evt_2")
    deadline = time.monotonic() + 10 * pauses.KNOWN_SECONDS
    while ids(elsewhere):
        accept(inbox, f"more_{time.monotonic()}")
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert inbox.resume(type="sms.*")
    # Events that it held before it knew of the end are released, too.
    assert ids(inbox)


def test_what_is_held_after_the_end_is_released(
    inbox: Inbox, elsewhere: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.pause(type="sms.*")
    assert elsewhere.pauses()
    inbox.resume(type="sms.*")
    accept(inbox, "evt_1")
    assert ids(elsewhere) == []
    assert inbox.claim() is None
    monkeypatch.setattr(pauses, "KNOWN_SECONDS", 0.0)
    accept(inbox, "evt_2")
    assert sorted(ids(elsewhere)) == ["evt_1", "evt_2"]


def test_a_heartbeat_releases_what_a_process_left_held(
    inbox: Inbox, elsewhere: Inbox
) -> None:
    inbox.pause(type="sms.*")
    assert elsewhere.pauses()
    inbox.resume(type="sms.*")
    accept(inbox, "evt_1")
    assert ids(elsewhere) == []
    inbox.release_orphans()
    assert ids(inbox) == ["evt_1"]


def test_what_follows_in_the_conversation_waits(inbox: Inbox) -> None:
    accept(inbox, "evt_1", key="k")
    inbox.pause(type="sms.*")
    assert ids(inbox) == []
    accept(inbox, "evt_2", key="k", event_type=OTHER)
    accept(inbox, "evt_3", key="k")
    accept(inbox, "evt_4", event_type=OTHER)
    assert ids(inbox) == ["evt_4"]
    inbox.release_all_orphans()
    assert ids(inbox) == []
    inbox.resume(type="sms.*")
    assert ids(inbox, 1) == ["evt_1", "evt_2", "evt_3"]


def test_a_large_backlog_of_a_paused_type_holds_up_no_other(inbox: Inbox) -> None:
    for number in range(140):
        accept(inbox, f"sms_{number:03}", key="k" if number % 7 == 0 else None)
    accept(inbox, "contact", event_type=OTHER)
    inbox.pause(type="sms.*")
    assert [each.id for each in inbox.fetch(1)] == ["contact"]
    stats = inbox.stats()
    assert stats.waiting["pause"] + stats.waiting.get("conversation", 0) == 140
    inbox.resume(type="sms.*")
    assert (
        ids(inbox) == [f"sms_{number:03}" for number in range(140)]
        or sorted(ids(inbox)) == []
    )


def test_no_attempt_is_counted(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    failed = HandlerState("app:fail", "failed", 3, clock.now + 60, "KeyError at app.py:7")
    inbox.save(claim(inbox), failed, Verdict("pending", due_at=clock.now + 60))
    inbox.pause(type="sms.*")
    clock.now += 3600
    assert inbox.claim() is None
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.state, event.waits_for) == ("pending", "pause")
    assert event.due_at is not None
    assert event.due_at.timestamp() == pytest.approx(clock.now - 3540, abs=0.01)
    clock.now += 86_400
    inbox.resume(type="sms.*")
    held = claim(inbox)
    assert (held.crashes, held.handlers["app:fail"].attempts) == (0, 3)


def test_a_paused_handler_is_named_and_holds_no_conversation(
    inbox: Inbox, clock: Clock
) -> None:
    inbox.pause(handler="app:mail")
    assert inbox.paused_handlers() == {"app:mail"}
    for event_id in ("evt_1", "evt_2"):
        accept(inbox, event_id, key="k")
    paused = Verdict("pending", reason="app:mail")
    for event_id in ("evt_1", "evt_2"):
        held = claim(inbox)
        assert held.id == event_id
        inbox.save(held, SUCCEEDED, paused)
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.waits_for, event.paused_handlers, event.reason) == (
        "pause", ("app:mail",), None,
    )  # fmt: skip
    assert event.due_at is not None
    clock.now += 86_400
    assert inbox.claim() is None
    inbox.release_orphans()
    assert inbox.claim() is None, "it is paused still"
    inbox.pause(handler="app:crm")
    inbox.resume(handler="app:crm")
    assert inbox.claim() is None, "another pause is over"
    accept(inbox, "evt_3", key="k")
    inbox.resume(handler="app:mail")
    assert ids(inbox, 1) == ["evt_1", "evt_2", "evt_3"]


def test_nothing_overtakes_what_a_paused_handler_held(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.pause(handler="app:mail")
    accept(inbox, "evt_1", key="k")
    inbox.save(claim(inbox), SUCCEEDED, Verdict("pending", reason="app:mail"))
    taken: list[Any] = []
    release = inbox._holding.release

    def while_it_is_released(*paused: Any) -> None:
        accept(inbox, "evt_2", key="k")
        taken.append(inbox.claim())
        release(*paused)

    monkeypatch.setattr(inbox._holding, "release", while_it_is_released)
    inbox.resume(handler="app:mail")
    assert taken == [None]
    assert ids(inbox, 1) == ["evt_1", "evt_2"]


def test_the_end_tells_whom_it_concerns(inbox: Inbox) -> None:
    due: list[Identity] = []
    inbox._on_due = due.append
    accept(inbox, "evt_1")
    inbox.pause()
    assert inbox.overdue(0.0, limit=9) == [], "a sweep sends nothing that is paused"
    inbox.resume()
    assert due == [identity("evt_1")]


def test_one_that_is_asked_for_by_its_name_waits_too(
    inbox: Inbox, elsewhere: Inbox
) -> None:
    accept(inbox)
    inbox.pause(endpoint="ycloud")
    for each in (inbox, elsewhere):
        assert each.claim(identity("evt_1")) is None
    inbox.resume(endpoint="ycloud")
    inbox.pause(type="sms.*")
    assert inbox.claim(identity("evt_1")) is None
    assert inbox.claim(identity("evt_1")) is None, "and again"


def test_what_is_held_can_be_discarded_and_replayed(inbox: Inbox) -> None:
    accept(inbox, "evt_1", key="k")
    accept(inbox, "evt_2", key="k", event_type=OTHER)
    inbox.pause(type="sms.*")
    assert ids(inbox) == []
    inbox.replay("evt_1")
    assert ids(inbox) == []
    inbox.discard("evt_1", "no")
    assert ids(inbox) == ["evt_2"]


def test_what_is_paused_is_shown(inbox: Inbox, clock: Clock) -> None:
    inbox.pause(type="sms.*")
    inbox.pause(endpoint="eu")
    inbox.pause()
    found = inbox.pauses()
    assert [str(each) for each in found] == ["everything", "endpoint eu", "type sms.*"]
    assert found[0].since.timestamp() == pytest.approx(clock.now, abs=0.001)
    assert inbox.stats().pauses == tuple(found)
    accept(inbox)
    assert inbox.stats().waiting == {"pause": 1}
    assert [each.waits_for for each in inbox.select().newest(1)] == ["pause"]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"endpoint": "eu", "type": "sms.*"}, "Give one of endpoint, type and handler"),
        ({"type": "*.updated"}, "is not a pattern"),
    ],
)
def test_what_cannot_be_paused(inbox: Inbox, what: Any, said: str) -> None:
    for do in (inbox.pause, inbox.resume):
        with pytest.raises(ValueError, match=said):
            do(**what)


def test_a_process_that_cannot_ask_goes_on_with_what_it_knows(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask_ycloud import InboxUnavailable

    def broken(tx: Any) -> None:
        raise InboxUnavailable("gone")

    monkeypatch.setattr(pauses, "KNOWN_SECONDS", 0.0)
    monkeypatch.setattr(pauses, "read", broken)
    accept(inbox)
    assert ids(inbox) == ["evt_1"]


def test_events_wait_for_something(inbox: Inbox, clock: Clock) -> None:
    for event_id in ("evt_1", "evt_2", "evt_3", "evt_4"):
        accept(inbox, event_id, key="k" if event_id < "evt_4" else None)
    retry = Verdict("pending", due_at=clock.now + 60)
    inbox.save(claim(inbox, "evt_4"), None, retry)

    def waits(event_id: str) -> Any:
        event = inbox.get(event_id)
        assert event is not None
        return event.waits_for, event.behind

    assert waits("evt_1") == ("worker", None)
    assert waits("evt_2") == ("conversation", "evt_1")
    assert waits("evt_3") == ("conversation", "evt_1")
    assert waits("evt_4") == ("retry", None)
    assert inbox.stats().waiting == {"worker": 1, "conversation": 2, "retry": 1}
    held = claim(inbox)
    assert waits("evt_1") == (None, None)
    assert waits("evt_2") == ("conversation", "evt_1")
    inbox.save(held, SUCCEEDED, DONE)
    assert waits("evt_2") == ("worker", None)


def test_heartbeats_do_not_ask_each_time(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    monkeypatch.setattr(inbox, "release_held", lambda: asked.append(None))
    for _ in range(3):
        inbox.release_orphans()
    assert len(asked) == 1
