"""What tests share: signed deliveries, waiting, and real processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from blinker import NamedSignal
from click.testing import Result
from flask import Flask
from werkzeug.test import TestResponse

from flask_ycloud import sign
from flask_ycloud.protocol import EVENT_TYPES, sample, sample_event, variants

SECRET = "whsec_of_the_tests"
PATH = "/ycloud/webhook"

T = TypeVar("T")


def body_of(event_type: str = "sms.message.updated", **changes: Any) -> bytes:
    """The body of a fresh event; ``changes`` replace its properties."""
    return json.dumps(sample_event(event_type) | changes).encode()


def id_of(body: bytes) -> str:
    event_id: str = json.loads(body)["id"]
    return event_id


def deliver(
    app: Flask,
    body: bytes,
    *,
    secret: str = SECRET,
    path: str = PATH,
    timestamp: int | None = None,
) -> TestResponse:
    """Send a signed delivery by the app's test client."""
    headers = {"YCloud-Signature": sign(body, secret, timestamp=timestamp)}
    return app.test_client().post(
        path, data=body, headers=headers, content_type="application/json"
    )


def call(app: Flask, *args: str) -> Result:
    """Run a command of ``flask ycloud``."""
    return app.test_cli_runner().invoke(args=["ycloud", *args])


@contextmanager
def listening(*signals: NamedSignal) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Note what these signals say: their names and details, in order."""
    heard: list[tuple[str, dict[str, Any]]] = []
    kept = []
    for signal in signals:

        def listener(app: Flask, _name: str = signal.name, **details: Any) -> None:
            assert isinstance(app, Flask), "the real app, not a proxy"
            heard.append((_name, details))

        signal.connect(listener)
        kept.append(listener)
    yield heard
    for signal, listener in zip(signals, kept, strict=True):
        signal.disconnect(listener)


def eventually(look: Callable[[], T], *, seconds: float = 20) -> T:
    """Poll until something is true, and give it; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


def samples() -> list[Any]:
    """Every sample of the catalogue, as pytest parameters of its type and body."""
    made = []
    for name in EVENT_TYPES:
        for variant in (None, *variants(name)):
            body = json.dumps(sample(name, variant)).encode()
            made.append(pytest.param(name, body, id=f"{name} {variant or ''}".strip()))
    return made
