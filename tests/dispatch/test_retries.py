"""Retries: their schedule, and the dead letters at its end."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import Event, Retry, event_signal, on_event
from flask_ycloud.handlers import everywhere
from flask_ycloud.protocol import body_id

from ..support import deliver
from .support import TYPE, Bench


def test_a_handler_that_fails_runs_again_on_schedule_and_then_is_dead(
    bench: Bench, told: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        attempts.append(event.attempt)
        raise ValueError(event.data["to"])

    event_id = bench.accept()
    assert bench.handle()
    for delay in (10, 30):
        bench.clock.now += delay - 1
        assert not bench.handle()
        bench.clock.now += 1
        assert bench.handle()
    bench.clock.now += 10**6
    assert not bench.handle()
    event = bench.look(event_id)
    assert attempts == [1, 2, 3]
    assert event.state == "dead"
    assert event.reason is not None
    assert event.reason.startswith("one: ValueError at tests/dispatch/test_retries.py:")
    assert event.handlers[0].attempts == 3
    assert event.handlers[0].ended
    assert [name for name, _ in told] == ["handler-failed"] * 3 + ["event-dead"]
    assert [details.get("retry_in") for _, details in told[:3]] == [10, 30, None]
    assert isinstance(told[0][1]["error"], ValueError)
    assert told[3][1]["reason"] == event.reason
    assert "+447901614024" not in caplog.text
    assert "in fail" in caplog.text, "the stack is there"


def test_only_the_handler_that_failed_runs_again(bench: Bench) -> None:
    runs: list[str] = []

    @on_event(TYPE, name="good")
    def good(event: Event[Any]) -> None:
        runs.append("good")

    @on_event(TYPE, name="bad")
    def bad(event: Event[Any]) -> None:
        runs.append("bad")
        if event.attempt == 1:
            raise ValueError

    def receiver(app: Flask, event: Event[Any]) -> None:
        runs.append("receiver")

    event_signal(TYPE).connect(receiver)
    event_id = bench.accept()
    bench.handle()
    assert sorted(runs) == ["bad", "good", "receiver"], "one that raises hides no other"
    assert bench.look(event_id).state == "pending"
    bench.clock.now += 10
    bench.handle()
    assert runs[3:] == ["bad"]
    assert bench.look(event_id).state == "done"


def test_one_handler_waits_while_another_is_retried(bench: Bench) -> None:
    runs: list[str] = []

    @on_event(TYPE, name="patient")
    def patient(event: Event[Any]) -> None:
        runs.append("patient")
        if event.attempt == 1:
            raise Retry(after=100)

    @on_event(TYPE, name="quick")
    def quick(event: Event[Any]) -> None:
        runs.append("quick")
        if event.attempt == 1:
            raise ValueError

    event_id = bench.accept()
    bench.handle()
    bench.clock.now += 10
    bench.handle()
    assert runs == ["patient", "quick", "quick"]
    assert bench.look(event_id).state == "pending"
    bench.clock.now += 90
    bench.handle()
    assert runs[3:] == ["patient"]
    assert bench.look(event_id).state == "done"


def test_asking_for_a_retry_counts_as_an_attempt(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    @on_event(TYPE, name="one")
    def ask(event: Event[Any]) -> None:
        raise Retry(after=0)

    event_id = bench.accept()
    with caplog.at_level(logging.INFO):
        while bench.handle():
            pass
    assert bench.look(event_id).state == "dead"
    assert bench.look(event_id).handlers[0].attempts == 3
    assert caplog.text.count("asked for a retry of event") == 2


def test_crashes_count_as_attempts(bench: Bench) -> None:
    """An event that kills its process is a dead letter in the end."""
    attempts: list[int] = []

    @on_event(TYPE, name="one")
    def handle(event: Event[Any]) -> None:
        attempts.append(event.attempt)
        raise ValueError

    def die() -> None:
        claim = bench.inbox.claim()
        assert claim is not None
        bench.inbox.note_start(claim, "one")
        bench.clock.now += 60

    event_id = bench.accept()
    die()
    bench.handle()
    assert attempts == [2]
    bench.clock.now += 30
    die()
    bench.handle()
    event = bench.look(event_id)
    assert attempts == [2], "the process died in the third, so there is no fourth"
    assert event.state == "dead"
    assert "its process died while handling this event, 2 times" in str(event.reason)
    assert event.handlers[0].attempts == 1


def test_what_is_not_understood_is_dead_again_after_a_replay(bench: Bench) -> None:
    deliver(bench.app, b"hello")
    bench.inbox.replay(body_id(b"hello"))
    bench.handle()
    event = bench.look(body_id(b"hello"))
    assert (event.state, event.reason) == ("dead", "the body is not JSON")


def test_a_final_failure_counts_though_its_handler_is_gone(bench: Bench) -> None:
    @on_event(TYPE, name="gone", retry_delays=[])
    def gone(event: Event[Any]) -> None:
        raise ValueError

    @on_event(TYPE, name="stays")
    def stays(event: Event[Any]) -> None:
        if event.attempt == 1:
            raise ValueError

    event_id = bench.accept()
    bench.handle()
    everywhere.signals.disconnect(everywhere._by_name["gone"])
    bench.clock.now += 10
    bench.handle()
    event = bench.look(event_id)
    assert event.state == "dead"
    assert str(event.reason).startswith("gone: ValueError at ")
