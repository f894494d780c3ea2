"""An error's message: not kept and not logged, unless somebody asks for it."""

from __future__ import annotations

import asyncio
import html
import logging
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import Discard, Event, on_event
from flask_ycloud.handlers import everywhere
from flask_ycloud.inspector import inspector_bp
from flask_ycloud.runtime import runtime_of

from ..conftest import Clock, MakeApp
from ..inspector.support import PAGE
from ..support import body_of, call, deliver, id_of
from .support import TYPE, Bench

MESSAGE = "ledger of +447901614024 is closed"


def failing(message: Any = MESSAGE) -> None:
    @on_event(TYPE, name="one")
    def one(event: Event[Any]) -> None:
        raise RuntimeError(message)


def handled(make_app: MakeApp, **config: Any) -> tuple[Flask, str]:
    """An app that has handled one event, and the event's id."""
    config = {
        "TESTING": False,
        "YCLOUD_DISPATCH": "inline",
        "YCLOUD_RETRY_DELAYS": [],
    } | config
    app, body = make_app(**config), body_of()
    app.register_blueprint(inspector_bp, access=lambda: True)
    deliver(app, body)
    return app, id_of(body)


def error_of(app: Flask, event_id: str) -> str:
    event = runtime_of(app).inbox.get(event_id)
    assert event is not None
    (state,), (attempt,) = event.handlers, event.attempts
    assert state.error is not None
    assert state.error == attempt.error
    return state.error


def page_of(app: Flask, event_id: str) -> str:
    return html.unescape(app.test_client().get(f"{PAGE}events/{event_id}").text)


def test_by_default_it_is_nowhere(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    failing()
    app, event_id = handled(make_app)
    error = error_of(app, event_id)
    assert error.startswith("RuntimeError at ")
    assert error.endswith(" in one")
    shown = call(app, "show", event_id, "--payload").output
    assert error in shown
    for text in (error, shown, caplog.text, page_of(app, event_id)):
        assert MESSAGE not in text


def test_it_can_be_kept(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    """It is shown where the payload is shown. Neither log nor reason have it."""
    failing()
    app, event_id = handled(make_app, YCLOUD_ERROR_MESSAGES=True)
    place, _, message = error_of(app, event_id).partition("\n")
    assert message == MESSAGE
    event = runtime_of(app).inbox.get(event_id)
    assert event is not None
    assert event.reason == f"one: {place}"
    assert MESSAGE not in caplog.text
    shown = call(app, "show", event_id).output
    assert place in shown
    assert MESSAGE not in shown
    assert f"{place}: {MESSAGE}" in call(app, "show", event_id, "--payload").output
    page = page_of(app, event_id)
    assert page.count(f"{place}: {MESSAGE}") == 2


def test_it_is_masked_with_the_payload(make_app: MakeApp) -> None:
    failing()
    app, event_id = handled(
        make_app, YCLOUD_ERROR_MESSAGES=True, YCLOUD_INSPECTOR_MASKS=True
    )
    page = page_of(app, event_id)
    assert MESSAGE not in page
    assert page.count(" in one: •••") == 2


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError(MESSAGE)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("x" * 100_000, "x" * 1000 + "…"),
        ("one\ntwo\n", "one\ntwo\n"),
        ("nul \0 and half \ud83d", "nul \\x00 and half \\ud83d"),
        (Unspeakable(), "its text raised ValueError"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("masks", [False, True])
def test_any_message_is_kept_as_text_that_fits(
    make_app: MakeApp, inbox_url: str, message: Any, kept: str, masks: bool
) -> None:
    failing(message)
    app, event_id = handled(
        make_app, YCLOUD_ERROR_MESSAGES=True, YCLOUD_INBOX_URL=inbox_url,
        YCLOUD_INSPECTOR_MASKS=masks,
    )  # fmt: skip
    place, _, found = error_of(app, event_id).partition("\n")
    assert place.endswith(" in one")
    assert found == kept
    lines = call(app, "show", event_id, "--payload").output.splitlines()
    in_one_line = " ".join(found.split())
    assert any(line.endswith(in_one_line and f": {in_one_line}") for line in lines)
    assert place in page_of(app, event_id)


def test_the_reason_of_a_discard_is_shown_and_on_a_masked_page_hidden(
    make_app: MakeApp,
) -> None:
    @on_event(TYPE, name="one")
    def one(event: Event[Any]) -> None:
        raise Discard("no text\nin it")

    app, event_id = handled(
        make_app, YCLOUD_ERROR_MESSAGES=True, YCLOUD_INSPECTOR_MASKS=True
    )
    assert error_of(app, event_id) == "no text\nin it"
    assert "no text" in call(app, "show", event_id).output
    assert "no text" not in page_of(app, event_id), "it may be of a person"


def test_a_handler_that_succeeded_has_no_error(make_app: MakeApp) -> None:
    on_event(TYPE, name="one")(lambda event: None)
    app, event_id = handled(make_app, YCLOUD_ERROR_MESSAGES=True)
    assert "succeeded" in call(app, "show", event_id).output
    assert "succeeded" in page_of(app, event_id)


def test_a_handler_that_is_gone_leaves_no_message_in_the_reason(
    no_jitter: None, make_app: MakeApp, clock: Clock
) -> None:
    failing()
    bench = Bench(
        make_app(
            YCLOUD_DISPATCH="manual", YCLOUD_RETRY_DELAYS=[10], YCLOUD_ERROR_MESSAGES=True
        ),
        clock,
    )
    event_id = bench.accept()
    bench.handle()
    everywhere._by_name.clear()
    for signal in everywhere.signals._namespace.values():
        signal._clear_state()
    clock.now += 100_000
    bench.handle()
    reason = bench.look(event_id).reason
    assert reason is not None
    assert reason.endswith(" in one; since then no process had a handler of that name")
    assert MESSAGE not in reason


# The log.


def failure(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = [each for each in caplog.records if "failed at event" in each.message]
    return record.message


@pytest.mark.parametrize("kept", [False, True])
def test_in_debug_mode_the_log_shows_it(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, kept: bool
) -> None:
    failing()
    app, event_id = handled(make_app, DEBUG=True, YCLOUD_ERROR_MESSAGES=kept)
    assert f"RuntimeError: {MESSAGE}\n  File " in failure(caplog)
    assert (MESSAGE in error_of(app, event_id)) is kept


def frames(text: str) -> list[str]:
    return [line.split()[-1] for line in text.splitlines() if line.startswith("  File ")]


def test_the_stack_in_the_log_begins_in_the_handler(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    def deeper() -> None:
        raise RuntimeError(MESSAGE)

    @on_event(TYPE, name="one")
    def one(event: Event[Any]) -> None:
        deeper()

    handled(make_app)
    assert frames(failure(caplog)) == ["one", "deeper"]


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_the_stack_begins_in_an_async_handler(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, in_a_loop: bool
) -> None:
    async def deeper() -> None:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)

    @on_event(TYPE, name="one")
    async def one(event: Event[Any]) -> None:
        await deeper()

    async def deliver_in_a_loop() -> None:
        handled(make_app)

    if in_a_loop:
        asyncio.run(deliver_in_a_loop())
    else:
        handled(make_app)
    assert frames(failure(caplog))[:2] == ["one", "deeper"]


def test_a_stack_without_a_handler_is_whole(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    @on_event(TYPE, name="one", timeout=0.01)
    async def one(event: Event[Any]) -> None:
        await asyncio.sleep(60)

    with caplog.at_level(logging.ERROR):
        handled(make_app)
    assert frames(failure(caplog))[0] == "run"
