"""The worker's end: what runs is finished or given back."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import Event, InboxUnavailable, on_event
from flask_ycloud.dispatch import worker
from flask_ycloud.dispatch.worker import WorkerDispatcher
from flask_ycloud.inbox import Identity, Inbox
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
    assert state_of(worker_app, "evt_1") == "pending", "it claims no more"


def test_stopping_gives_back_what_does_not_finish(
    make_app: MakeApp, inbox_url: str
) -> None:
    app = make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_INBOX_URL=inbox_url, YCLOUD_WORKER_THREADS=1
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
    dispatcher.stop(grace=0.01)
    assert state_of(app, id_of(body)) == "pending"
    release.set()
    eventually(lambda: not any(each.is_alive() for each in dispatcher._threads.values()))
    assert state_of(app, id_of(body)) == "pending", "its outcome came too late"


def test_stopping_without_a_database_leaves_it_to_the_lease(
    worker_app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher = runtime_of(worker_app).dispatcher
    dispatcher.start()

    def broken(*_: Any) -> None:
        raise InboxUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "save_all", broken)
        dispatcher.stop()
    assert "were not given back" in caplog.text


def test_the_end_of_the_process_stops_what_still_lives(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1)
    dispatcher = WorkerDispatcher(runtime_of(app), threads=1)
    dispatcher.start()
    worker._stop(weakref.ref(dispatcher))
    assert not any(each.is_alive() for each in dispatcher._threads.values())
    gone = weakref.ref(WorkerDispatcher(runtime_of(app), threads=1))
    worker._stop(gone)
