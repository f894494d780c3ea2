"""Activity: counts and charts of the last hour."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import on_event
from flask_ycloud.inbox import Interval
from flask_ycloud.inspector import charts
from flask_ycloud.runtime import runtime_of

from ..support import PATH, body_of, deliver
from .support import PAGE, TYPE, fail, words


def test_activity(app: Flask, client: FlaskClient) -> None:
    assert "Rejected in the last day None." in words(client.get(f"{PAGE}activity"))
    on_event(TYPE, name="bad")(fail)
    on_event(TYPE, name="good")(lambda event: None)
    deliver(app, body_of())
    client.post(PATH, data=b"+447901614024")
    runtime_of(app).rejections.write()
    page = client.get(f"{PAGE}activity")
    text = words(page)
    assert "1 arrived" in text
    assert "1 succeeded" in text
    assert "1 failed" in text
    assert "ycloud no signature header 1" in text
    assert "447901614024" not in page.text, "of what was refused nothing is kept"


def test_a_span_a_type_and_a_handler(app: Flask, client: FlaskClient) -> None:
    on_event(TYPE, name="bad")(fail)
    on_event("*", name="good")(lambda event: None)
    deliver(app, body_of())
    deliver(app, body_of("contact.created"))
    text = words(client.get(f"{PAGE}activity?span=week&type=sms&handler=bad"))
    assert text.startswith("The last week")
    assert "per three hours" in text
    assert "contact.created" not in text
    assert "bad 0 1 0 0.0" in text
    assert "good" not in text
    for odd in ("span=year", "type=%00&handler=%00", "handler=nobody"):
        assert client.get(f"{PAGE}activity?{odd}").status_code == 200


def test_more_events_than_a_chart_looks_at(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        deliver(app, body_of())
    assert "for the newest" not in words(client.get(f"{PAGE}activity"))
    monkeypatch.setattr("flask_ycloud.inbox.charting._CHARTED", 2)
    text = words(client.get(f"{PAGE}activity"))
    assert "The figures are for the newest." in text
    assert "2 arrived" in text


def test_charts() -> None:
    first = Interval(1, 1, timed=2, total_seconds=1.0, longest=0.7, arrived=4)
    intervals = [first, Interval(start=60)]
    bars = charts.bars(intervals, "succeeded", "failed")
    assert (bars.top, bars.width) == (2, 2)
    assert [(b.x, b.y, b.height, b.kind, b.count) for b in bars.bars] == [
        (0, 10.0, 10.0, "succeeded", 1),
        (0, 0.0, 10.0, "failed", 1),
    ]
    lines = charts.lines(intervals, "mean_seconds")
    assert lines.top == 0.5
    assert lines.lines == [("mean_seconds", "0.5,0.00", "M0.5,0.00h0")]
    assert charts.lines([], "mean_seconds").lines == [("mean_seconds", "", "")]


def test_the_axes() -> None:
    for value, top in (
        (0.001, 0.001), (0.3, 0.5), (1, 1), (2, 2), (3, 5), (6, 10), (70, 100), (1.5, 2),
    ):  # fmt: skip
        assert charts.rounded_up(value) == top
    intervals = [Interval(start=60 * minute) for minute in range(60)]
    assert charts.marks(intervals) == [0, 900, 1800, 2700]
    assert charts.marks(intervals[:2]) == [0, 60]
