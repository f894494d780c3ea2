"""Figures for charts, with each database."""

from __future__ import annotations

import pytest

from flask_ycloud.inbox import SPANS, HandlerState, Identity, Inbox, Verdict, activity

from ..conftest import Clock


def accept(inbox: Inbox, event_id: str, event_type: str = "a.b") -> None:
    inbox.accept(event_id, b"{}", endpoint="ycloud", event_type=event_type)


def test_nothing(inbox: Inbox) -> None:
    for span in SPANS.values():
        found = activity(inbox, span)
        assert len(found.intervals) * span.step == span.seconds
        assert sum(each.arrived for each in found.intervals) == 0
        assert (found.by_type, found.by_handler, found.whole) == ({}, {}, True)


def test_the_last_hour(inbox: Inbox, clock: Clock) -> None:
    clock.now = clock.now // 60 * 60 + 1
    accept(inbox, "evt_old")
    clock.now += 3 * 3600
    for number in range(3):
        accept(inbox, f"evt_{number}")
    clock.now += 60
    first = inbox.claim(Identity("evt_0", "ycloud"))
    assert first is not None
    runs = [
        HandlerState("one", "succeeded", 1, seconds=0.1),
        HandlerState("two", "failed", 1, next_at=clock.now, error="x", seconds=0.4),
        HandlerState("three", "discarded", 1, error="not ours", seconds=0.1),
        HandlerState("four", "failed", 0, error="its process died"),
    ]
    for run in runs:
        assert inbox.save(first, run)
    assert inbox.save(first, None, Verdict("done"))
    old = inbox.claim(Identity("evt_old", "ycloud"))
    assert old is not None
    assert inbox.save(old, HandlerState("one", "succeeded", 1, seconds=9))
    minutes = activity(inbox, SPANS["hour"]).intervals
    assert len(minutes) == 60
    assert minutes[-1].start == int(clock.now) // 60 * 60
    assert [minute.arrived for minute in minutes[-2:]] == [3, 0]
    last = minutes[-1]
    assert (last.succeeded, last.failed, last.discarded) == (1, 2, 1)
    assert last.mean_seconds == pytest.approx((0.1 + 0.4 + 0.1) / 3), "of three known"
    assert last.slowest_seconds == 0.4
    assert (minutes[-2].mean_seconds, minutes[-2].slowest_seconds) == (None, None)


def test_by_type_and_by_handler(inbox: Inbox, clock: Clock) -> None:
    for number, event_type in enumerate(("a.b", "a.c", "a.c")):
        accept(inbox, f"evt_{number}", event_type)
        clock.now += 4 * 3600
        claim = inbox.claim(Identity(f"evt_{number}", "ycloud"))
        assert claim is not None
        for name in ("one", "two"):
            assert inbox.save(claim, HandlerState(name, "succeeded", 1, seconds=0.5))
    found = activity(inbox, SPANS["week"])
    assert list(found.by_type.items()) == [("a.c", 2), ("a.b", 1)]
    assert {name: runs.succeeded for name, runs in found.by_handler.items()} == {
        "one": 3, "two": 3,
    }  # fmt: skip
    some = activity(inbox, SPANS["day"], type="a.b", handler="two")
    assert some.by_type == {"a.b": 1}
    assert [(name, runs.mean_seconds) for name, runs in some.by_handler.items()] == [
        ("two", 0.5)
    ]
    assert sum(each.succeeded for each in some.intervals) == 1
    assert activity(inbox, SPANS["day"], type="a.*", handler="\0").by_handler == {}


def test_only_the_newest_are_looked_at(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        accept(inbox, f"evt_{number}")
    assert activity(inbox, SPANS["hour"]).whole
    monkeypatch.setattr("flask_ycloud.inbox.charting._CHARTED", 2)
    found = activity(inbox, SPANS["hour"])
    assert (found.whole, found.by_type) == (False, {"a.b": 2})
