"""How long nothing has arrived, with each database."""

from __future__ import annotations

import pytest

from flask_ycloud.inbox import Inbox, Silence, newest_arrivals, silence

from ..conftest import Clock
from .support import accept

HOUR = 3_600.0
DAY = 24 * HOUR


def arrive(inbox: Inbox, clock: Clock, *gaps: float, endpoint: str = "ycloud") -> None:
    """Store events, each so many seconds after the one before."""
    for gap in gaps:
        clock.now += gap
        accept(inbox, f"evt_{clock.now}", endpoint=endpoint)


def test_an_endpoint_at_which_nothing_has_arrived(inbox: Inbox) -> None:
    assert newest_arrivals(inbox, ["ycloud"]) == {}
    assert silence(inbox, "ycloud") is None


def test_each_endpoint_by_itself(inbox: Inbox, clock: Clock) -> None:
    arrive(inbox, clock, 0, 5)
    arrive(inbox, clock, 10, endpoint="second")
    clock.now += 7
    found = newest_arrivals(inbox, ["ycloud", "second", "third"])
    assert found == {"ycloud": pytest.approx(17), "second": pytest.approx(7)}


def test_a_clock_that_stepped_back(inbox: Inbox, clock: Clock) -> None:
    arrive(inbox, clock, 0)
    clock.now -= 60
    assert newest_arrivals(inbox, ["ycloud"]) == {"ycloud": 0.0}


def test_the_usual_gap(inbox: Inbox, clock: Clock) -> None:
    arrive(inbox, clock, 0, 5 * HOUR)
    found = silence(inbox, "ycloud")
    assert found is not None
    assert found.usual is None, "it is not known for long enough"
    arrive(inbox, clock, 9 * HOUR, *[10.0] * 20, 12 * HOUR)
    clock.now += 60
    found = silence(inbox, "ycloud")
    assert found is not None
    assert found.seconds == pytest.approx(60)
    assert found.usual == pytest.approx(12 * HOUR)


def test_gaps_of_long_ago_are_forgotten(inbox: Inbox, clock: Clock) -> None:
    arrive(inbox, clock, 0, 5 * DAY, *[HOUR * 2] * 90)
    found = silence(inbox, "ycloud")
    assert found is not None
    assert found.usual == pytest.approx(2 * HOUR)


@pytest.mark.parametrize(
    ("usual", "after"),
    [
        (None, DAY),  # not known yet
        (10.0, HOUR),
        (HOUR, 3 * HOUR),
        (12 * HOUR, DAY),
        (3 * DAY, 3 * DAY),  # of weekends
    ],
)
def test_when_a_silence_is_unusual(usual: float | None, after: float) -> None:
    assert not Silence(after, usual).is_unusual
    assert Silence(after + 1, usual).is_unusual
