"""The worker: threads of this process handle what is due."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_ycloud import Event, InboxUnavailable, current_inbox, on_event
from flask_ycloud.dispatch import fetching, worker
from flask_ycloud.dispatch.processing import process
from flask_ycloud.dispatch.worker import WorkerDispatcher
from flask_ycloud.inbox.tables import events, names, schema
from flask_ycloud.protocol import names_in, parse_event
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, eventually, id_of
from .support import TYPE, state_of


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
    monkeypatch.setattr(fetching, "POLL_SECONDS", 0.02)
    runtime = runtime_of(worker_app)
    runtime.dispatcher.start()
    runtime.inbox.accept("evt_1", body_of(), endpoint="ycloud", event_type=TYPE)
    eventually(lambda: state_of(worker_app, "evt_1") == "done")


@pytest.mark.parametrize("dispatch", ["manual", "worker"])
def test_an_accept_wakes_a_worker_of_another_process(
    make_app: MakeApp, inbox_url: str, monkeypatch: pytest.MonkeyPatch, dispatch: str
) -> None:
    """One whose own threads are busy, or that has none, notifies; none waits to look."""
    monkeypatch.setattr(fetching, "POLL_SECONDS", 60)
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
    eventually(lambda: dispatcher._buffer.has_room)
    eventually(lambda: _listens(other))
    time.sleep(0.1)  # the first look, at the start, has found nothing
    deliver(web, body_of())
    eventually(lambda: runs[-1:] == ["quick"], seconds=10)
    release.set()


def _listens(app: Flask) -> bool:
    database = runtime_of(app).inbox.database
    if database.dialect == "sqlite":
        file = Path(str(database._engine.url.database))
        folder = file.with_name(f"{file.name}-listeners")
        return any(not each.name.startswith(".") for each in folder.glob("*"))
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN ycloud%'"
    )
    return bool(database.read(lambda tx: tx.execute(query).scalar()))


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
    monkeypatch.setattr(fetching, "POLL_SECONDS", 0.01)
    app = make_app(YCLOUD_DISPATCH="worker")
    inbox = runtime_of(app).inbox
    body = body_of()
    deliver(app, body)
    eventually(lambda: state_of(app, id_of(body)) == "done")
    inbox.clock = lambda: time.time() + 31 * 86_400
    eventually(lambda: inbox.get(id_of(body)) is None)


def test_the_worker_indexes_what_an_older_version_stored(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "PRUNE_EVERY_SECONDS", 0.06)
    monkeypatch.setattr(fetching, "POLL_SECONDS", 0.01)
    app = make_app(YCLOUD_DISPATCH="worker")
    inbox = runtime_of(app).inbox
    body = body_of()
    deliver(app, body)
    eventually(lambda: state_of(app, id_of(body)) == "done")
    (name, *_) = names_in(parse_event(body))
    last = sa.select(sa.func.max(events.c.seq)).scalar_subquery()
    inbox.database.write(lambda tx: tx.execute(names.delete()))
    inbox.database.write(lambda tx: tx.execute(schema.update().values(unindexed=last)))
    eventually(lambda: [each.id for each in inbox.select(about=name)] == [id_of(body)])


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


def test_an_outage_is_logged_once_and_outlived(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fetching, "POLL_UNTOLD_SECONDS", 0.01)
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1)
    inbox = runtime_of(app).inbox  # this one only: threads of other tests may still look
    fetch, tries, away = inbox.fetch, [], threading.Event()
    away.set()

    def flaky(limit: int, **options: Any) -> Any:
        tries.append(1)
        if away.is_set():
            raise InboxUnavailable("away")
        return fetch(limit, **options)

    monkeypatch.setattr(inbox, "fetch", flaky)
    body = body_of()
    deliver(app, body)
    eventually(lambda: len(tries) > 3)
    away.clear()
    eventually(lambda: state_of(app, id_of(body)) == "done")
    assert caplog.text.count("The worker waits for the inbox: away") == 1


def test_a_fault_of_ours_ends_no_thread(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fetching, "POLL_SECONDS", 0.01)
    app = make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1, YCLOUD_LEASE_SECONDS=0.2
    )
    faults = [RuntimeError("+447901614024")]

    def faulty(*args: Any, **options: Any) -> Any:
        if faults:
            raise faults.pop()
        return process(*args, **options)

    monkeypatch.setattr(worker, "process", faulty)
    body = body_of()
    deliver(app, body)
    eventually(lambda: state_of(app, id_of(body)) == "done")
    assert "The worker failed: RuntimeError" in caplog.text
    assert "447901614024" not in caplog.text


def test_what_is_due_is_handled_in_this_thread(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    for _ in range(3):
        deliver(app, body_of())
    dispatcher = WorkerDispatcher(runtime_of(app), threads=1)
    assert dispatcher.handle_due() == 3
    assert dispatcher.handle_due() == 0
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
    before = set(threading.enumerate())
    monkeypatch.setattr(dispatcher, "_starting", Slow())
    dispatcher.start()
    monkeypatch.setattr(dispatcher, "_starting", lock)
    started = [each.name for each in set(threading.enumerate()) - before]
    if "ycloud-ending" in started:  # one for each process, which another test may have
        started.remove("ycloud-ending")
    assert sorted(started) == sorted(dispatcher._jobs)
    dispatcher.stop()


def test_waking_is_quick(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """An accept wakes a thread; none waits for the next poll."""
    monkeypatch.setattr(fetching, "POLL_SECONDS", 60)
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1)
    seen = threading.Event()
    on_event(TYPE, name="one")(lambda event: seen.set())
    runtime_of(app).dispatcher.start()
    for _ in range(20):
        deliver(app, body_of())
        seen.wait(10)
        assert seen.is_set()
        seen.clear()
