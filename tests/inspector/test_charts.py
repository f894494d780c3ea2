"""Activity: counts and charts of the last hour."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import on_event
from flask_ycloud.inbox import Minute
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
    assert "ycloud missing 1" in text
    assert "447901614024" not in page.text, "of what was refused nothing is kept"


def test_charts() -> None:
    minutes = [Minute(0, 4, 1, 1, timed=2, total_seconds=1.0, longest=0.7), Minute(60)]
    bars = charts.bars(minutes, "succeeded", "failed")
    assert bars.top == 2
    assert [(b.x, b.y, b.height, b.kind) for b in bars.bars] == [
        (0, 10.0, 10.0, "succeeded"),
        (0, 0.0, 10.0, "failed"),
    ]
    assert bars.bars[0].title == "00:00 1 succeeded"
    lines = charts.lines(minutes, "mean_seconds")
    assert lines.top == 0.5
    assert lines.lines == [("mean_seconds", "0.5,0.00 0.5,0.00")]
    assert charts.lines([], "mean_seconds").lines == [("mean_seconds", "")]
