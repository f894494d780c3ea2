"""Log records that change nothing, and do not flood the log."""

from __future__ import annotations

import threading
import time

import pytest

from flask_ycloud.logs import LogLimit

from .conftest import Clock
from .support import eventually


class Lines:
    """What was logged, by kind."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def of(self, kind: str) -> list[str]:
        return [each for each in self.said if each.startswith(kind)]

    def log(self, limit: LogLimit, kind: str, seconds: float) -> None:
        limit.log(kind, lambda end: self.said.append(kind + end), seconds)


@pytest.fixture
def lines() -> Lines:
    return Lines()


def test_the_first_line_comes_at_once_and_the_last_ones_are_counted(lines: Lines) -> None:
    limit = LogLimit()
    for _ in range(1_235):
        lines.log(limit, "mismatch", 0.5)
    lines.log(limit, "missing", 0.5)
    assert lines.said == ["mismatch", "missing"], "each kind has a line of its own"
    last = eventually(lambda: lines.of("mismatch")[1:])
    assert last[0].startswith("mismatch … and 1,234 more since ")
    assert last[0].count(":") == 2, "the time of day"
    assert len(lines.said) == 3


def test_a_flood_has_one_line_in_each_interval(lines: Lines) -> None:
    limit = LogLimit()
    stop = threading.Event()
    sent = [0]

    def flood() -> None:
        while not stop.wait(0.0005):
            lines.log(limit, "x", 0.1)
            sent[0] += 1

    started = time.monotonic()
    thread = threading.Thread(target=flood)
    thread.start()
    eventually(lambda: len(lines.said) >= 4)
    stop.set()
    thread.join()
    limit.flush()
    assert len(lines.said) <= 2 + (time.monotonic() - started) / 0.1
    ends = [each.split() for each in lines.said]
    left_out = sum(int(each[3].replace(",", "")) for each in ends if len(each) > 1)
    # A line without a number is of one that came when the time was up.
    assert 0 <= sent[0] - left_out <= len(lines.said)


def test_what_comes_rarely_is_logged_as_it_comes(lines: Lines, clock: Clock) -> None:
    limit = LogLimit(clock=clock)
    for _ in range(3):
        lines.log(limit, "x", 10)
        clock.now += 11
    limit.flush()
    assert lines.said == ["x"] * 3


def test_what_was_left_out_is_logged_when_it_is_asked_for(lines: Lines) -> None:
    limit = LogLimit()
    for _ in range(3):
        lines.log(limit, "x", 600)
    limit.flush()
    limit.flush()
    assert len(lines.said) == 2
    assert lines.said[1].startswith("x … and 2 more since ")


def test_what_no_timer_has_logged_is_logged_with_the_next(
    lines: Lines, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process that was forked from one that counted, there is no timer."""
    timers: list[threading.Timer] = []
    monkeypatch.setattr(threading.Timer, "start", lambda timer: timers.append(timer))
    limit = LogLimit(clock=clock)
    for _ in range(3):
        lines.log(limit, "x", 600)
    clock.now += 601
    lines.log(limit, "x", 600)
    assert lines.said[0] == "x"
    assert lines.said[1].startswith("x … and 2 more since ")
    (late,) = timers
    late.function(*late.args)
    assert len(lines.said) == 2, "there is nothing left for a timer that comes late"
