"""What tests share: signed deliveries, waiting, and real processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask
from werkzeug.test import TestResponse

from flask_ycloud import sign
from flask_ycloud.event_types import fresh_sample

SECRET = "whsec_of_the_tests"
PATH = "/ycloud/webhook"

T = TypeVar("T")


def body_of(event_type: str = "sms.message.updated", **changes: Any) -> bytes:
    """The body of a fresh event; ``changes`` replace its properties."""
    return json.dumps(fresh_sample(event_type) | changes).encode()


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


def eventually(look: Callable[[], T], *, seconds: float = 20) -> T:
    """Poll until something is true, and give it; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
