"""The page of pauses."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import on_event
from flask_ycloud.runtime import runtime_of

from ..support import body_of, deliver, id_of
from .support import PAGE, TYPE, token, words


def post(client: FlaskClient, action: str, **form: Any) -> Any:
    known = {"csrf_token": token(client, f"{PAGE}send")}
    return client.post(PAGE + action, data={**known, **form})


@pytest.mark.parametrize(
    ("kind", "name", "named"),
    [
        ("all", "", "everything"),
        ("endpoint", "ycloud", "endpoint ycloud"),
        ("type", "sms", "type sms.*"),
        ("handler", "one", "handler one"),
    ],
)
def test_pause_and_resume(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture,
    kind: str, name: str, named: str,
) -> None:  # fmt: skip
    runs: list[str] = []
    on_event(TYPE, name="one")(lambda event: runs.append(event.id))
    assert "Nothing is paused." in words(client.get(f"{PAGE}pauses"))
    with caplog.at_level(logging.INFO, logger="flask_ycloud.actions"):
        told = client.get(post(client, "pause", kind=kind, name=name).location)
    assert f"Paused: {named}." in words(told)
    assert "Paused:</strong> " in told.text
    said = named.replace(" ", " ") if kind != "all" else ""
    assert caplog.messages[0].startswith("somebody: pause of 0 events, address 127.0.0.1")
    assert caplog.messages[0].endswith(said)
    again = post(client, "pause", kind=kind, name=name)
    assert f"Paused already: {named}." in words(client.get(again.location))
    body = body_of()
    deliver(app, body)
    assert runs == []
    text = words(client.get(f"{PAGE}events/{id_of(body)}"))
    assert "is paused" in text
    told = client.get(post(client, "resume", kind=kind, name=name).location)
    assert f"Resumed: {named}." in words(told)
    assert runs == [id_of(body)]
    again = post(client, "resume", kind=kind, name=name)
    assert f"Not paused: {named}." in words(client.get(again.location))


@pytest.mark.parametrize(
    "form", [{}, {"kind": "handler"}, {"kind": "x", "name": "y"},
             {"kind": "type", "name": "a*b*"}],
)  # fmt: skip
@pytest.mark.parametrize("action", ["pause", "resume"])
def test_what_cannot_be_paused(
    app: Flask, client: FlaskClient, action: str, form: dict[str, str]
) -> None:
    answer = post(client, action, **form)
    assert answer.status_code == 400
    assert "<h1>Bad Request</h1>" in answer.text
    assert runtime_of(app).inbox.pauses() == ()
