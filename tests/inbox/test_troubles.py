"""Troubles to check, with each database."""

from __future__ import annotations

from flask_ycloud.inbox import (
    CUT_SHORT,
    TAKEN_OVER,
    WRONG_PASSWORD,
    Inbox,
    Progress,
    Troubles,
    Verdict,
    count_rejections,
    last_day,
    lately,
    recently,
    unhandled_types,
)

from ..conftest import Clock
from .support import accept, claim


def test_counts_by_what_they_are(inbox: Inbox) -> None:
    reasons = ("missing", "conflict", WRONG_PASSWORD, TAKEN_OVER, CUT_SHORT)
    counts = {("eu", reason): number for number, reason in enumerate(reasons, 1)}
    count_rejections(inbox, counts)
    assert last_day(inbox) == lately(inbox)
    assert lately(inbox) == Troubles(
        {("eu", "missing"): 1}, {"eu": 2}, {"eu": 3}, {"eu": 4}, {"eu": 5}
    )


def test_recent_counts_begin_with_the_hour_before_this_one(
    inbox: Inbox, clock: Clock
) -> None:
    clock.now = 1_000_000 * 3_600.0
    assert recently(inbox) == clock.now - 3_600
    clock.now -= 3_600
    count_rejections(inbox, {("eu", "missing"): 1})
    clock.now += 3_600 + 3_599
    assert lately(inbox).rejected == {("eu", "missing"): 1}
    clock.now += 1
    assert lately(inbox).rejected == {}
    assert last_day(inbox).rejected == {("eu", "missing"): 1}


def test_unhandled_events_by_type(inbox: Inbox) -> None:
    assert unhandled_types(inbox) == []
    for number, event_type in enumerate("abbabb"):
        endpoint = "second" if number > 3 else "ycloud"
        accept(inbox, f"evt_{number}", event_type=event_type, endpoint=endpoint)
        unhandled = Verdict("done", unhandled=number > 0)
        inbox.save_all([Progress(claim(inbox), (), unhandled)])
    assert unhandled_types(inbox) == [
        ("second", "b", 2), ("ycloud", "b", 2), ("ycloud", "a", 1),
    ]  # fmt: skip
