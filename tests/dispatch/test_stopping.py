"""The worker's end: what runs is finished or released."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import Event, InboxUnavailable, on_event, start, stop
from flask_ycloud.dispatch import worker
from flask_ycloud.dispatch.worker import WorkerDispatcher
from flask_ycloud.inbox import Identity, Inbox, heartbeats
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, eventually, id_of
from .support import TYPE, state_of


def test_stopping_lets_running_handlers_finish(worker_app: Flask) -> None:
    started, release = threading.Event(), threading.Event()

    @on_event(TYPE, name="one")
    def slow(event: Event[Any]) -> None:
        started.set()
        assert release.wait(10)

    body = body_of()
    deliver(worker_app, body)
    assert started.wait(10)
    threading.Timer(0.05, release.set).start()
    dispatcher = runtime_of(worker_app).dispatcher
    dispatcher.stop()
    assert state_of(worker_app, id_of(body)) == "done"
    dispatcher.stop()
    runtime_of(worker_app).inbox.accept("evt_1", b"{}", endpoint="e", event_type=None)
    dispatcher.wake(Identity("evt_1", "ycloud"))
    assert state_of(worker_app, "evt_1") == "pending", "it fetches no more"


def test_stopping_gives_back_what_does_not_finish(
    make_app: MakeApp, inbox_url: str
) -> None:
    app = make_app(
        YCLOUD_DISPATCH="worker",
        YCLOUD_INBOX_URL=inbox_url,
        YCLOUD_WORKER_THREADS=1,
        YCLOUD_DRAIN_SECONDS=0.01,
    )
    started, release = threading.Event(), threading.Event()

    @on_event(TYPE, name="one")
    def stuck(event: Event[Any]) -> None:
        started.set()
        assert release.wait(10)

    body = body_of()
    deliver(app, body)
    assert started.wait(10)
    dispatcher = runtime_of(app).dispatcher
    assert isinstance(dispatcher, WorkerDispatcher)
    dispatcher.stop()
    assert state_of(app, id_of(body)) == "pending"
    release.set()
    eventually(lambda: not any(each.is_alive() for each in dispatcher._threads.values()))
    assert state_of(app, id_of(body)) == "pending", "its outcome came too late"


def test_stopping_without_a_database_leaves_it_to_the_lease(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_DRAIN_SECONDS=0.01)
    started, release = threading.Event(), threading.Event()

    @on_event(TYPE, name="one")
    def stuck(event: Event[Any]) -> None:
        started.set()
        assert release.wait(10)

    deliver(app, body_of())
    assert started.wait(10)

    def broken(*_: Any) -> None:
        raise InboxUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "save_all", broken)
        runtime_of(app).dispatcher.stop()
    release.set()
    assert "1 events were not released" in caplog.text


def test_stopping_without_a_database_and_without_events_says_nothing_of_leases(
    worker_app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher = runtime_of(worker_app).dispatcher
    dispatcher.start()

    def broken(*_: Any) -> None:
        raise InboxUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "save_all", broken)
        patch.setattr(heartbeats, "sign_off", broken)
        dispatcher.stop()
    assert "not released" not in caplog.text


def test_begin_and_end_of_a_drain_are_logged(
    worker_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "flask_ycloud")
    start(worker_app)
    stop(worker_app)
    assert "fetches no more events. No handler is running." in caplog.text
    assert "no event is left over" in caplog.text


@pytest.mark.parametrize(
    ("threads", "running", "released"),
    [
        (1, "1 handler is running and has 7 s.", "It released 1 event that still ran."),
        (2, "2 handlers are running and have 7 s.", "released 2 events that still ran."),
    ],
)
def test_the_log_says_how_many_handlers_run_and_how_many_are_cut_off(
    make_app: MakeApp,
    caplog: pytest.LogCaptureFixture,
    threads: int,
    running: str,
    released: str,
) -> None:
    caplog.set_level("INFO", "flask_ycloud")
    app = make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=threads, YCLOUD_DRAIN_SECONDS=7
    )
    started, release = threading.Semaphore(0), threading.Event()

    @on_event(TYPE, name="one")
    def stuck(event: Event[Any]) -> None:
        started.release()
        assert release.wait(10)

    for number in range(threads):
        deliver(app, body_of(sms={"id": f"conversation {number}"}))
    for _ in range(threads):
        assert started.acquire(timeout=10)
    dispatcher = runtime_of(app).dispatcher
    assert isinstance(dispatcher, WorkerDispatcher)
    dispatcher.begin_stop()
    dispatcher.hurry()
    dispatcher.stop()
    release.set()
    assert f"it fetches no more events. {running}" in caplog.text
    assert released in caplog.text


def test_a_hurry_ends_the_wait(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1)
    started, release = threading.Event(), threading.Event()

    @on_event(TYPE, name="one")
    def stuck(event: Event[Any]) -> None:
        started.set()
        assert release.wait(10)

    body = body_of()
    deliver(app, body)
    assert started.wait(10)
    dispatcher = runtime_of(app).dispatcher
    assert isinstance(dispatcher, WorkerDispatcher)
    dispatcher.begin_stop()
    threading.Timer(0.05, dispatcher.hurry).start()
    dispatcher.stop()
    assert state_of(app, id_of(body)) == "pending"
    release.set()


def test_an_app_that_handles_nothing_here_starts_and_stops(make_app: MakeApp) -> None:
    for dispatch in ("manual", "inline"):
        app = make_app(YCLOUD_DISPATCH=dispatch)
        start(app)
        stop(app)
        assert deliver(app, body_of()).status_code == 200


def test_a_standstill_of_the_threads_is_logged_once(
    worker_app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start(worker_app)
    monkeypatch.setattr(worker, "_STANDSTILL_SECONDS", -1.0)
    start(worker_app)
    start(worker_app)
    assert caplog.text.count("threads did not run for") == 1
    assert worker_app.test_client().get("/ycloud/ready").status_code == 503


def test_from_the_first_signal_on_nothing_is_claimed(
    worker_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_event(TYPE, name="one")(lambda event: None)
    start(worker_app)
    dispatcher = runtime_of(worker_app).dispatcher
    assert isinstance(dispatcher, WorkerDispatcher)
    body = body_of()
    with monkeypatch.context() as patch:
        patch.setattr("flask_ycloud.dispatch.worker.this_process._signalled", True)
        deliver(worker_app, body)
        looked_at = dispatcher._fetcher.looked_at
        eventually(lambda: dispatcher._fetcher.looked_at > looked_at)
        assert state_of(worker_app, id_of(body)) == "pending"
    eventually(lambda: state_of(worker_app, id_of(body)) == "done")
