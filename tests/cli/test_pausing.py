"""Pause and resume from the command line."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from flask_ycloud import on_event
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver

TYPE = "sms.message.updated"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(YCLOUD_DISPATCH="manual")


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ([], "everything"),
        (["--endpoint", "ycloud"], "endpoint ycloud"),
        (["--type", "sms.*"], "type sms.*"),
        (["--handler", "app:crm"], "handler app:crm"),
    ],
)
def test_what_is_paused_waits(app: Flask, what: list[str], name: str) -> None:
    seen: list[str] = []
    on_event(TYPE, name="app:crm")(lambda event: seen.append(event.id))
    said = call(app, "pause", *what)
    assert (said.exit_code, said.output.splitlines()) == (
        0,
        [f"Paused: {name}.", f"Paused for 0 s: {name}."],
    )
    assert call(app, "pause", *what).output.startswith(f"It was paused already: {name}.")
    assert deliver(app, body_of()).status_code == 200
    call(app, "worker", "--once")
    assert seen == []
    assert "Pending: 1 paused." in call(app, "stats").output
    said = call(app, "resume", *what)
    assert (said.exit_code, said.output) == (0, f"Resumed: {name}.\n")
    call(app, "worker", "--once")
    assert len(seen) == 1
    assert runtime_of(app).inbox.stats().pending == 0


def test_what_was_not_paused(app: Flask) -> None:
    call(app, "pause", "--handler", "app:crm")
    said = call(app, "resume", "--type", "sms.*")
    assert said.exit_code == 1
    assert said.output.splitlines()[0] == "It was not paused: type sms.*."
    assert said.output.splitlines()[1].endswith("handler app:crm."), "what is, it says"


def test_resuming_everything_while_only_some_is_paused(app: Flask) -> None:
    said = call(app, "resume")
    assert (said.exit_code, said.output) == (1, "Nothing is paused.\n")
    call(app, "pause", "--handler", "app crm")
    call(app, "pause", "--type", "sms.*")
    said = call(app, "resume")
    assert said.exit_code == 1
    assert said.output.splitlines() == [
        "Not everything is paused. Paused: handler app crm, type sms.*.",
        "flask ycloud resume --handler 'app crm'",
        "flask ycloud resume --type 'sms.*'",
    ]
    assert len(json.loads(call(app, "resume", "--json").output)) == 2


def test_for_scripts(app: Flask) -> None:
    found = json.loads(call(app, "pause", "--type", "sms.*", "--json").output)
    assert [(each["kind"], each["name"]) for each in found] == [("type", "sms.*")]
    assert json.loads(call(app, "resume", "--type", "sms.*", "--json").output) == []


@pytest.mark.parametrize("command", ["pause", "resume"])
@pytest.mark.parametrize(
    ("what", "said"),
    [
        (["--type", "*.updated"], "is not a pattern"),
        (["--type", "sms.*", "--handler", "x"], "Give one of"),
    ],
)
def test_what_cannot_be_paused(
    app: Flask, command: str, what: list[str], said: str
) -> None:
    result = call(app, command, *what)
    assert (result.exit_code, said in result.output) == (2, True)


def test_a_handler_that_the_app_does_not_have_is_told(app: Flask) -> None:
    on_event("*", name="shop:crm")(lambda event: None)
    told = call(app, "pause", "--handler", "shop:cmr")
    assert "Paused: handler shop:cmr." in told.output
    assert "no handler of that name. It has: shop:crm." in told.output
    assert "no handler" not in call(app, "pause", "--handler", "shop:crm").output


def test_a_type_that_is_not_documented_is_told(app: Flask) -> None:
    told = call(app, "pause", "--type", "smss.*")
    assert (told.exit_code, told.stdout[:21]) == (0, "Paused: type smss.*.\n")
    assert told.stderr == (
        "'smss.*' is not a documented event type or pattern: did you mean 'sms.*'?\n"
    )
    for known in ("sms.*", "*", TYPE):
        assert call(app, "pause", "--type", known).stderr == ""
