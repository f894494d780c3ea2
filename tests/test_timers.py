"""Timers on a system that cannot start a thread for a while."""

from __future__ import annotations

import logging
import threading

import pytest
from flask import Flask

from flask_ycloud.inbox import rejected, rejections
from flask_ycloud.runtime import runtime_of
from flask_ycloud.timers import call_later

from .support import PATH, body_of, eventually


def out_of_threads(timer: threading.Timer) -> None:
    raise RuntimeError("can't start new thread")


def forge(app: Flask) -> int:
    client = app.test_client()
    return client.post(PATH, data=body_of(), headers={"YCloud-Signature": "x"}).status_code


def test_a_timer_that_does_not_start_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    called = threading.Event()
    timer = call_later(0, called.set)
    assert timer is not None
    assert called.wait(10)
    monkeypatch.setattr(threading.Timer, "start", out_of_threads)
    assert call_later(0, called.set) is None


def test_without_threads_a_forgery_is_rejected_and_counted_later(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rejections, "WRITE_AFTER_SECONDS", 0.05)
    caplog.set_level(logging.WARNING)
    inbox = runtime_of(app).inbox
    monkeypatch.setattr(runtime_of(app).log_limit, "_clock", lambda: 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Timer, "start", out_of_threads)
        assert [forge(app) for _ in range(3)] == [401] * 3
    assert forge(app) == 401
    eventually(lambda: rejected(inbox) == {("ycloud", "malformed"): 4})
    assert (
        "and 3 more since"
        in eventually(
            lambda: [each for each in caplog.messages if "more since" in each]
        ).pop()
    )
