"""Inline: the delivery handles its event before it is answered."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_ycloud import Event, on_event
from flask_ycloud.inbox import Identity
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from .support import TYPE, state_of


def test_inline_handles_before_the_answer(app: Flask) -> None:
    seen: list[str] = []
    on_event(TYPE, name="one")(lambda event: seen.append(event.id))
    body = body_of()
    assert deliver(app, body).status_code == 200
    assert seen == [id_of(body)]
    assert state_of(app, id_of(body)) == "done"


def test_inline_under_testing_raises_the_handlers_own_error(app: Flask) -> None:
    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise LookupError("see me in the test")

    body = body_of()
    with pytest.raises(LookupError, match="see me in the test"):
        deliver(app, body)
    assert state_of(app, id_of(body)) == "pending"
    assert deliver(app, body).json == {"status": "duplicate"}


def test_inline_elsewhere_answers_2xx(make_app: MakeApp) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline")

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise LookupError

    body = body_of()
    assert deliver(app, body).status_code == 200
    assert state_of(app, id_of(body)) == "pending"


def test_inline_takes_up_what_fell_due_since(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_RETRY_DELAYS=[0], YCLOUD_DISPATCH="inline", TESTING=False)
    attempts: list[int] = []

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        attempts.append(event.attempt)
        raise LookupError

    deliver(app, body_of())
    assert attempts == [1, 2]


def test_inline_takes_up_only_a_few(make_app: MakeApp) -> None:
    """The delivery that waits for its answer is not held for a whole backlog."""
    app = make_app(YCLOUD_DISPATCH="inline", TESTING=False)
    inbox = runtime_of(app).inbox
    for number in range(20):
        inbox.accept(f"evt_{number:06}", body_of(), endpoint="ycloud", event_type=TYPE)
    deliver(app, body_of())
    assert inbox.stats().pending == 10


def test_inline_leaves_an_event_that_another_holds(app: Flask) -> None:
    inbox = runtime_of(app).inbox
    inbox.accept("evt_1", body_of(), endpoint="ycloud", event_type=TYPE)
    inbox.claim()
    runtime_of(app).dispatcher.wake(Identity("evt_1", "ycloud"))
    runtime_of(app).dispatcher.start()
    assert state_of(app, "evt_1") == "running"
