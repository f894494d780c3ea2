"""The doctor's check of what arrives."""

from __future__ import annotations

import time

import pytest
from flask import Flask

from flask_ycloud import sign
from flask_ycloud.inbox import count_rejections
from flask_ycloud.runtime import runtime_of

from ..conftest import Clock, MakeApp
from ..support import PATH, SECRET, body_of, deliver
from .support import TYPE, levels, only

NOON = 20_000 * 86_400.0 + 12 * 3_600


@pytest.fixture
def timed(make_app: MakeApp, inbox_url: str, clock: Clock) -> Flask:
    """An app at half past noon, whose clock a test moves."""
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)
    runtime_of(app).inbox.clock = clock
    clock.now = NOON + 1_800
    return app


def arrive(app: Flask, event_id: str) -> None:
    inbox = runtime_of(app).inbox
    inbox.accept(event_id, b"{}", endpoint="ycloud", event_type=TYPE)


def reject(app: Flask, reason: str, number: int = 1) -> None:
    count_rejections(runtime_of(app).inbox, {("ycloud", reason): number})


# Rejections.


def test_every_delivery_is_rejected(timed: Flask, clock: Clock) -> None:
    arrive(timed, "evt_1")
    reject(timed, "mismatch", 2)
    clock.now += 7_200
    reject(timed, "mismatch", 60)
    assert only(timed, "rejected") == [
        (
            "error",
            "ycloud: 60 deliveries were rejected (mismatch) since 13:00 UTC; 2 in the day"
            " before. No delivery was accepted since then.",
            "Is the secret that of the endpoint? Check one: flask ycloud verify",
        )
    ]
    arrive(timed, "evt_2")
    ((level, text, _),) = only(timed, "rejected")
    assert level == "warning", "others are accepted"
    assert text.endswith("2 in the day before.")
    clock.now += 7_200
    ((level, text, _),) = only(timed, "rejected")
    assert (level, text) == (
        "warning",
        "ycloud: 62 deliveries were rejected (mismatch) in the last day, none since 15:00"
        " UTC.",
    )
    clock.now += 86_400
    assert levels(timed, "rejected") == ["ok"]


def test_what_strangers_send_is_no_error(timed: Flask) -> None:
    reject(timed, "missing")
    reject(timed, "method not allowed")
    (first, second) = only(timed, "rejected")
    assert first[0] == second[0] == "warning"
    assert first[2] == "The log has a line for each reason."
    assert "1 delivery was rejected (no signature header) since 11:00 UTC" in second[1]


def test_what_was_answered_503(timed: Flask) -> None:
    reject(timed, "inbox unavailable", 3)
    ((level, text, remedy),) = only(timed, "rejected")
    assert level == "error"
    assert "3 deliveries were answered 503 (inbox unavailable)" in text
    assert remedy == "YCloud sends them again. The log says what was wrong."


# Silence.


def test_a_fresh_endpoint_is_not_silent(timed: Flask, clock: Clock) -> None:
    assert levels(timed, "silence") == ["skipped"]
    arrive(timed, "evt_1")
    clock.now += 7_200
    text = "ycloud: the newest delivery arrived 2 h ago."
    assert only(timed, "silence") == [("ok", text, "")]


def test_an_endpoint_that_is_silent_for_a_day(timed: Flask, clock: Clock) -> None:
    arrive(timed, "evt_1")
    clock.now += 25 * 3_600
    ((level, text, remedy),) = only(timed, "silence")
    assert level == "warning"
    assert text == "ycloud: the newest delivery arrived 1 d ago."
    assert "flask ycloud endpoints list" in remedy


def test_an_endpoint_that_is_silent_for_unusually_long(timed: Flask, clock: Clock) -> None:
    for number in range(50):
        arrive(timed, f"evt_{number}")
        clock.now += 1_800
    clock.now += 1_800
    assert levels(timed, "silence") == ["ok"], "an hour is not long"
    clock.now += 7_200
    ((level, text, _),) = only(timed, "silence")
    assert level == "warning"
    assert text == (
        "ycloud: the newest delivery arrived 3 h ago; the widest gap of the week before was"
        " 30 min."
    )


# Conflicts, and guesses.


def test_an_example_of_a_conflict(make_app: MakeApp) -> None:
    app = make_app()
    body = body_of()
    for each in (body, body + b" ", body + b"  "):
        deliver(app, each)
    runtime_of(app).rejections.write()
    (example,) = runtime_of(app).inbox.list(state="dead")
    assert only(app, "conflicts") == [
        (
            "warning",
            "ycloud: 2 deliveries in the last day had a known event id and another body,"
            f" such as {example.id}.",
            "Compare its body with that of the event which it names: flask ycloud show"
            f" {example.id} --payload",
        )
    ]
    runtime_of(app).inbox.discard(example.id, "seen")
    ((_, _, remedy),) = only(app, "conflicts")
    assert remedy == "Their dead letters were replayed, discarded or deleted."


def test_wrong_passwords(timed: Flask) -> None:
    assert levels(timed, "guesses") == ["ok"]
    assert levels(timed, "conflicts") == ["ok"]
    count_rejections(runtime_of(timed).inbox, {("inspector", "wrong password"): 1})
    ((level, text, _),) = only(timed, "guesses")
    assert level == "warning"
    assert text == "inspector: 1 attempt with a wrong password in the last day."
    assert levels(timed, "rejected") == ["ok"]


# The clock.


@pytest.mark.parametrize("offset", [-60, 60])
def test_a_clock_that_is_wrong(app: Flask, offset: int) -> None:
    assert levels(app, "clock") == ["skipped"]
    for late in (0, 30):
        timestamp = int(time.time()) - offset - late
        deliver(app, body_of(), timestamp=timestamp)
    ((level, text, _),) = only(app, "clock")
    assert level == "warning"
    assert f" {offset} s after" in text or f" {offset + 1} s after" in text


def test_a_signature_is_kept_for_the_clock(app: Flask) -> None:
    body = body_of()
    headers = {"YCloud-Signature": sign(body, SECRET, timestamp=int(time.time()) - 5)}
    app.test_client().post(PATH, data=body, headers=headers)
    (event,) = runtime_of(app).inbox.list()
    assert event.signed_at is not None
    assert 5 <= (event.received_at - event.signed_at).total_seconds() < 7
