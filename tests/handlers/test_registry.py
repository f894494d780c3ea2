"""Subscribing, finding who hears an event, and running one handler."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import warnings
from typing import Any

import pytest
from flask import Flask, current_app, g

from flask_ycloud import (
    ConfigurationError,
    Discard,
    Event,
    Retry,
    UnknownEventTypeWarning,
    event_signal,
    on_event,
    parse_event,
)
from flask_ycloud.handlers import Handlers, everywhere, handlers_for, run
from flask_ycloud.protocol import sample

APP = Flask(__name__)
TYPE = "sms.message.updated"


def an_event() -> Event[Any]:
    return parse_event(json.dumps(sample(TYPE)).encode())


def names(*scopes: Handlers, event_type: str = TYPE) -> list[str]:
    return list(handlers_for(APP, event_type, *(scopes or (everywhere,))))


def test_a_handler_is_returned_unchanged_and_held_strongly() -> None:
    def handle(event: Event) -> None: ...

    assert on_event(TYPE)(handle) is handle
    name = f"{__name__}:{handle.__qualname__}"
    del handle
    assert names() == [name]


@pytest.mark.parametrize(
    "subscription", [TYPE, "sms.message.*", "sms.*", "*", ("contact.created", "sms.*")]
)
def test_types_and_patterns_that_hear(subscription: str | tuple[str, ...]) -> None:
    types = (subscription,) if isinstance(subscription, str) else subscription
    on_event(*types, name="one")(print)
    assert names() == ["one"]


@pytest.mark.parametrize("subscription", ["sms.inbound.received", "whatsapp.*"])
def test_types_and_patterns_that_do_not(subscription: str) -> None:
    on_event(subscription, name="one")(print)
    assert names() == []


def test_a_handler_that_hears_twice_runs_once() -> None:
    on_event(TYPE, "sms.*", "*", name="one")(print)
    assert names() == ["one"]


def test_stacked_decorators_add_up() -> None:
    @on_event("contact.created")
    @on_event(TYPE)
    def handle(event: Event) -> None: ...

    assert names() == names(event_type="contact.created") != []


def test_what_has_no_name_asks_for_one() -> None:
    with pytest.raises(ConfigurationError, match=r"type partial has no name.*name="):
        on_event(TYPE)(functools.partial(print))
    on_event(TYPE, name="one")(functools.partial(print))
    assert names() == ["one"]


@pytest.mark.parametrize("types", [(), ("",), (print,), (None,)])
def test_no_type_says_what_to_write(types: Any) -> None:
    with pytest.raises(ConfigurationError, match="takes event types"):
        on_event(*types)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("sms.mesage.updated", TYPE), ("whatsap.*", "whatsapp.*"), ("zzz", "no documented")],
)
def test_a_mistyped_type_warns_and_names_the_closest(typed: str, meant: str) -> None:
    with pytest.warns(UnknownEventTypeWarning, match=meant.replace("*", r"\*")) as caught:
        on_event(typed, name="one")(print)
    assert caught[0].filename == __file__
    assert names(event_type=typed.replace(".*", ".x")) == ["one"]


def test_known_types_and_patterns_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on_event(TYPE, "sms.*", "whatsapp.call.status.*", "*", name="one")(print)


def test_plain_receivers_are_handlers_too() -> None:
    def receiver(app: Flask, event: Event) -> None: ...

    class Tracker:
        def track(self, app: Flask, event: Event) -> None: ...

        def __call__(self, app: Flask, event: Event) -> None: ...

    tracker = Tracker()
    event_signal(TYPE).connect(receiver)
    event_signal("*").connect(tracker.track)
    event_signal("*").connect(tracker)
    here = f"{__name__}:{test_plain_receivers_are_handlers_too.__qualname__}.<locals>"
    assert names() == [f"{here}.receiver", f"{here}.Tracker.track", f"{here}.Tracker"]


def test_receivers_of_one_name_are_told_apart() -> None:
    """Their outcomes must not be mixed up."""
    kept = [lambda app, event: None for _ in range(3)]
    for each in kept:
        event_signal(TYPE).connect(each)
    first, second, third = names()
    assert (second, third) == (f"{first}#2", f"{first}#3")


def test_scopes_are_joined_and_a_shared_function_runs_once() -> None:
    own = Handlers()
    on_event(TYPE, name="all")(print)
    own.on_event(TYPE, name="own")(repr)
    own.on_event(TYPE, name="all")(print)
    assert names(everywhere, own) == ["all", "own"]
    assert names() == ["all"]


def test_success_in_an_app_context_of_its_own() -> None:
    seen = []

    def handle(app: Flask, event: Event) -> None:
        seen.append((current_app._get_current_object(), app, "value" in g))  # type: ignore[attr-defined]
        g.value = 1

    for _ in range(2):
        assert run(handle, APP, an_event()).state == "succeeded"
    assert seen == [(APP, APP, False)] * 2


@pytest.mark.parametrize(
    "error", [ValueError("+447901614024"), SystemExit(3), asyncio.CancelledError()]
)
def test_failure_tells_type_and_place_but_no_values(error: BaseException) -> None:
    def handle(app: Flask, event: Event) -> None:
        raise error

    outcome = run(handle, APP, an_event())
    assert (outcome.state, outcome.exception) == ("failed", error)
    line = handle.__code__.co_firstlineno + 1
    assert outcome.error is not None
    assert outcome.error.endswith(
        f"{type(error).__qualname__} at tests/handlers/test_registry.py:{line} in handle"
    )
    assert "447901614024" not in outcome.error


def test_the_place_is_the_handlers_own_line() -> None:
    """Not a line deep in a library that it called."""

    def handle(app: Flask, event: Event) -> None:
        json.loads("{")

    outcome = run(handle, APP, an_event())
    assert outcome.error is not None
    assert "json.decoder.JSONDecodeError at" in outcome.error
    assert outcome.error.endswith("in handle")


def test_a_place_is_told_of_what_has_no_code() -> None:
    outcome = run(functools.partial(int, "x"), APP, an_event())
    assert outcome.error is not None
    assert outcome.error.startswith("TypeError at ")


def test_retry_and_discard() -> None:
    def retry(app: Flask, event: Event) -> None:
        raise Retry(after=7)

    def discard(app: Flask, event: Event) -> None:
        raise Discard("no text")

    assert run(retry, APP, an_event()).retry_after == 7
    outcome = run(discard, APP, an_event())
    assert (outcome.state, outcome.error) == ("discarded", "no text")


def test_ctrl_c_is_nobodys_failure() -> None:
    def handle(app: Flask, event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(handle, APP, an_event())


def test_coroutines_run_without_flasks_async_extra() -> None:
    assert "asgiref" not in sys.modules
    seen = []

    @on_event(TYPE)
    async def handle(event: Event) -> None:
        await asyncio.sleep(0)
        seen.append((event.id, current_app.name))

    (receiver,) = handlers_for(APP, TYPE, everywhere).values()
    assert run(receiver, APP, an_event()).state == "succeeded"
    assert seen == [(an_event().id, APP.name)]


def test_coroutines_run_where_a_loop_runs_already() -> None:
    """In an async test, or under an ASGI server."""
    seen = []

    async def receiver(app: Flask, event: Event) -> None:
        await asyncio.sleep(0)
        seen.append(current_app.name)

    async def main() -> str:
        return run(receiver, APP, an_event()).state

    assert asyncio.run(main()) == "succeeded"
    assert seen == [APP.name]


def test_a_coroutine_fails_like_a_function() -> None:
    async def receiver(app: Flask, event: Event) -> None:
        raise LookupError

    outcome = run(receiver, APP, an_event())
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.endswith("in receiver")
