"""What the inbox says of itself, for Prometheus."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from flask_ycloud import WebhookBlueprint, ycloud_bp
from flask_ycloud.gauges import Backlog
from flask_ycloud.inbox import CUT_SHORT, TAKEN_OVER, count_rejections, heartbeats
from flask_ycloud.runtime import runtime_of

from .conftest import Clock, MakeApp

TYPE = "sms.message.updated"


@pytest.fixture
def app(make_app: MakeApp, inbox_url: str, clock: Clock) -> Flask:
    """An app with two endpoints, whose clock a test moves."""
    second = WebhookBlueprint("second", url_prefix="/second")
    made = make_app(ycloud_bp, second, YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)
    runtime_of(made).inbox.clock = clock
    return made


def gauge(app: Flask, name: str) -> dict[str, float]:
    """Its values, by the label if it has one."""
    (family,) = (each for each in Backlog(app).collect() if each.name == name)
    return {" ".join(each.labels.values()): each.value for each in family.samples}


def accept(app: Flask, event_id: str, endpoint: str = "ycloud") -> None:
    runtime_of(app).inbox.accept(event_id, b"{}", endpoint=endpoint, event_type=TYPE)


def test_the_inbox_can_be_read(app: Flask) -> None:
    assert gauge(app, "ycloud_inbox_up") == {"": 1}


def test_the_age_of_the_newest_delivery(app: Flask, clock: Clock) -> None:
    assert gauge(app, "ycloud_newest_delivery_seconds") == {}
    accept(app, "evt_1")
    clock.now += 50
    accept(app, "evt_1", "second")
    accept(app, "evt_2", "of another app")
    clock.now += 10
    found = gauge(app, "ycloud_newest_delivery_seconds")
    assert found == {"ycloud": pytest.approx(60), "second": pytest.approx(10)}


def test_how_long_the_first_in_line_has_been_due(app: Flask, clock: Clock) -> None:
    assert gauge(app, "ycloud_inbox_overdue_seconds") == {"": 0}
    accept(app, "evt_1")
    clock.now += 40
    accept(app, "evt_2", "second")
    assert gauge(app, "ycloud_inbox_overdue_seconds") == {"": pytest.approx(40)}
    inbox = runtime_of(app).inbox
    claim = inbox.claim()
    assert claim is not None
    assert gauge(app, "ycloud_inbox_overdue_seconds") == {"": 0}
    clock.now += inbox.lease + 5
    found = gauge(app, "ycloud_inbox_overdue_seconds")
    assert found == {"": pytest.approx(inbox.lease + 5)}
    inbox.pause()
    assert gauge(app, "ycloud_inbox_overdue_seconds") == {"": 0}, "nobody is late"


def test_workers(app: Flask, clock: Clock, make_app: MakeApp) -> None:
    assert gauge(app, "ycloud_workers") == {"alive": 0, "silent": 0}
    heartbeats.beat(runtime_of(app).inbox, "killed")
    clock.now += 61
    heartbeats.beat(runtime_of(app).inbox, "alive")
    assert gauge(app, "ycloud_workers") == {"alive": 1, "silent": 1}
    inline = make_app(YCLOUD_DISPATCH="inline")
    assert "ycloud_workers" not in {each.name for each in Backlog(inline).collect()}


def test_what_was_counted_in_the_last_hour_or_two(app: Flask, clock: Clock) -> None:
    clock.now = clock.now // 3_600 * 3_600
    assert gauge(app, "ycloud_recent_taken_over_events") == {"ycloud": 0, "second": 0}
    counts = {(name, CUT_SHORT): 3 for name in ("ycloud", "second")}
    counts |= {("second", TAKEN_OVER): 1, ("ycloud", "conflict"): 2}
    count_rejections(runtime_of(app).inbox, counts)
    clock.now += 3_600
    assert gauge(app, "ycloud_recent_cut_short_events") == {"ycloud": 3, "second": 3}
    assert gauge(app, "ycloud_recent_taken_over_events") == {"ycloud": 0, "second": 1}
    assert gauge(app, "ycloud_recent_conflicted_deliveries") == {"ycloud": 2, "second": 0}
    clock.now += 3_600
    assert gauge(app, "ycloud_recent_cut_short_events") == {"ycloud": 0, "second": 0}


# The cost of a scrape.


def fill(tx: Connection) -> None:
    """20,000 events that are done."""
    numbers = "SELECT generate_series(1, 20000) AS n"
    if tx.dialect.name == "sqlite":
        numbers = (
            "WITH RECURSIVE s(n) AS"
            " (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000) SELECT n FROM s"
        )
    tx.exec_driver_sql(
        "INSERT INTO ycloud_events (id, endpoint, received_at, state, settled_at, attempt,"
        f" crashes, body) SELECT 'evt_' || n, 'ycloud', n, 'done', n, 1, 0, '' FROM"
        f" ({numbers}) AS many"
    )
    tx.exec_driver_sql("ANALYZE")


def asked_by(app: Flask) -> list[tuple[str, Any]]:
    """What a scrape asks the database, with the parameters."""
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *more: Any) -> None:
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        list(Backlog(app).collect())
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return [each for each in asked if "ycloud_events" in each[0]]


def test_a_scrape_goes_through_no_events_that_are_done(app: Flask) -> None:
    database = runtime_of(app).inbox.database
    list(Backlog(app).collect())
    database.write(fill)
    accept(app, "evt_pending")
    asked = asked_by(app)
    assert len(asked) >= 8
    how = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    for statement, parameters in asked:

        def explain(tx: Connection, what: tuple[str, Any] = (statement, parameters)) -> str:
            rows = tx.exec_driver_sql(f"{how} {what[0]}", what[1])
            return "\n".join(str(row[-1]) for row in rows)

        plan = database.read(explain)
        assert "Seq Scan on ycloud_events" not in plan, plan
        whole = re.search(r"SCAN ycloud_events(?! USING .*INDEX [iu]x_)", plan)
        assert whole is None, plan
        for all_of in ("arrivals", "done", "identity"):  # of these, no part is small
            assert not re.search(rf"SCAN ycloud_events .*x_ycloud_events_{all_of}", plan)
