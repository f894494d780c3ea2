"""Tasks, in this process: what is sent, and what one does."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest
from celery import Celery, Task
from flask import Flask

from flask_ycloud import Event, Retry, on_event
from flask_ycloud.dispatch import tasks
from flask_ycloud.dispatch.celery import handle, sweep
from flask_ycloud.dispatch.tasks import TaskDispatcher
from flask_ycloud.inbox import Identity
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, eventually, id_of
from .support import TYPE


class FakeBroker(Celery):  # type: ignore[misc]
    """A Celery whose tasks are noted instead of sent."""

    sent: list[tuple[str, dict[str, Any]]]
    broken = False


@pytest.fixture
def celery_app(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> tuple[Flask, Any]:
    app = make_app(
        YCLOUD_DISPATCH="celery",
        YCLOUD_CELERY_QUEUE="events",
        YCLOUD_CELERY_PRIORITY=7,
        YCLOUD_RETRY_DELAYS=[60],
    )

    class FlaskTask(Task):  # type: ignore[misc]
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                return self.run(*args, **kwargs)

    made = FakeBroker(app.name, task_cls=FlaskTask, broker="memory://")
    made.sent = []
    made.set_default()
    app.extensions["celery"] = made

    def note(self: Any, args: tuple[str], **options: Any) -> None:
        if made.broken:
            raise ConnectionRefusedError
        made.sent.append((args[0], options))

    monkeypatch.setattr(type(made.tasks[handle.name]), "apply_async", note)
    return app, made


def test_an_accepted_event_is_sent_as_a_task(celery_app: tuple[Flask, Any]) -> None:
    app, celery = celery_app
    body = body_of()
    assert deliver(app, body).status_code == 200
    eventually(lambda: celery.sent)
    where = {"endpoint": "ycloud", "tenant": ""}
    options = {"kwargs": where, "countdown": None, "queue": "events", "priority": 7}
    options["retry"] = False
    assert celery.sent == [(id_of(body), options)]
    runtime_of(app).dispatcher.stop()


def test_a_task_handles_and_settles(celery_app: tuple[Flask, Any]) -> None:
    app, _ = celery_app
    runs: list[str] = []
    on_event(TYPE, name="one")(lambda event: runs.append(event.id))
    body = body_of()
    deliver(app, body)
    for _ in range(3):  # doubled tasks change nothing
        handle(id_of(body))
    assert runs == [id_of(body)]
    handle("evt_unknown")
    handle("evt_unknown", endpoint="ycloud", tenant="")
    other = body_of()
    deliver(app, other)
    handle(id_of(other), endpoint="ycloud", tenant="")
    assert runs == [id_of(body), id_of(other)]


def test_an_event_of_no_conversation_has_none_after_it(
    celery_app: tuple[Flask, Any],
) -> None:
    app, celery = celery_app
    body = body_of("whatsapp.smb.history")
    deliver(app, body)
    eventually(lambda: celery.sent)
    handle(id_of(body))
    assert len(celery.sent) == 1


def test_a_retry_is_a_task_that_waits(celery_app: tuple[Flask, Any]) -> None:
    app, celery = celery_app

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise LookupError

    body = body_of()
    deliver(app, body)
    eventually(lambda: celery.sent)
    handle(id_of(body))
    event_id, options = celery.sent[-1]
    assert event_id == id_of(body)
    assert options["countdown"] == pytest.approx(63, abs=4), "a tenth more at most"
    handle(id_of(body))  # too early: it waits for the rest
    assert celery.sent[-1][1]["countdown"] == pytest.approx(62, abs=7), "likewise"


def test_a_retry_at_once_is_a_task_at_once(celery_app: tuple[Flask, Any]) -> None:
    """It does not wait for a sweep."""
    app, celery = celery_app

    @on_event(TYPE, name="one")
    def again(event: Event[Any]) -> None:
        if event.attempt == 1:
            raise Retry(after=0)

    body = body_of()
    deliver(app, body)
    eventually(lambda: celery.sent)
    handle(id_of(body))
    assert [each[0] for each in celery.sent] == [id_of(body)] * 2
    assert celery.sent[-1][1]["countdown"] is None
    handle(id_of(body))
    assert runtime_of(app).inbox.stats().pending == 0
    assert len(celery.sent) == 2


def test_a_lease_that_ends_while_a_task_looks(celery_app: tuple[Flask, Any]) -> None:
    """The task found the event leased. It comes back, though the event is due by now."""
    app, celery = celery_app
    body = body_of()
    deliver(app, body)
    eventually(lambda: celery.sent)
    inbox = runtime_of(app).inbox
    assert inbox.claim(Identity(id_of(body), "ycloud")) is not None
    started = time.time()
    at = iter([started, started])  # then time has passed
    inbox.clock = lambda: next(at, started + inbox.lease + 1)
    handle(id_of(body))
    assert len(celery.sent) == 2
    assert celery.sent[-1][1]["countdown"] is None


def test_no_task_waits_in_the_broker_for_long(
    celery_app: tuple[Flask, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, celery = celery_app
    dispatcher = runtime_of(app).dispatcher
    assert isinstance(dispatcher, TaskDispatcher)
    dispatcher.send(Identity("evt_1", "ycloud"), 7200)
    assert celery.sent[-1][1]["countdown"] == tasks.LONGEST_COUNTDOWN


def test_the_next_of_a_conversation_is_sent_after_the_one_before(
    celery_app: tuple[Flask, Any],
) -> None:
    app, celery = celery_app
    first, second = body_of(), body_of()
    deliver(app, first)
    deliver(app, second)
    eventually(lambda: len(celery.sent) == 2)
    held = runtime_of(app).inbox.claim(Identity(id_of(first), "ycloud"))
    assert held is not None
    handle(id_of(second))
    assert runtime_of(app).inbox.stats().pending == 1, "it waits for the first"
    runtime_of(app).inbox.clock = lambda: time.time() + 61
    handle(id_of(first))
    assert celery.sent[-1][0] == id_of(second)
    handle(id_of(second))
    assert runtime_of(app).inbox.stats().pending == 0


def test_a_broker_that_is_away_fails_no_delivery(
    celery_app: tuple[Flask, Any], caplog: pytest.LogCaptureFixture
) -> None:
    app, celery = celery_app
    celery.broken = True
    for number in range(3):
        body = body_of("contact.created", contactCreated={"id": f"contact_{number}"})
        assert deliver(app, body).status_code == 200
    eventually(lambda: "takes no tasks (ConnectionRefusedError)" in caplog.text)
    dispatcher = runtime_of(app).dispatcher
    assert isinstance(dispatcher, TaskDispatcher)
    eventually(lambda: dispatcher._waiting.empty())
    assert caplog.text.count("takes no tasks") == 1
    result = app.test_cli_runner().invoke(args=["ycloud", "sweep"])
    assert result.output == "Sent 0 tasks.\n", "they are not overdue yet"
    runtime_of(app).inbox.clock = lambda: time.time() + 31
    result = app.test_cli_runner().invoke(args=["ycloud", "sweep"])
    assert result.output == "Error: The broker takes no tasks: ConnectionRefusedError.\n"
    celery.broken = False
    with app.app_context():
        assert sweep() == 3
    assert len(celery.sent) == 3


def test_a_sweep_without_a_broker_is_a_line(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="celery")
    nowhere = "redis://127.0.0.1:9/0"
    app.extensions["celery"] = Celery(broker=nowhere, set_as_current=False)
    runtime_of(app).inbox.accept("evt_1", b"{}", endpoint="ycloud", event_type=None)
    runtime_of(app).inbox.clock = lambda: time.time() + 31
    result = app.test_cli_runner().invoke(args=["ycloud", "sweep"])
    assert result.output == "Error: The broker takes no tasks: OperationalError.\n"


def test_a_sweep_is_for_celery(make_app: MakeApp) -> None:
    app = make_app()
    result = app.test_cli_runner().invoke(args=["ycloud", "sweep"])
    assert result.exit_code == 1
    assert "'inline', which has no task queue; a sweep is for 'celery'" in result.output


def test_too_many_ids_are_left_to_the_sweep(
    celery_app: tuple[Flask, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, _ = celery_app
    monkeypatch.setattr(tasks, "_MOST_WAITING", 1)
    monkeypatch.setattr(TaskDispatcher, "_offer_all", lambda self: None)
    dispatcher = runtime_of(app).dispatcher
    for _ in range(2):
        dispatcher.wake(Identity("evt_1", "ycloud"))
    assert "Too many ids wait" in caplog.text


def test_the_sender_starts_once_for_many_threads(celery_app: tuple[Flask, Any]) -> None:
    app, _ = celery_app
    dispatcher: Any = runtime_of(app).dispatcher

    class Slow:
        """A lock that another thread held while it started the sender."""

        def __enter__(self) -> None:
            dispatcher._pid = os.getpid()

        def __exit__(self, *_: object) -> None: ...

    dispatcher._starting = Slow()
    before = threading.active_count()
    dispatcher.start()
    assert threading.active_count() == before
