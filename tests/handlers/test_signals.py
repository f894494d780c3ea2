"""Signals per type and pattern, and the announcements of an event's life."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from blinker import NamedSignal

from flask_ycloud.handlers import announce
from flask_ycloud.handlers.signals import EventSignals

APP = object()


def test_receivers_come_from_narrow_to_wide_in_order_of_connection() -> None:
    signals = EventSignals()
    heard = [lambda *_, n=n, **__: n for n in range(5)]
    for subscription, receiver in zip(
        ["*", "sms.*", "sms.message.updated", "sms.message.updated", "sms.message.*"],
        heard,
        strict=True,
    ):
        signals.signal(subscription).connect(receiver)
    found = [receiver() for receiver in signals.receivers(APP, "sms.message.updated")]
    assert found == [2, 3, 4, 1, 0]


def test_looking_for_receivers_makes_no_signals() -> None:
    """A flood of unknown types grows nothing."""
    signals = EventSignals()
    for number in range(100):
        assert list(signals.receivers(APP, f"flood.{number}")) == []
    assert not signals._namespace


def test_another_sender_is_not_heard() -> None:
    signals = EventSignals()

    def receiver(*_: Any) -> None: ...

    signals.signal("*").connect(receiver, sender=APP)
    assert list(signals.receivers(APP, "a")) == [receiver]
    assert list(signals.receivers(object(), "a")) == []


def test_methods_are_heard_and_let_go() -> None:
    """Blinker holds weakly, so a receiver lives as long as its object."""

    class Tracker:
        def track(self, *_: Any) -> None: ...

    signals, tracker = EventSignals(), Tracker()
    signals.signal("*").connect(tracker.track)
    assert list(signals.receivers(APP, "a")) == [tracker.track]
    del tracker
    assert list(signals.receivers(APP, "a")) == []


def test_blinkers_muting_is_respected() -> None:
    signals = EventSignals()
    signals.signal("*").connect(test_methods_are_heard_and_let_go)
    with signals.signal("*").muted():
        assert list(signals.receivers(APP, "a")) == []


def test_disconnecting_from_everything() -> None:
    signals = EventSignals()

    def receiver(*_: Any) -> None: ...

    for each in ("*", "sms.*"):
        signals.signal(each).connect(receiver)
    signals.disconnect(receiver)
    assert list(signals.receivers(APP, "sms.message.updated")) == []


def test_a_listener_that_raises_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    life, heard = NamedSignal("life"), []

    def broken(app: object, **_: Any) -> None:
        raise ValueError("+447901614024")

    def listener(app: object, **details: Any) -> None:
        heard.append(details)

    life.connect(broken)
    life.connect(listener)
    with caplog.at_level(logging.ERROR):
        announce(life, APP, event_id="evt_1")
    assert heard == [{"event_id": "evt_1"}]
    assert "life raised ValueError" in caplog.text
    assert "447901614024" not in caplog.text


def test_nobody_hears_a_muted_announcement() -> None:
    life, heard = NamedSignal("life"), []

    def listener(app: object, **_: Any) -> None:
        heard.append(app)

    announce(life, APP)
    life.connect(listener)
    with life.muted():
        announce(life, APP)
    assert heard == []
