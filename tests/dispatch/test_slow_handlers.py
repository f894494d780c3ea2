"""Handlers that run long: seen, warned of, and limited where that can be."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import ConfigurationError, Event, Retry, handler_failed, on_event
from flask_ycloud.dispatch import processing
from flask_ycloud.inbox import Inbox
from flask_ycloud.inspector import inspector_bp
from flask_ycloud.metrics import Backlog
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver, eventually, id_of, listening
from .support import TYPE, Bench, state_of


@pytest.fixture
def hung(make_app: MakeApp, inbox_url: str) -> Iterator[tuple[Flask, str]]:
    """An app with a handler that hangs, and the id of its event."""
    app = make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_INBOX_URL=inbox_url, YCLOUD_LEASE_SECONDS=3,
        YCLOUD_SLOW_HANDLER_SECONDS=1.5, YCLOUD_WORKER_THREADS=1,
    )  # fmt: skip
    app.register_blueprint(inspector_bp, access=lambda: True)
    release = threading.Event()

    @on_event(TYPE, name="shop:hangs")
    def hang(event: Event[Any]) -> None:
        assert release.wait(300)

    body = body_of()
    deliver(app, body)
    yield app, id_of(body)
    release.set()
    eventually(lambda: state_of(app, id_of(body)) == "done")
    event = runtime_of(app).inbox.get(id_of(body))
    assert event is not None
    assert (event.running_handler, event.running_since) == (None, None)


def longest(inbox: Inbox) -> float:
    """For how many seconds the slowest handler has been running."""
    return max((each.seconds for each in inbox.stats().running_handlers), default=0.0)


def test_a_handler_that_hangs_is_seen(
    hung: tuple[Flask, str], caplog: pytest.LogCaptureFixture
) -> None:
    app, event_id = hung
    inbox = runtime_of(app).inbox
    (running,) = eventually(lambda: inbox.stats().running_handlers)
    assert (running.handler, running.event_id) == ("shop:hangs", event_id)
    assert running.seconds >= 1
    event = inbox.get(event_id)
    assert event is not None
    assert event.running_handler == "shop:hangs"
    assert event.running_since is not None
    assert "shop:hangs has been running for" in call(app, "stats").output
    shown = call(app, "show", event_id).output
    assert "shop:hangs" in shown
    assert "running      for " in shown
    eventually(lambda: "shop:hangs has been running for 2 s" in caplog.text)
    eventually(lambda: longest(inbox) > 3)
    assert caplog.text.count("shop:hangs has been running") == 1, "it warns once"
    result = call(app, "doctor").output
    assert "shop:hangs has been running for" in result
    assert "time limit" in result
    page = app.test_client().get("/ycloud/inspector/").text
    assert "shop:hangs</a> has been running for" in page
    assert (
        "shop:hangs" in app.test_client().get(f"/ycloud/inspector/events/{event_id}").text
    )
    gauges = {family.name: family for family in Backlog(app).collect()}
    (gauge,) = gauges["ycloud_inbox_longest_running_seconds"].samples
    assert gauge.value > 3


def test_a_busy_worker_is_never_called_dead(
    hung: tuple[Flask, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its heartbeat waits for no idle thread, nor does the pruning."""
    app, _ = hung
    monkeypatch.setattr("flask_ycloud.dispatch.worker.BEAT_EVERY_SECONDS", 0.1)
    monkeypatch.setattr("flask_ycloud.inbox.heartbeats.SILENT_SECONDS", 3.0)
    inbox = runtime_of(app).inbox
    eventually(lambda: inbox.stats().running_handlers)
    dispatcher: Any = runtime_of(app).dispatcher
    dispatcher._beat_at = 0.0
    old = body_of("contact.created")
    inbox.accept(id_of(old), old, endpoint="elsewhere", event_type="contact.created")
    settle = "UPDATE ycloud_events SET state = 'done', due_at = NULL, settled_at = 1,"
    settle += f" received_at = 1 WHERE id = '{id_of(old)}'"
    inbox.database.write(lambda tx: tx.exec_driver_sql(settle))
    dispatcher._prune_at = 0.0
    eventually(lambda: inbox.get(id_of(old)) is None)
    for _ in range(3):
        eventually(lambda: longest(inbox) > 3)
        assert "1 process handles events" in call(app, "doctor").output


