"""What goes wrong around a handler is no death of its process, and hurts nobody else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import (
    Discard,
    Event,
    InboxUnavailable,
    Retry,
    WebhookBlueprint,
    event_done,
    handler_failed,
    handler_succeeded,
    on_event,
)
from flask_ycloud.dispatch import WorkerDispatcher
from flask_ycloud.dispatch.processing import process
from flask_ycloud.inbox import HandlerState, Identity, Inbox
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver, eventually, id_of
from .support import TYPE, Bench, state_of

HALF_AN_EMOJI = "cannot read \ud83d"


def is_done(app: Flask, event_id: str) -> bool:
    return state_of(app, event_id) == "done"


def handlers_of(app: Flask, event_id: str) -> dict[str, HandlerState]:
    event = runtime_of(app).inbox.get(event_id)
    assert event is not None
    return {each.handler: each for each in event.handlers}


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "reason",
    [
        HALF_AN_EMOJI,
        "a\0b",
        ValueError("odd"),
        {"a": 1},
        "x" * 100_000,
        None,
        Unspeakable(),
    ],
)
def test_any_reason_of_a_discard_is_kept(worker_app: Flask, reason: Any) -> None:
    """As text that fits; and no other handler or delivery is hurt."""
    runs: list[str] = []

    @on_event(TYPE, name="first")
    def first(event: Event[Any]) -> None:
        runs.append("first")
        raise Discard(reason)

    @on_event(TYPE, name="second")
    def second(event: Event[Any]) -> None:
        runs.append("second")

    body = body_of()
    deliver(worker_app, body)
    eventually(lambda: state_of(worker_app, id_of(body)) == "done")
    assert sorted(runs) == ["first", "second"]
    outcome = handlers_of(worker_app, id_of(body))["first"]
    assert outcome.state == "discarded"
    assert outcome.error is not None
    assert len(outcome.error) < 10_000


def test_what_the_database_still_refuses_is_left_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is that handler's own failure to tell, and not the end of its process."""
    monkeypatch.setattr("flask_ycloud.inbox.rows.storable", lambda text: text)

    @on_event(TYPE, name="one")
    def drop(event: Event[Any]) -> None:
        raise Discard(HALF_AN_EMOJI)

    event_id = bench.accept()
    bench.handle()
    event = bench.look(event_id)
    assert event.state == "done"
    (outcome,) = event.handlers
    assert outcome.state == "discarded"
    assert "cannot be stored" in str(outcome.error)


def test_a_bad_value_fails_itself_and_never_its_batch(inbox_app: Flask) -> None:
    inbox = runtime_of(inbox_app).inbox
    start, answers = threading.Barrier(9), []

    def accept(number: int) -> None:
        start.wait()
        for each in range(20):
            event_id = f"evt_{number}_{each}" if number else f"bad \ud83d {each}"
            try:
                inbox.accept(event_id, b"{}", endpoint="ycloud", event_type="t")
                answers.append(number)
            except Exception:
                answers.append(-number)

    threads = [threading.Thread(target=accept, args=(each,)) for each in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(answers)) == list(range(9)), "only the bad ones were refused"
    assert inbox.stats().pending == 8 * 20


@pytest.fixture
def inbox_app(make_app: MakeApp, inbox_url: str) -> Flask:
    return make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)


@pytest.fixture
def odd_records() -> Iterator[None]:
    """A log-record factory that sets what our records carry, as such factories do."""
    before = logging.getLogRecordFactory()

    def factory(*args: Any, **options: Any) -> logging.LogRecord:
        record = before(*args, **options)
        record.endpoint = record.handler = record.event_id = None
        return record

    logging.setLogRecordFactory(factory)
    yield
    logging.setLogRecordFactory(before)


def test_a_record_factory_changes_no_answer_and_no_outcome(
    make_app: MakeApp, odd_records: None, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_RETRY_DELAYS=[60])

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise ValueError

    assert app.test_client().post("/ycloud/webhook", data=b"{}").status_code == 401
    assert app.test_client().get("/ycloud/webhook").status_code == 405
    assert deliver(app, b"[1]").status_code == 200
    body = body_of()
    deliver(app, body)
    call(app, "worker", "--once")
    assert handlers_of(app, id_of(body))["one"].state == "failed"
    assert "Handler one failed" in caplog.text


def test_a_log_handler_that_raises_changes_no_outcome(make_app: MakeApp) -> None:
    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise RuntimeError

    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_RETRY_DELAYS=[60])

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise ValueError

    logger, broken = logging.getLogger("flask_ycloud"), Broken()
    logger.addHandler(broken)
    try:
        body = body_of()
        assert deliver(app, body).status_code == 200
        assert app.test_client().get("/ycloud/webhook").status_code == 405
        eventually(lambda: "one" in handlers_of(app, id_of(body)))
    finally:
        logger.removeHandler(broken)
    assert handlers_of(app, id_of(body))["one"].state == "failed"


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_a_receiver_that_raises_changes_no_outcome(
    worker_app: Flask, kind: type[BaseException]
) -> None:
    on_event(TYPE, name="one")(lambda event: None)

    def receiver(app: Flask, **details: Any) -> None:
        raise kind

    for signal in (handler_succeeded, handler_failed, event_done):
        signal.connect(receiver)
    for _ in range(3):
        body = body_of()
        deliver(worker_app, body)
        eventually(partial(is_done, worker_app, id_of(body)))
    for signal in (handler_succeeded, handler_failed, event_done):
        signal.disconnect(receiver)


