"""The doctor's check of the processes that handle events."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from flask import Flask

from flask_ycloud.inbox import CUT_SHORT, TAKEN_OVER, count_rejections, heartbeats
from flask_ycloud.runtime import runtime_of

from ..conftest import Clock, MakeApp, needs
from ..processes import Site
from ..support import eventually
from .support import levels, only


@pytest.fixture
def manual(make_app: MakeApp, inbox_url: str, clock: Clock) -> Flask:
    """An app whose worker is another process, and whose clock a test moves."""
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)
    runtime_of(app).inbox.clock = clock
    return app


def test_no_worker_was_started_yet(manual: Flask, make_app: MakeApp) -> None:
    none = "No process handles events: none has started, or the last has stopped."
    remedy = "Start one: flask ycloud worker"
    assert only(manual, "workers") == [("warning", none, remedy)]
    ((level, text, remedy),) = only(make_app(YCLOUD_DISPATCH="worker"), "workers")
    assert (level, text) == ("warning", none)
    assert remedy.startswith("Start the server, and send a request")


def test_workers_that_are_alive_and_others_that_died(manual: Flask, clock: Clock) -> None:
    inbox = runtime_of(manual).inbox
    heartbeats.beat(inbox, "killed")
    assert only(manual, "workers") == [("ok", "1 process handles events.", "")]
    clock.now += 61
    text = "No process handles events; the last heartbeat was 1 min ago."
    assert only(manual, "workers")[0][:2] == ("error", text)
    clock.now += 240
    heartbeats.beat(inbox, "alive")
    heartbeats.beat(inbox, "another")
    assert only(manual, "workers") == [
        ("ok", "2 processes handle events.", ""),
        (
            "warning",
            "1 process ended in the last day without signing off, the last 5 min ago.",
            "Was it killed? Others take its events over. The server's log may say why.",
        ),
    ]
    for name in ("killed", "alive", "another"):
        heartbeats.sign_off(inbox, name)
    assert levels(manual, "workers") == ["warning"], "they ended as they should"


def test_a_server_that_cannot_run_threads(manual: Flask) -> None:
    heartbeats.note_trouble(runtime_of(manual).inbox, "It has no threads.")
    (level, text, _), _ = only(manual, "workers")
    assert level == "error"
    assert text.endswith(": It has no threads.")


def test_events_whose_process_did_not_end_them(make_app: MakeApp) -> None:
    app = make_app()  # inline: it has no heartbeats
    counts = {("ycloud", TAKEN_OVER): 1, ("ycloud", CUT_SHORT): 3}
    count_rejections(runtime_of(app).inbox, counts)
    (lost, short) = only(app, "workers")
    assert lost[0] == short[0] == "warning"
    assert lost[1] == ("ycloud: in the last day, 1 event lost its lease and ran again.")
    assert short[1] == (
        "ycloud: in the last day, 3 events still ran when their process ended."
    )
    assert "YCLOUD_DRAIN_SECONDS" in short[2]


# Celery.


def test_no_celery_in_the_app(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="celery")
    ((level, text, _),) = only(app, "celery")
    assert (level, text) == ("error", "There is no Celery at app.extensions['celery'].")
    app.extensions["celery"] = Celery(set_as_current=False)  # so that the app can end


def test_a_broker_that_is_away(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="celery")
    app.extensions["celery"] = Celery(broker="redis://127.0.0.1:9/0", set_as_current=False)
    ((level, text, _),) = only(app, "celery")
    assert level == "error"
    assert text.startswith("The broker does not answer (")


def test_a_broker_without_workers(make_app: MakeApp) -> None:
    needs("Redis", 6379)
    app = make_app(YCLOUD_DISPATCH="celery")
    app.extensions["celery"] = Celery(
        broker="redis://127.0.0.1:6379/13", set_as_current=False
    )
    ((level, text, _),) = only(app, "celery")
    assert (level, text) == ("error", "The broker answers, but no worker does.")


def test_a_celery_worker_answers(make_app: MakeApp, tmp_path: Any) -> None:
    needs("Redis", 6379)
    broker = "redis://127.0.0.1:6379/12"
    app = make_app(YCLOUD_DISPATCH="celery")
    app.extensions["celery"] = Celery(broker=broker, set_as_current=False)
    site = Site(tmp_path, f"sqlite:///{tmp_path}/inbox.db")
    try:
        site.serve(BROKER=broker, QUEUE="doctor", FLASK_YCLOUD_DISPATCH="celery")
        site.work(processes=1)
        eventually(lambda: levels(app, "celery") == ["ok"], seconds=40)
    finally:
        site.close()
