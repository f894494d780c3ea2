"""What a handler finds around it: nothing of the request, and of no other handler."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from flask import Flask, current_app, g, request, session, url_for

from flask_ycloud import Event, event_done, on_event
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, eventually
from .support import TYPE, Bench


@pytest.fixture(params=["inline", "worker"])
def app(request: pytest.FixtureRequest, make_app: MakeApp) -> Flask:
    return make_app(YCLOUD_DISPATCH=request.param, SECRET_KEY="k")


@pytest.fixture
def value() -> ContextVar[str]:
    return ContextVar("value", default="none")


def handled(app: Flask, body: bytes) -> None:
    deliver(app, body)
    inbox = runtime_of(app).inbox
    eventually(lambda: inbox.list()[0].state == "done")


@pytest.mark.parametrize(
    "look",
    [
        lambda: request.headers["YCloud-Signature"],
        lambda: session.get("user"),
        lambda: url_for("ycloud.webhook"),
        lambda: g.user,
    ],
)
def test_nothing_of_the_request_is_there(app: Flask, look: Callable[[], Any]) -> None:
    """Under test as in production, or a test tells nothing."""
    seen: list[object] = []

    @app.before_request
    def log_in() -> None:
        session["user"] = g.user = "one"

    @on_event(TYPE)
    def handle(event: Event) -> None:
        try:
            seen.append(look())
        except (RuntimeError, AttributeError) as error:
            seen.append(type(error))

    handled(app, body_of())
    assert seen in ([RuntimeError], [AttributeError])


def test_an_app_context_of_its_own_is_there(app: Flask) -> None:
    seen: list[object] = []

    @on_event(TYPE)
    def handle(event: Event) -> None:
        seen.append((current_app.name, g.get("number")))
        g.number = 1

    for _ in range(2):
        handled(app, body_of())
    assert seen == [(app.name, None)] * 2


def test_variables_of_the_request_and_of_other_handlers_are_not(
    app: Flask, value: ContextVar[str]
) -> None:
    seen: list[str] = []

    @app.before_request
    def begin() -> None:
        value.set("of the request")

    for name in ("one", "two"):

        @on_event(TYPE, name=name)
        async def handle(event: Event, name: str = name) -> None:
            seen.append(value.get())
            value.set(f"of handler {name}")

    @event_done.connect
    def note(app: Flask, **_: object) -> None:
        seen.append(value.get())

    for _ in range(2):
        handled(app, body_of())
    eventually(lambda: len(seen) == 6)
    assert seen == ["none"] * 6
    event_done.disconnect(note)


def test_what_a_handler_sets_does_not_reach_its_caller(
    app: Flask, value: ContextVar[str]
) -> None:
    @app.after_request
    def look(response: Any) -> Any:
        seen.append(value.get())
        return response

    seen: list[str] = []
    on_event(TYPE)(lambda event: value.set("of a handler"))
    handled(app, body_of())
    assert seen == ["none"]


def test_each_handler_has_data_of_its_own(bench: Bench) -> None:
    seen: list[Event[Any]] = []

    def spoil(event: Event[Any]) -> None:
        seen.append(event)
        event.data.pop("status")
        event.raw.clear()

    for name in ("one", "two", "three"):
        on_event(TYPE, name=name)(spoil)
    bench.accept()
    bench.handle()
    assert len(seen) == 3
    assert len({id(each.data) for each in seen}) == 3


def test_a_retry_has_them_as_they_arrived(bench: Bench) -> None:
    seen: list[bool] = []

    @on_event(TYPE)
    def spoil(event: Event[Any]) -> None:
        seen.append("status" in event.data)
        event.data.clear()
        raise LookupError

    bench.accept()
    for _ in range(2):
        bench.handle()
        bench.clock.now += 40
    assert seen == [True, True]