def test_a_keyboard_interrupt_in_a_handler_is_its_failure(make_app: MakeApp) -> None:
    app = make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=2, YCLOUD_RETRY_DELAYS=[]
    )
    done: list[str] = []

    @on_event(TYPE, name="one")
    def interrupt(event: Event[Any]) -> None:
        raise KeyboardInterrupt

    on_event("contact.created", name="other")(lambda event: done.append(event.id))
    bodies = [body_of() for _ in range(4)]
    for body in bodies:
        deliver(app, body)
    deliver(app, body_of("contact.created"))
    eventually(lambda: len(done) == 1)
    eventually(lambda: [state_of(app, id_of(each)) for each in bodies] == ["dead"] * 4)


def test_a_thread_that_ends_is_replaced(
    worker_app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that a library stops from outside."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    kills = ["ycloud-0", "ycloud-1", "ycloud-2", "ycloud-3"]

    def end(*args: Any, **options: Any) -> Any:
        if threading.current_thread().name in kills:
            kills.remove(threading.current_thread().name)
            raise KeyboardInterrupt
        return process(*args, **options)

    monkeypatch.setattr("flask_ycloud.dispatch.worker.process", end)
    runtime_of(worker_app).inbox.lease = 0.3
    bodies = [body_of("contact.created", contactCreated={"id": str(n)}) for n in range(8)]
    for body in bodies:
        deliver(worker_app, body)
    while kills:  # each thread gets one in the end
        bodies.append(body_of("contact.created", contactCreated={"id": str(len(bodies))}))
        deliver(worker_app, bodies[-1])
        assert len(bodies) < 10_000
    for body in bodies:
        eventually(partial(is_done, worker_app, id_of(body)))
    assert "ended; another one starts" in caplog.text


def test_no_page_fails_while_the_system_has_no_thread_to_give(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=2)
    app.add_url_rule("/", "home", lambda: "home")
    seen: list[str] = []
    on_event(TYPE, name="one")(lambda event: seen.append(event.id))
    really_start = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "ycloud-fetcher" and full.is_set():
            raise RuntimeError("can't start new thread")
        really_start(thread)

    full = threading.Event()
    full.set()
    monkeypatch.setattr(threading.Thread, "start", start)
    body = body_of()
    assert [app.test_client().get("/").status_code for _ in range(3)] == [200] * 3
    assert deliver(app, body).status_code == 200
    full.clear()
    assert app.test_client().get("/").status_code == 200
    eventually(lambda: seen == [id_of(body)])
    assert caplog.text.count("ycloud-fetcher did not start (can't start new thread)") == 1


@pytest.mark.parametrize("after", [float("inf"), 367 * 86_400, -1, float("nan")])
def test_a_retry_that_no_calendar_has_is_a_failure(bench: Bench, after: float) -> None:
    """Refused where it is raised; and the pages and commands show it."""

    @on_event(TYPE, name="one")
    def ask(event: Event[Any]) -> None:
        raise Retry(after=after)

    event_id = bench.accept()
    bench.handle()
    event = bench.look(event_id)
    assert event.state == "pending"
    assert str(event.handlers[0].error).startswith("ValueError at ")
    assert call(bench.app, "list").exit_code == 0


def test_a_time_beyond_every_calendar_is_still_shown(inbox_app: Flask) -> None:
    """As an older version may have stored one."""
    body = body_of()
    deliver(inbox_app, body)
    inbox = runtime_of(inbox_app).inbox
    inbox.database.write(
        lambda tx: tx.exec_driver_sql("UPDATE ycloud_events SET due_at = 1e300")
    )
    event = inbox.get(id_of(body))
    assert event is not None
    assert event.due_at is not None
    assert event.due_at.year == 9999
    assert call(inbox_app, "list").exit_code == 0


def test_a_failed_handler_that_is_not_here_stays_failed(
    make_app: MakeApp, inbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a rename, a roll-back, or a worker that imports less than the web."""
    settings: dict[str, Any] = {
        "YCLOUD_INBOX_URL": inbox_url, "YCLOUD_DISPATCH": "manual",
        "YCLOUD_RETRY_DELAYS": [1, 60],
    }  # fmt: skip
    hooks = WebhookBlueprint("hooks")
    web = make_app(hooks, **settings)
    worker = make_app(WebhookBlueprint("hooks"), **settings)

    @hooks.on_event(TYPE, name="shop:track")
    def track(event: Event[Any]) -> None:
        raise ConnectionError

    body = body_of()
    deliver(web, body, path="/hooks/webhook")
    now = time.time()
    ours, others = runtime_of(web).inbox, runtime_of(worker).inbox
    ours.clock = others.clock = lambda: now

    def handle(app: Flask) -> None:
        claim = runtime_of(app).inbox.claim()
        assert claim is not None
        process(runtime_of(app), claim)

    handle(web)
    now += 2
    handle(worker)
    outcome = handlers_of(web, id_of(body))["shop:track"]
    assert (outcome.state, outcome.attempts) == ("failed", 1)
    assert state_of(web, id_of(body)) == "pending"
    now += 61
    handle(web)
    assert handlers_of(web, id_of(body))["shop:track"].attempts == 2, "it runs where it is"
    now += 86_400 + 61
    handle(worker)
    assert state_of(web, id_of(body)) == "dead"
    event = ours.get(id_of(body))
    assert event is not None
    assert "no process had a handler of that name" in str(event.reason)


def test_a_worker_is_stopped_with_nothing_left_claimed(
    make_app: MakeApp, inbox_url: str
) -> None:
    """What it had fetched ahead is due again at once, and counts as no attempt."""
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)
    release, running = threading.Event(), threading.Event()

    @on_event("*", name="one")
    def slow(event: Event[Any]) -> None:
        if event.id == "evt_last":
            running.set()
            assert release.wait(20)

    inbox: Inbox = runtime_of(app).inbox

    def accept(event_id: str, body: bytes) -> None:
        inbox.accept(event_id, body, endpoint="ycloud", event_type="contact.created")

    dispatcher = WorkerDispatcher(runtime_of(app), threads=1)
    for number in range(40):
        body = body_of("contact.created", contactCreated={"id": str(number)})
        accept(f"evt_{number}", body)
    dispatcher.start()
    eventually(lambda: inbox.stats().pending == 0)
    body = body_of("contact.created")
    accept("evt_last", body.replace(id_of(body).encode(), b"evt_last"))
    dispatcher.wake(Identity("evt_last", "ycloud"))
    assert running.wait(10)
    for number in range(40):
        accept(f"more_{number}", body)
    dispatcher.wake(Identity("more_1", "ycloud"))
    stopping = threading.Thread(target=dispatcher.stop)
    stopping.start()
    eventually(lambda: inbox.stats().pending == 40)
    release.set()
    stopping.join(30)
    assert not stopping.is_alive()
    stats = inbox.stats()
    assert (stats.pending, stats.running) == (40, 0)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_tracer_that_raises_runs_no_handler_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    runs: list[str] = []
    on_event(TYPE, name="one")(lambda event: runs.append(event.id))

    @contextmanager
    def broken(*_: Any, **__: Any) -> Iterator[None]:
        if when == "before":
            raise RuntimeError
        yield
        raise RuntimeError

    monkeypatch.setattr("flask_ycloud.tracing.handling", broken)
    event_id = bench.accept()
    bench.handle()
    assert (bench.look(event_id).state, runs) == ("done", [event_id])


def test_a_fault_in_running_a_handler_is_a_failure(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError

    on_event(TYPE, name="one")(lambda event: None)
    event_id = bench.accept()
    with monkeypatch.context() as patch:
        patch.setattr("flask_ycloud.dispatch.processing.run", broken)
        bench.handle()
    (outcome,) = bench.look(event_id).handlers
    assert (outcome.state, outcome.error) == ("failed", "RuntimeError around the handler")


def test_a_fault_in_fetching_or_in_chores_ends_nothing(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("flask_ycloud.dispatch.fetching.POLL_SECONDS", 0.01)
    app = make_app(YCLOUD_DISPATCH="worker")
    faults: list[Exception] = [RuntimeError("+447901614024")]
    really_fetch = Inbox.fetch

    def fetch(inbox: Inbox, limit: int, **options: Any) -> Any:
        if faults:
            raise faults.pop()
        return really_fetch(inbox, limit, **options)

    def beat(*_: Any) -> None:
        raise InboxUnavailable("no heartbeat now")

    monkeypatch.setattr(Inbox, "fetch", fetch)
    monkeypatch.setattr("flask_ycloud.inbox.heartbeats.beat", beat)
    body = body_of()
    deliver(app, body)
    eventually(lambda: state_of(app, id_of(body)) == "done")
    assert "The worker failed: RuntimeError" in caplog.text
    assert "447901614024" not in caplog.text
    assert "no heartbeat now" in caplog.text


def test_ctrl_c_in_the_main_thread_is_not_swallowed(bench: Bench) -> None:
    def interrupt(app: Flask, **details: Any) -> None:
        raise KeyboardInterrupt

    event_done.connect(interrupt)
    bench.accept()
    with pytest.raises(KeyboardInterrupt):
        bench.handle()
    event_done.disconnect(interrupt)


def test_a_removed_working_folder_hides_no_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> str:
        raise FileNotFoundError

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise ValueError

    event_id = bench.accept()
    with monkeypatch.context() as patch:
        patch.setattr("os.getcwd", gone)
        bench.handle()
    assert str(bench.look(event_id).handlers[0].error).startswith("ValueError at ")