def test_a_coroutine_is_cancelled_after_its_timeout(bench: Bench) -> None:
    tidied: list[str] = []

    @on_event(TYPE, name="one", timeout=0.05)
    async def hang(event: Event[Any]) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            tidied.append(event.id)

    event_id = bench.accept()
    bench.handle()
    event = bench.look(event_id)
    assert (event.state, tidied) == ("pending", [event_id])
    assert event.handlers[0].error == "cancelled after 0.05 s"


def test_a_timeout_of_the_handlers_own_is_an_error_like_others(bench: Bench) -> None:
    @on_event(TYPE, name="one", timeout=30)
    async def fail(event: Event[Any]) -> None:
        raise TimeoutError

    event_id = bench.accept()
    bench.handle()
    assert str(bench.look(event_id).handlers[0].error).startswith("TimeoutError at ")


def test_a_coroutine_in_time_is_not_cancelled(bench: Bench) -> None:
    class Quick:
        async def __call__(self, event: Event[Any]) -> None:
            await asyncio.sleep(0)

    async def also_quick(wait: float, event: Event[Any]) -> None:
        await asyncio.sleep(wait)

    on_event(TYPE, name="one", timeout=30)(Quick())
    on_event(TYPE, name="two", timeout=30)(functools.partial(also_quick, 0.0))
    event_id = bench.accept()
    bench.handle()
    assert bench.look(event_id).state == "done"


def test_a_plain_function_can_have_no_timeout() -> None:
    with pytest.raises(ConfigurationError, match="Python cannot stop a thread"):
        on_event(TYPE, timeout=5)(lambda event: None)


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), True])
def test_a_timeout_is_seconds(timeout: float) -> None:
    async def handle(event: Event[Any]) -> None: ...

    with pytest.raises(ConfigurationError, match="above zero"):
        on_event(TYPE, timeout=timeout)(handle)


def test_a_handler_may_have_delays_of_its_own(bench: Bench, told: list[Any]) -> None:
    @on_event(TYPE, name="own", retry_delays=(1, 2, 3))
    def own(event: Event[Any]) -> None:
        raise ValueError

    @on_event(TYPE, name="never", retry_delays=[])
    def never(event: Event[Any]) -> None:
        raise ValueError

    event_id = bench.accept()
    bench.handle()
    for delay in (1, 2, 3):
        bench.clock.now += delay
        assert bench.handle()
    event = bench.look(event_id)
    attempts = {each.handler: each.attempts for each in event.handlers}
    assert attempts == {"own": 4, "never": 1}
    assert event.state == "dead"


@pytest.mark.parametrize("delays", ["10", [-1], [float("nan")], [367 * 86_400], 5, [None]])
def test_wrong_delays_are_refused(delays: Any) -> None:
    with pytest.raises(ConfigurationError, match="retry_delays="):
        on_event(TYPE, retry_delays=delays)


def test_delays_have_a_jitter_of_a_tenth(
    make_app: MakeApp, inbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an outage made fail does not come back as one wave. Retry(after=…) is exact."""
    app = make_app(
        YCLOUD_DISPATCH="inline", YCLOUD_INBOX_URL=inbox_url, YCLOUD_RETRY_DELAYS=[100],
        TESTING=False,
    )  # fmt: skip

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise ValueError

    @on_event(TYPE, name="two")
    def ask(event: Event[Any]) -> None:
        raise Retry(after=50)

    with listening(handler_failed) as heard:
        for number in range(20):
            deliver(app, body_of(sms={"id": f"sms_{number}"}))
    delays = [each["retry_in"] for _, each in heard if each["handler"] == "one"]
    assert len(set(delays)) == 20
    assert all(100 <= delay <= 110 for delay in delays)
    assert {each["retry_in"] for _, each in heard if each["handler"] == "two"} == {50}
    assert processing._JITTER == 0.1
