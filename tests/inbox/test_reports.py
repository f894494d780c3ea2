"""Searches and counts, with each database."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from flask_ycloud import EventNotFound
from flask_ycloud.inbox import (
    HandlerState,
    Identity,
    Inbox,
    Troubles,
    Verdict,
    last_day,
    rejected,
    reports,
    search,
    with_id,
)
from flask_ycloud.inbox.rejections import count_rejections

from ..conftest import Clock


def accept(inbox: Inbox, event_id: str, event_type: str = "a.b") -> None:
    inbox.accept(event_id, b"{}", endpoint="ycloud", event_type=event_type)


def ids(page: reports.Page) -> list[str]:
    return [each.id for each in page.events]


def when(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.now, timezone.utc)


def test_a_page_has_outcomes_and_short_bodies(inbox: Inbox) -> None:
    for event_id, body in (("evt_1", b"{}"), ("evt_2", b"x" * 20_000)):
        inbox.accept(event_id, body, endpoint="ycloud", event_type="a.b")
    claim = inbox.claim(Identity("evt_1", "ycloud"))
    assert claim is not None
    run = HandlerState("one", "failed", 1, error="x")
    assert inbox.save(claim, run, Verdict("dead", reason="one: x"))
    long, short = search(inbox).events
    assert (long.body, short.body) == (b"", b"{}")
    assert (long.handlers, short.failed_handler) == ((), "one")
    inbox.pause(endpoint="ycloud")
    assert [each.waits_for for each in search(inbox).events] == ["pause", None]


def test_nothing(inbox: Inbox) -> None:
    assert search(inbox) == reports.Page([], None)
    assert search(inbox, since=datetime.now(timezone.utc)) == reports.Page([], None)
    assert rejected(inbox) == {}
    assert last_day(inbox) == Troubles({}, {})
    assert with_id(inbox, "evt_1") == []


def test_pages(inbox: Inbox) -> None:
    for number in range(5):
        accept(inbox, f"evt_{number}")
    first = search(inbox, limit=2)
    assert ids(first) == ["evt_4", "evt_3"]
    second = search(inbox, limit=2, before=first.older)
    assert ids(second) == ["evt_2", "evt_1"]
    third = search(inbox, limit=2, before=second.older)
    assert (ids(third), third.older) == (["evt_0"], None)


def test_what_fits(inbox: Inbox) -> None:
    for number, event_type in enumerate(("a.b", "c.d", "a.b")):
        accept(inbox, f"evt_{number}", event_type)
    inbox.accept("evt_3", b"", endpoint="eu", event_type=None, dead="no JSON")
    assert ids(search(inbox, type="a.b")) == ["evt_2", "evt_0"]
    assert ids(search(inbox, endpoint="eu")) == ["evt_3"]
    inbox.accept("evt_0", b"", endpoint="eu", tenant="acme", event_type="c.d")
    assert [each.tenant for each in search(inbox, tenant="acme").events] == ["acme"]
    assert ids(search(inbox, state="dead")) == ["evt_3"]
    assert ids(search(inbox, state="pending", type="c.d")) == ["evt_0", "evt_1"]
    assert ids(search(inbox, state="done")) == []
    with pytest.raises(ValueError, match="No state 'lost'"):
        search(inbox, state="lost")


def test_it_looks_at_so_many_and_says_where_it_stopped(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "_LOOKED_AT", 3)
    accept(inbox, "evt_0", "c.d")
    for number in range(1, 8):
        accept(inbox, f"evt_{number}")
    page = search(inbox, type="c.d")
    turns = 1
    while page.older is not None:
        assert page.events == []
        page = search(inbox, type="c.d", before=page.older)
        turns += 1
    assert ids(page) == ["evt_0"]
    assert turns == 3
    assert ids(search(inbox, state="pending", type="c.d")) == ["evt_0"], "by an index"


def test_times(inbox: Inbox, clock: Clock) -> None:
    for number in range(6):
        accept(inbox, f"evt_{number}")
        clock.now += 60
    third = when(clock) - timedelta(seconds=3 * 60 + 1)
    assert ids(search(inbox, since=third)) == ["evt_5", "evt_4", "evt_3"]
    assert ids(search(inbox, until=third)) == ["evt_2", "evt_1", "evt_0"]
    both = search(inbox, since=third - timedelta(minutes=1), until=third, limit=1)
    assert ids(both) == ["evt_2"]
    assert search(inbox, since=third, limit=9).older is None
    assert ids(search(inbox, until=third - timedelta(days=1))) == []


def test_times_where_old_events_are_pruned(inbox: Inbox, clock: Clock) -> None:
    for number in range(3):
        accept(inbox, f"evt_{number}")
        claim = inbox.claim()
        assert claim is not None
        assert inbox.save(claim, None, Verdict("done"))
    clock.now += 86_400
    accept(inbox, "evt_3")
    assert inbox.prune(days=0.5) == 3
    assert ids(search(inbox, since=when(clock) - timedelta(hours=1))) == ["evt_3"]
    assert ids(search(inbox, until=when(clock) - timedelta(hours=1))) == []


def test_the_events_that_have_an_id(inbox: Inbox) -> None:
    places = [("eu", ""), ("hooks", "acme"), ("hooks", "beta")]
    for endpoint, tenant in places:
        inbox.accept("evt_1", b"", endpoint=endpoint, tenant=tenant, event_type="a.b")
    accept(inbox, "evt_2")

    def found(**where: str) -> list[tuple[str, str]]:
        return [each.identity[1:] for each in with_id(inbox, "evt_1", **where)]

    assert found() == places[::-1]
    assert found(endpoint="hooks") == [("hooks", "beta"), ("hooks", "acme")]
    assert found(tenant="acme") == [("hooks", "acme")]
    assert found(endpoint="eu", tenant="acme") == []


def test_conflicts_are_told_apart_from_rejections(inbox: Inbox, clock: Clock) -> None:
    counts = {("eu", "conflict"): 2, ("eu", "missing"): 1, ("us", "inbox unavailable"): 4}
    count_rejections(inbox, counts)
    troubles = last_day(inbox)
    assert troubles.conflicts == {"eu": 2}
    assert troubles.rejected == {("eu", "missing"): 1, ("us", "inbox unavailable"): 4}
    clock.now += 25 * 3600
    assert last_day(inbox) == Troubles({}, {})


def test_rejections_are_counted_by_the_hour(inbox: Inbox, clock: Clock) -> None:
    count_rejections(inbox, {("ycloud", "missing"): 3, ("ycloud", "stale"): 1})
    clock.now += 3600
    count_rejections(inbox, {("eu", "missing"): 1, ("ycloud", "missing"): 2})
    assert rejected(inbox) == {
        ("eu", "missing"): 1,
        ("ycloud", "missing"): 5,
        ("ycloud", "stale"): 1,
    }
    assert rejected(inbox, hours=1) == {("eu", "missing"): 1, ("ycloud", "missing"): 2}
    clock.now += 31 * 86_400
    count_rejections(inbox, {("eu", "stale"): 1})
    assert rejected(inbox, hours=10_000) == {("eu", "stale"): 1}, "they are kept 30 days"


def test_wrong_passwords_are_told_apart_from_rejections(inbox: Inbox) -> None:
    count_rejections(inbox, {("inspector", "wrong password"): 7, ("eu", "missing"): 1})
    troubles = last_day(inbox)
    assert troubles.passwords == {"inspector": 7}
    assert (troubles.rejected, troubles.conflicts) == ({("eu", "missing"): 1}, {})


def test_bodies_are_left_out(inbox: Inbox) -> None:
    inbox.accept("evt_1", b"body", endpoint="eu", event_type=None, dead="x")
    assert [each.body for each in with_id(inbox, "evt_1")] == [b""]
    assert [each.body for each in inbox.list(bodies=False)] == [b""]
    assert [each.body for each in inbox.list()] == [b"body"]


@pytest.mark.parametrize("odd", ["\0", "a\0b", "\udcff"])
def test_what_no_database_can_hold_is_not_there(inbox: Inbox, odd: str) -> None:
    inbox.accept("evt_1", b"body", endpoint="eu", event_type="x")
    assert inbox.get(odd) is None
    assert inbox.get("evt_1", endpoint=odd) is None
    assert inbox.find("evt_1", tenant=odd) is None
    assert with_id(inbox, odd) == []
    for name in ("type", "endpoint", "tenant"):
        options: Any = {name: odd}
        assert search(inbox, **options).events == []
        assert inbox.list(**options) == []
        assert inbox.replay_unhandled(**options) == 0
    with pytest.raises(EventNotFound):
        inbox.replay(odd)
