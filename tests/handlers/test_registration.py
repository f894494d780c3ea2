"""What is refused at registration, with the remedy; and what a handler may return."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask, Response

from flask_ycloud import ConfigurationError, Event, on_event, parse_event
from flask_ycloud.handlers import everywhere, handlers_for, invocation, run

from ..support import body_of

APP = Flask(__name__)
TYPE = "sms.message.updated"


def names() -> list[str]:
    return list(handlers_for(APP, TYPE, everywhere))


def generator(event: Event) -> Iterator[None]:
    yield


async def async_generator(event: Event) -> AsyncIterator[None]:
    yield


class Generating:
    def __call__(self, event: Event) -> Iterator[None]:
        yield


@pytest.mark.parametrize(
    "func", [generator, async_generator, functools.partial(generator), Generating()]
)
def test_a_generator_runs_nothing(func: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"has a yield.*Take the yield out"):
        on_event(TYPE, name="one")(func)
    assert names() == []


an_event: Event = parse_event(body_of())


def nothing() -> None: ...


def two(event: Event, more: object) -> None: ...


def keyword(event: Event, *, more: object) -> None: ...


class Empty: ...


@pytest.mark.parametrize(
    ("func", "takes"),
    [
        (nothing, r"nothing takes \(\)"),
        (two, "two takes"),
        (keyword, "keyword takes"),
        (functools.partial(two, an_event, 2), "partial takes"),
        (Empty, r"Empty takes \(\)"),
    ],
)
def test_what_cannot_be_called_with_an_event(func: Callable[..., Any], takes: str) -> None:
    remedy = r"A handler takes the event; any other parameter.*def handler\(event\)"
    with pytest.raises(ConfigurationError, match=f"{takes}.*{remedy}"):
        on_event(TYPE, name="one")(func)
    assert names() == []


@pytest.mark.parametrize("rest", ["", ", event", ", event=None"])
def test_a_method_in_the_body_of_its_class(rest: str) -> None:
    source = f"class Service:\n @on_event('sms.*')\n def handle(self{rest}): ..."
    message = r"Service.handle is subscribed in the body.*on_event\(…\)\(thing\.handle\)"
    with pytest.raises(ConfigurationError, match=message):
        exec(source, {"__name__": "shop", "on_event": on_event})
    assert names() == []


@pytest.mark.parametrize("func", [None, classmethod(print), "handle"])
def test_what_is_no_function(func: Any) -> None:
    with pytest.raises(ConfigurationError, match="subscribes a function; got a"):
        on_event(TYPE, name="one")(func)


def test_what_fits_is_taken() -> None:
    class Static:
        @on_event(TYPE, name="below")
        @staticmethod
        def below(event: Event) -> None: ...

        @staticmethod
        def above(event: Event) -> None: ...

        def bound(self, event: Event) -> None: ...

    def defaults(event: Event, more: int = 1, *, other: int = 2) -> None: ...

    def anything(*args: object, **more: object) -> None: ...

    def by_another_name(e: Event, /) -> None: ...

    def itself(self: Event) -> None: ...

    class Made:
        def __init__(self, event: Event) -> None: ...

    some: list[Any] = [
        defaults,
        anything,
        by_another_name,
        itself,
        Made,
        Static.below,
        Static.above,
    ]
    some += [Static().bound, functools.partial(two, more=1), print, dict, [].append]
    for number, each in enumerate(some):
        on_event(TYPE, name=f"handler {number}")(each)
    assert len(names()) == len(some) + 1


def outcome_of(func: Callable[[Event], Any], name: str = "one") -> Any:
    on_event(TYPE, name=name)(func)
    handler = handlers_for(APP, TYPE, everywhere)[name]
    return run(handler, APP, parse_event(body_of()))


def test_a_generator_behind_a_decorator_fails() -> None:
    def made(kind: Any) -> Callable[[Event], Any]:
        return lambda event: kind(event)

    for name, kind in {"one": generator, "two": async_generator}.items():
        outcome = outcome_of(made(kind), name)
        expected = "it returned a generator, so none of its code ran"
        assert (outcome.state, outcome.error) == ("failed", expected)


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "_told", set())


@pytest.mark.parametrize(
    "answer", [("no", 500), ("no", HTTPStatus.BAD_REQUEST, {}), Response("no", 500)]
)
def test_an_answer_as_of_a_view_is_told_of_once(
    answer: Any, untold: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        on_event(TYPE, name="one")(lambda event: answer)
        handler = handlers_for(APP, TYPE, everywhere)["one"]
        for _ in range(2):
            assert run(handler, APP, parse_event(body_of())).state == "succeeded"
    [record] = caplog.records
    assert "Handler one returned an answer" in record.getMessage()
    assert "raise an error" in record.getMessage()


@pytest.mark.parametrize("value", [0, "no", {}, (), ("a", "b"), (1, 2), contextlib])
def test_other_values_mean_nothing(
    value: Any, untold: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert outcome_of(lambda event: value).state == "succeeded"
    assert caplog.records == []


def test_a_coroutine_may_return_an_answer_too(
    untold: None, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(event: Event) -> tuple[str, int]:
        return "no", 500

    with caplog.at_level(logging.WARNING):
        assert run(lambda app, event: handle(event), APP, parse_event(body_of())).state
    assert "<lambda> returned an answer" in caplog.text
