"""The doctor's check of what was accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from flask_ycloud import on_event
from flask_ycloud.inbox import HandlerState, Progress, RunningHandler, Verdict, heartbeats
from flask_ycloud.runtime import runtime_of

from ..conftest import Clock, MakeApp
from .support import TYPE, levels, only


@pytest.fixture
def timed(make_app: MakeApp, inbox_url: str, clock: Clock) -> Flask:
    """An app whose clock a test moves."""
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)
    runtime_of(app).inbox.clock = clock
    return app


def arrive(app: Flask, event_id: str, event_type: str = TYPE) -> None:
    inbox = runtime_of(app).inbox
    inbox.accept(event_id, b"{}", endpoint="ycloud", event_type=event_type)


def settle(app: Flask, verdict: Verdict, *states: HandlerState) -> None:
    inbox = runtime_of(app).inbox
    claim = inbox.claim()
    assert claim is not None
    inbox.save_all([Progress(claim, states, verdict)])


def test_an_overdue_backlog(timed: Flask, clock: Clock) -> None:
    arrive(timed, "evt_1")
    assert only(timed, "backlog") == [("ok", "1 pending, 0 running; none is overdue.", "")]
    clock.now += 61
    ((level, text, remedy),) = only(timed, "backlog")
    assert level == "error"
    assert text == "Events have been due for more than 60 s; 1 pending, 0 running."
    assert remedy.endswith("flask ycloud worker")
    heartbeats.beat(runtime_of(timed).inbox, "busy")
    ((level, _, remedy),) = only(timed, "backlog")
    assert level == "warning", "somebody works at it"
    assert "YCLOUD_WORKER_THREADS" in remedy


@pytest.mark.parametrize(
    ("seconds", "level", "age"), [(59, None, ""), (60, "warning", "1 min"),
                                  (3_600, "error", "1 h")],
)  # fmt: skip
def test_handlers_that_run_for_long(
    app: Flask, monkeypatch: pytest.MonkeyPatch, seconds: float, level: str, age: str
) -> None:
    inbox = runtime_of(app).inbox
    run = RunningHandler("shop:track", "evt_1", seconds, "ycloud", None)
    stats = replace(inbox.stats(), running_handlers=(run,))
    monkeypatch.setattr(inbox, "stats", lambda: stats)
    ((found, text, remedy),) = only(app, "running")
    if level is None:
        assert (found, text) == ("ok", "No handler has been running for 1 min.")
        return
    assert found == level
    assert text == f"shop:track has been running for {age} with event evt_1."
    assert "Do its calls have a time limit?" in remedy
    assert ("It seems to hang." in remedy) == (level == "error")


def test_a_handler_of_a_process_that_is_dead_does_not_run(
    timed: Flask, clock: Clock
) -> None:
    arrive(timed, "evt_1")
    inbox = runtime_of(timed).inbox
    claim = inbox.claim()
    assert claim is not None
    inbox.note_start(claim, "shop:track", 400.0)
    assert levels(timed, "running") == ["warning"]
    clock.now += inbox.lease + 1
    assert levels(timed, "running") == ["ok"]


def test_pauses(timed: Flask, clock: Clock) -> None:
    inbox = runtime_of(timed).inbox
    assert only(timed, "paused") == [("ok", "Nothing is paused.", "")]
    inbox.pause(handler="shop track")
    inbox.pause()
    arrive(timed, "evt_1")
    clock.now += 7_200
    assert only(timed, "paused") == [
        (
            "warning",
            "Paused for 2 h: everything. In all, 1 event waits because of pauses.",
            "flask ycloud resume",
        ),
        (
            "warning",
            "Paused for 2 h: handler shop track. In all, 1 event waits because of pauses.",
            "flask ycloud resume --handler 'shop track'",
        ),
    ]


def test_unhandled_types(timed: Flask) -> None:
    assert levels(timed, "unhandled") == ["ok"]
    for number, event_type in enumerate(["contact.created", "it's", "contact.created"]):
        arrive(timed, f"evt_{number}", event_type)
        settle(timed, Verdict("done", unhandled=True))
    assert only(timed, "unhandled") == [
        (
            "warning",
            "ycloud: 2 events of contact.created were done without any handler.",
            "Import the module of its handler; then: flask ycloud replay --unhandled"
            " --endpoint ycloud --type contact.created",
        ),
        (
            "warning",
            "ycloud: 1 event of it's was done without any handler.",
            "Import the module of its handler; then: flask ycloud replay --unhandled"
            " --endpoint ycloud --type 'it'\"'\"'s'",
        ),
    ]
    on_event("contact.*", name="late")(print)
    assert only(timed, "unhandled")[0][2].startswith("There is a handler now: flask")


def test_causes_of_dead_letters(timed: Flask) -> None:
    assert levels(timed, "dead") == ["ok"]
    for number in range(7):
        arrive(timed, f"evt_{number}")
        error = f"E{number // 2 if number < 6 else 9} at shop.py:1"
        failed = HandlerState("shop:track", "failed", 1, error=error)
        settle(timed, Verdict("dead", reason=f"shop:track: {error}"), failed)
    *most, rest = only(timed, "dead")
    assert [text for _, text, _ in most] == [
        f"2 dead letters: shop:track: E{number} at shop.py:1 (handler)."
        for number in range(3)
    ]
    for each in most:
        assert "flask ycloud replay --cause " in each[2]
    assert rest[1] == "1 dead letter of 1 other cause."


def test_bodies_that_are_not_understood(timed: Flask) -> None:
    inbox = runtime_of(timed).inbox
    inbox.accept("sha256:1", b"x", endpoint="ycloud", event_type=None, dead="no JSON")
    ((_, text, remedy),) = only(timed, "dead")
    assert text == "1 dead letter: no JSON (not understood)."
    (cause,) = inbox.dead_by_cause()
    assert remedy == (
        f"Replay them after an upgrade: flask ycloud replay --cause {cause.id}; or discard"
        f" them: flask ycloud discard --cause {cause.id} --reason TEXT"
    )
