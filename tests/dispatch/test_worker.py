"""Who handles the events, and when: inline, worker, manual."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_ycloud import Event, InboxUnavailable, current_inbox, on_event
from flask_ycloud.dispatch import worker
from flask_ycloud.dispatch.leases import leases
from flask_ycloud.dispatch.manual import ManualDispatcher
from flask_ycloud.dispatch.processing import process
from flask_ycloud.dispatch.worker import WorkerDispatcher
from flask_ycloud.inbox import Inbox
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, eventually, id_of

TYPE = "sms.message.updated"


def state_of(app: Flask, event_id: str) -> str:
    event = runtime_of(app).inbox.get(event_id)
    assert event is not None
    return event.state


# Inline: the default under app.testing.


def test_inline_handles_before_the_answer(app: Flask) -> None:
    seen: list[str] = []
    on_event(TYPE, name="one")(lambda event: seen.append(event.id))
    body = body_of()
    assert deliver(app, body).status_code == 200
    assert seen == [id_of(body)]
    assert state_of(app, id_of(body)) == "done"


def test_inline_under_testing_raises_the_handlers_own_error(app: Flask) -> None:
    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise LookupError("see me in the test")

    body = body_of()
    with pytest.raises(LookupError, match="see me in the test"):
        deliver(app, body)
    assert state_of(app, id_of(body)) == "pending"
    assert deliver(app, body).json == {"status": "duplicate"}


def test_inline_elsewhere_answers_2xx(make_app: MakeApp) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline")

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise LookupError

    body = body_of()
    assert deliver(app, body).status_code == 200
    assert state_of(app, id_of(body)) == "pending"


def test_inline_takes_up_what_fell_due_since(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_RETRY_DELAYS=[0], YCLOUD_DISPATCH="inline", TESTING=False)
    attempts: list[int] = []

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        attempts.append(event.attempt)
        raise LookupError

    deliver(app, body_of())
    assert attempts == [1, 2]


def test_inline_takes_up_only_a_few(make_app: MakeApp) -> None:
    """The delivery that waits for its answer is not held for a whole backlog."""
    app = make_app(YCLOUD_DISPATCH="inline", TESTING=False)
    inbox = runtime_of(app).inbox
    for number in range(20):
        inbox.accept(f"evt_{number:06}", body_of(), endpoint="ycloud", event_type=TYPE)
    deliver(app, body_of())
    assert inbox.stats().pending == 10


def test_inline_leaves_an_event_that_another_holds(app: Flask) -> None:
    inbox = runtime_of(app).inbox
    inbox.accept("evt_1", body_of(), endpoint="ycloud", event_type=TYPE)
    inbox.claim()
    runtime_of(app).dispatcher.wake("evt_1")
    runtime_of(app).dispatcher.start()
    assert state_of(app, "evt_1") == "running"


# Manual: other processes handle.


def test_manual_only_stores(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    body = body_of()
    deliver(app, body)
    assert state_of(app, id_of(body)) == "pending"


def test_dispatch_may_be_a_dispatcher_of_your_own(make_app: MakeApp) -> None:
    woken: list[str] = []

    class Own(ManualDispatcher):
        def wake(self, event_id: str) -> None:
            woken.append(event_id)

    app = make_app(YCLOUD_DISPATCH=Own)
    body = body_of()
    deliver(app, body)
    assert woken == [id_of(body)]


# Worker: threads of this process.


@pytest.fixture
def worker_app(make_app: MakeApp, inbox_url: str) -> Flask:
    return make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_INBOX_URL=inbox_url, YCLOUD_RETRY_DELAYS=[0.05]
    )


def test_the_worker_handles_while_the_delivery_is_answered(worker_app: Flask) -> None:
    answered, seen = threading.Event(), []

    @on_event(TYPE, name="one")
    def slow(event: Event[Any]) -> None:
        assert answered.wait(10)
        seen.append(threading.current_thread().name)

    body = body_of()
    assert deliver(worker_app, body).status_code == 200
    answered.set()
    eventually(lambda: state_of(worker_app, id_of(body)) == "done")
    assert seen[0].startswith("ycloud-")


def test_the_worker_starts_with_the_first_request_of_any_kind(worker_app: Flask) -> None:
    """So what an earlier process left is handled without a new delivery."""
    runtime = runtime_of(worker_app)
    runtime.inbox.accept("evt_1", body_of(), endpoint="ycloud", event_type=TYPE)
    worker_app.test_client().get("/no-such-page")
    eventually(lambda: state_of(worker_app, "evt_1") == "done")


def test_the_worker_retries_by_itself(worker_app: Flask) -> None:
    attempts: list[int] = []

    @on_event(TYPE, name="one")
    def fail_once(event: Event[Any]) -> None:
        attempts.append(event.attempt)
        if event.attempt == 1:
            raise LookupError

    body = body_of()
    deliver(worker_app, body)
    eventually(lambda: state_of(worker_app, id_of(body)) == "done")
    assert attempts == [1, 2]


def test_the_worker_finds_what_other_processes_accepted(
    worker_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.02)
    runtime = runtime_of(worker_app)
    runtime.dispatcher.start()
    runtime.inbox.accept("evt_1", body_of(), endpoint="ycloud", event_type=TYPE)
    eventually(lambda: state_of(worker_app, "evt_1") == "done")


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("dispatch", ["manual", "worker"])
def test_an_accept_wakes_a_worker_of_another_process(
    make_app: MakeApp, inbox_url: str, monkeypatch: pytest.MonkeyPatch, dispatch: str
) -> None:
    """One whose own threads are busy, or that has none, calls; none waits for a poll."""
    monkeypatch.setattr(worker, "POLL_SECONDS", 60)
    settings = {"YCLOUD_INBOX_URL": inbox_url, "YCLOUD_WORKER_THREADS": 1}
    web = make_app(YCLOUD_DISPATCH=dispatch, **settings)
    other = make_app(YCLOUD_DISPATCH="worker", **settings)
    release, runs = threading.Event(), []

    @on_event("contact.created", name="stuck")
    def stuck(event: Event[Any]) -> None:
        runs.append("stuck")
        assert release.wait(20)

    on_event(TYPE, name="quick")(lambda event: runs.append("quick"))
    if dispatch == "worker":
        deliver(web, body_of("contact.created"))
        eventually(lambda: runs == ["stuck"])
    dispatcher = runtime_of(other).dispatcher
    dispatcher.start()
    assert isinstance(dispatcher, WorkerDispatcher)
    eventually(lambda: dispatcher._idle == 1)
    eventually(lambda: _listens(other))
    deliver(web, body_of())
    eventually(lambda: runs[-1:] == ["quick"], seconds=10)
    release.set()


def _listens(app: Flask) -> bool:
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN ycloud%'"
    )
    return bool(runtime_of(app).inbox.database.read(lambda tx: tx.execute(query).scalar()))


def test_listening_goes_on_after_an_outage(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1)
    database, listened = runtime_of(app).inbox.database, []

    def calls(seconds: float) -> Any:
        listened.append(1)
        yield False
        yield True
        raise InboxUnavailable("away")

    monkeypatch.setattr(database, "can_notify", True)
    monkeypatch.setattr(database, "notifications", calls)
    runtime_of(app).dispatcher.start()
    eventually(lambda: len(listened) > 2)


def test_the_worker_prunes_when_it_is_idle(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "PRUNE_EVERY_SECONDS", 0.06)
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    app = make_app(YCLOUD_DISPATCH="worker")
    inbox = runtime_of(app).inbox
    body = body_of()
    deliver(app, body)
    eventually(lambda: state_of(app, id_of(body)) == "done")
    inbox.clock = lambda: time.time() + 31 * 86_400
    eventually(lambda: inbox.get(id_of(body)) is None)


def test_one_events_failure_delays_no_other(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=2)
    release, seen = threading.Event(), []

    @on_event("contact.created", name="stuck")
    def stuck(event: Event[Any]) -> None:
        assert release.wait(20)

    on_event(TYPE, name="quick")(lambda event: seen.append(event.id))
    deliver(app, body_of("contact.created"))
    for _ in range(5):
        deliver(app, body_of())
    eventually(lambda: len(seen) == 5)
    release.set()


def test_a_replay_wakes_the_worker(worker_app: Flask) -> None:
    runs: list[str] = []
    on_event(TYPE, name="one")(lambda event: runs.append(event.id))
    body = body_of()
    deliver(worker_app, body)
    eventually(lambda: state_of(worker_app, id_of(body)) == "done")
    with worker_app.app_context():
        current_inbox.replay(id_of(body), succeeded_too=True)
    eventually(lambda: len(runs) == 2)


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
    dispatcher.wake("evt_1")
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
    eventually(lambda: not any(thread.is_alive() for thread in dispatcher._threads))
    assert state_of(app, id_of(body)) == "pending", "its outcome came too late"


def test_stopping_without_a_database_leaves_it_to_the_lease(
    worker_app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher = runtime_of(worker_app).dispatcher
    dispatcher.start()

    def broken(*_: Any) -> None:
        raise InboxUnavailable("away")

    monkeypatch.setattr(leases, "give_back", broken)
    dispatcher.stop()
    assert "were not given back" in caplog.text


def test_an_outage_is_logged_once_and_outlived(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1)
    claim, tries, away = Inbox.claim, [], threading.Event()
    away.set()

    def flaky(inbox: Inbox, event_id: str | None = None) -> Any:
        tries.append(1)
        if away.is_set():
            raise InboxUnavailable("away")
        return claim(inbox, event_id)

    monkeypatch.setattr(Inbox, "claim", flaky)
    body = body_of()
    deliver(app, body)
    eventually(lambda: len(tries) > 3)
    away.clear()
    eventually(lambda: state_of(app, id_of(body)) == "done")
    assert caplog.text.count("The worker waits for the inbox: away") == 1


def test_an_outage_while_it_waits(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1)
    asked = threading.Event()

    def broken(inbox: Inbox) -> float:
        asked.set()
        raise InboxUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "next_due", broken)
        runtime_of(app).dispatcher.start()
        assert asked.wait(10)
    body = body_of()
    deliver(app, body)
    eventually(lambda: state_of(app, id_of(body)) == "done")


def test_a_fault_of_ours_ends_no_thread(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    app = make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1, YCLOUD_LEASE_SECONDS=0.2
    )
    faults = [RuntimeError("+447901614024")]

    def faulty(*args: Any) -> Any:
        if faults:
            raise faults.pop()
        return process(*args)

    monkeypatch.setattr(worker, "process", faulty)
    body = body_of()
    deliver(app, body)
    eventually(lambda: state_of(app, id_of(body)) == "done")
    assert "The worker failed: RuntimeError" in caplog.text
    assert "447901614024" not in caplog.text


def test_draining_handles_what_is_due_and_ends(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    for _ in range(3):
        deliver(app, body_of())
    dispatcher = WorkerDispatcher(runtime_of(app), threads=1)
    assert dispatcher.drain() == 3
    assert dispatcher.drain() == 0
    dispatcher.stop()


def test_the_worker_starts_once_for_many_threads(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1)
    dispatcher = WorkerDispatcher(runtime_of(app), threads=1)

    class Slow:
        """A lock that another thread held while it started the worker."""

        def __enter__(self) -> None:
            with lock:
                if dispatcher._pid is None:
                    monkeypatch.setattr(dispatcher, "_starting", lock)
                    dispatcher.start()

        def __exit__(self, *_: object) -> None: ...

    lock = threading.RLock()
    monkeypatch.setattr(dispatcher, "_starting", Slow())
    dispatcher.start()
    assert len(dispatcher._threads) == 1
    dispatcher.stop()


def test_the_end_of_the_process_stops_what_still_lives(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1)
    dispatcher = WorkerDispatcher(runtime_of(app), threads=1)
    dispatcher.start()
    worker._stop(weakref.ref(dispatcher))
    assert not dispatcher._threads[0].is_alive()
    gone = weakref.ref(WorkerDispatcher(runtime_of(app), threads=1))
    worker._stop(gone)


def test_waking_is_quick(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """An accept wakes a thread; none waits for the next poll."""
    monkeypatch.setattr(worker, "POLL_SECONDS", 60)
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1)
    seen = threading.Event()
    on_event(TYPE, name="one")(lambda event: seen.set())
    runtime_of(app).dispatcher.start()
    for _ in range(20):
        deliver(app, body_of())
        seen.wait(10)
        assert seen.is_set()
        seen.clear()
