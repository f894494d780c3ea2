"""One event through its handlers, and what is told of it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from flask_ycloud import Discard, Event, InboxUnavailable, on_event
from flask_ycloud.inbox import Inbox

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from .support import TYPE, Bench


def test_an_event_without_handlers_is_done(bench: Bench) -> None:
    event_id = bench.accept()
    assert bench.handle()
    assert bench.look(event_id).state == "done"


def test_a_handler_that_succeeds(bench: Bench, told: list[Any]) -> None:
    seen: list[Event[Any]] = []
    on_event(TYPE, name="one")(seen.append)
    event_id = bench.accept()
    bench.handle()
    (event,) = seen
    assert (event.id, event.endpoint, event.attempt) == (event_id, "ycloud", 1)
    assert event.received_at == bench.look(event_id).received_at
    (outcome,) = bench.look(event_id).handlers
    assert (outcome.handler, outcome.state, outcome.attempts) == ("one", "succeeded", 1)
    assert [name for name, _ in told] == ["handler-succeeded", "event-done"]
    assert told[0][1]["handler"] == "one"
    assert told[0][1]["seconds"] >= 0
    place = {"endpoint": "ycloud", "tenant": None}
    assert told[1][1] == {"event_id": event_id, "event_type": TYPE, **place}


def test_a_discard_is_final_and_no_failure(
    bench: Bench, told: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    @on_event(TYPE, name="one")
    def drop(event: Event[Any]) -> None:
        raise Discard("not ours")

    event_id = bench.accept()
    with caplog.at_level(logging.INFO):
        bench.handle()
    event = bench.look(event_id)
    assert event.state == "done"
    assert (event.handlers[0].state, event.handlers[0].error) == ("discarded", "not ours")
    assert [name for name, _ in told] == ["handler-failed", "event-done"]
    assert told[0][1]["retry_in"] is None
    assert "one discarded event" in caplog.text


def test_an_outcome_is_kept_before_the_next_handler_runs(bench: Bench) -> None:
    """A crash in the second handler does not repeat the first."""

    @on_event(TYPE, name="first")
    def first(event: Event[Any]) -> None: ...

    @on_event(TYPE, name="second")
    def second(event: Event[Any]) -> None:
        seen.append([each.handler for each in bench.look(event.id).handlers])

    seen: list[list[str]] = []
    bench.accept()
    bench.handle()
    assert seen == [["first"]]


def test_a_handler_added_later_runs_when_the_event_is_replayed(bench: Bench) -> None:
    runs: list[str] = []
    on_event(TYPE, name="one")(lambda event: runs.append("one"))
    event_id = bench.accept()
    bench.handle()
    on_event(TYPE, name="two")(lambda event: runs.append("two"))
    assert not bench.handle()
    bench.inbox.replay(event_id)
    bench.handle()
    assert runs == ["one", "two"]


def test_an_outage_is_waited_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A success that is not kept would run its handler twice."""
    save, failures = Inbox.save_all, [InboxUnavailable("away"), InboxUnavailable("away")]

    def flaky(*args: Any) -> set[int]:
        if failures:
            raise failures.pop()
        return save(*args)

    monkeypatch.setattr(Inbox, "save_all", flaky)
    monkeypatch.setattr("flask_ycloud.dispatch.saving.SAVE_AGAIN_AFTER", (0, 0))
    event_id = bench.accept()
    bench.handle()
    assert bench.look(event_id).state == "done"


def test_an_outage_without_end_leaves_the_event_to_its_lease(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> bool:
        raise InboxUnavailable("away")

    event_id = bench.accept()
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "save_all", broken)
        patch.setattr("flask_ycloud.dispatch.saving.SAVE_AGAIN_AFTER", (0,))
        with pytest.raises(InboxUnavailable):
            bench.handle()
    assert bench.look(event_id).state == "running"
    bench.clock.now += 60
    bench.handle()
    assert bench.look(event_id).state == "done"


def test_log_records_carry_what_they_are_about(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[])

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise ValueError

    body = body_of()
    deliver(app, body)
    failed, dead = caplog.records
    about = {"event_id": id_of(body), "event_type": TYPE, "endpoint": "ycloud"}
    assert about.items() <= vars(failed).items()
    assert {"handler": "one", "attempt": 1}.items() <= vars(failed).items()
    assert about.items() <= vars(dead).items()
    caplog.clear()
    app.test_client().post("/ycloud/webhook", data=b"{}")
    (refused,) = caplog.records
    why: dict[str, Any] = {"endpoint": "ycloud", "reason": "missing", "status": 401}
    assert why.items() <= vars(refused).items()
