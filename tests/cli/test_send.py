"""``send``: signed samples, over real HTTP."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.serving import make_server

from flask_ycloud import WebhookBlueprint, current_inbox, parse_event, ycloud_bp
from flask_ycloud.protocol import (
    ENDPOINT_ID_HEADER,
    Answer,
    Target,
    conversation_names,
)
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..processes import Site
from ..support import PATH, call

TYPE = "sms.message.updated"
INBOUND = "whatsapp.inbound_message.received"


@pytest.fixture
def served(make_app: MakeApp) -> Iterator[tuple[Flask, str]]:
    """An app that serves over real HTTP."""
    app = make_app(ycloud_bp, WebhookBlueprint("eu", secret_key="EU"), EU="eu secret")
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield app, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_sending_a_sample(served: tuple[Flask, str]) -> None:
    app, url = served
    result = call(app, "send", TYPE, "--url", f"{url}/ycloud/webhook")
    assert result.exit_code == 0
    event_id, event_type, _, status, answer = result.output.split(maxsplit=4)
    assert (event_type, status, answer) == (TYPE, "200", '{"status": "accepted"}\n')
    assert runtime_of(app).inbox.get(event_id) is not None


def test_sending_a_variant(served: tuple[Flask, str]) -> None:
    app, url = served
    event_type = "whatsapp.inbound_message.received"
    target = f"{url}/ycloud/webhook"
    result = call(app, "send", event_type, "--variant", "image", "--url", target)
    assert result.exit_code == 0
    assert b'"type": "image"' in runtime_of(app).inbox.list()[0].body


def test_sending_to_another_endpoint(served: tuple[Flask, str]) -> None:
    app, url = served
    result = call(app, "send", TYPE, "--endpoint", "eu", "--url", f"{url}/eu/webhook")
    assert result.exit_code == 0
    assert runtime_of(app).inbox.list()[0].endpoint == "eu"


@pytest.mark.parametrize("more", [(), ("--count", "2")])
def test_the_id_of_the_endpoint_is_sent(
    served: tuple[Flask, str], more: tuple[str, ...]
) -> None:
    app, url = served
    seen: list[str | None] = []

    @app.before_request
    def look() -> None:
        seen.append(request.headers.get(ENDPOINT_ID_HEADER))

    options = ("--url", url + PATH, *more)
    assert call(app, "send", TYPE, *options).exit_code == 0
    assert call(app, "send", TYPE, "--endpoint-id", "wh1", *options).exit_code == 0
    usual, mine = sorted(set(map(str, seen)), key=len, reverse=True)
    assert re.fullmatch(r"wh[0-9a-f]{24}", usual)
    assert mine == "wh1"


def test_sending_is_refused(served: tuple[Flask, str]) -> None:
    app, url = served
    result = call(app, "send", TYPE, "--endpoint", "eu", "--url", f"{url}/ycloud/webhook")
    assert result.exit_code == 1
    assert "→ 401" in result.output


def test_sending_finds_the_path_by_itself(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def post(target: Target, body: bytes) -> Answer:
        sent.append(target.url)
        return Answer(200, "", 0)

    monkeypatch.setattr("flask_ycloud.cli.send.post", post)
    app = make_app(WebhookBlueprint("hooks", url_prefix="/in"), SERVER_NAME="example.org")
    assert call(app, "send", TYPE).exit_code == 0
    assert sent == ["http://127.0.0.1:5000/in/webhook"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["sms.mesage.updated"], "did you mean 'sms.message.updated'"),
        ([TYPE, "--variant", "x"], "has these variants: none"),
        ([TYPE, "--url", "file:///etc/passwd"], "is no http:// or https:// URL"),
    ],
)
def test_what_cannot_be_sent(app: Flask, args: list[str], message: str) -> None:
    result = call(app, "send", *args)
    assert result.exit_code == 2
    assert message in result.output


def test_an_unknown_endpoint(app: Flask) -> None:
    result = call(app, "send", TYPE, "--endpoint", "us")
    assert result.exit_code == 1
    assert result.output == "Error: No endpoint 'us'; there is ycloud.\n"


def test_nobody_answers(app: Flask) -> None:
    result = call(app, "send", TYPE, "--url", "http://127.0.0.1:9/")
    assert result.exit_code == 1
    assert "Connection refused. Is it running?" in result.output


# More than one.


@pytest.fixture
def gunicorn(make_app: MakeApp, site: Site) -> tuple[Flask, str]:
    """An app that can send, and the URL of a gunicorn that takes it."""
    server = site.serve("--threads", "8")
    return make_app(), f"http://127.0.0.1:{server.port}{PATH}"


def test_sending_many_to_gunicorn(gunicorn: tuple[Flask, str], site: Site) -> None:
    app, url = gunicorn
    result = call(
        app, "send", TYPE, "--url", url, "--count", "200", "--duplicate-share", "0.25",
        "--shuffle", "--set", "status=failed",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert '     200  200 {"status": "accepted"}' in lines
    assert '      50  200 {"status": "duplicate"}' in lines
    assert "a second, in" in lines[-2]
    assert lines[-1].startswith("Milliseconds to the answer: p50 ")
    stored = site.inbox.list(limit=500)
    assert len(stored) == 200
    assert {json.loads(each.body)["sms"]["status"] for each in stored} == {"failed"}
    messages = {json.loads(each.body)["sms"]["id"] for each in stored}
    assert len(messages) == 200, "each is a conversation of its own"
    in_order = sorted(each.id for each in stored)
    assert [each.id for each in stored] != in_order[::-1]


@pytest.mark.parametrize(
    ("event_type", "more", "many"),
    [
        (TYPE, ("--set", "id=one"), 1),
        ("whatsapp.inbound_message.received", (), 5),
        ("whatsapp.inbound_message.received", ("--variant", "user_id_only"), 5),
        ("whatsapp.smb.history", ("--variant", "progress"), 0),
        ("whatsapp.flow.status_change", ("--variant", "older_envelope"), 5),
    ],
)
def test_each_of_many_is_a_conversation_of_its_own(
    served: tuple[Flask, str], event_type: str, more: tuple[str, ...], many: int
) -> None:
    """Unless the conversation is given."""
    app, url = served
    result = call(app, "send", event_type, "--url", url + PATH, "--count", "5", *more)
    assert result.exit_code == 0, result.output
    with app.app_context():
        stored = current_inbox.list()
    names = {conversation_names(parse_event(each.body)) for each in stored} - {()}
    assert (len(stored), len(names)) == (5, many)


def test_sending_at_a_rate(served: tuple[Flask, str]) -> None:
    app, url = served
    started = time.monotonic()
    result = call(app, "send", TYPE, "--url", url + PATH, "--count", "11", "--rate", "20")
    assert time.monotonic() - started >= 0.5
    assert result.exit_code == 0
    ids = [each.id for each in runtime_of(app).inbox.list()]
    assert ids == sorted(ids, reverse=True)


def test_some_are_refused(served: tuple[Flask, str]) -> None:
    app, url = served
    target = f"{url}/ycloud/webhook"
    result = call(app, "send", TYPE, "--endpoint", "eu", "--url", target, "--count", "2")
    assert result.exit_code == 1
    assert "       2  401 " in result.output


def test_nobody_answers_many(app: Flask) -> None:
    result = call(app, "send", TYPE, "--url", "http://127.0.0.1:9/", "--count", "40")
    assert result.exit_code == 1
    assert "      40  no answer" in result.output
    assert "Milliseconds" not in result.output


# With changes.


def sent(app: Flask, url: str, event_type: str, *options: str) -> dict[str, Any]:
    result = call(app, "send", event_type, "--url", url + PATH, *options)
    assert result.exit_code == 0, result.output
    event: dict[str, Any] = json.loads(runtime_of(app).inbox.list(limit=1)[0].body)
    return event


def test_changing_the_sample(served: tuple[Flask, str]) -> None:
    changes = {
        "text.body": "Hello=1",
        "from": "1234",
        "context.id": "wamid.1",
        "event.id": "evt_123456",
    }
    options = [part for path in changes for part in ("--set", f"{path}={changes[path]}")]
    event = sent(*served, INBOUND, *options)
    message = event["whatsappInboundMessage"]
    assert event["id"] == "evt_123456"
    assert message["text"] == {"body": "Hello=1"}
    assert message["from"] == "1234"
    assert message["context"] == {"id": "wamid.1"}


def test_values_that_are_no_text(served: tuple[Flask, str]) -> None:
    event = sent(*served, TYPE, "--set", "totalPrice=0.5", "--set", "errorCode=7")
    assert (event["sms"]["totalPrice"], event["sms"]["errorCode"]) == (0.5, 7)
    options = ("--variant", "contacts", "--set", "contacts.0.name.first_name=Ada")
    event = sent(*served, INBOUND, *options)
    assert event["whatsappInboundMessage"]["contacts"][0]["name"]["first_name"] == "Ada"
    event = sent(*served, INBOUND, "--variant", "contacts", "--set", "contacts.0={}")
    assert event["whatsappInboundMessage"]["contacts"] == [{}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("status", "--set takes PATH=VALUE; got 'status'."),
        ("stauts=failed", "has no 'stauts': did you mean 'status'?"),
        ("zzzzzz=failed", "has no 'zzzzzz'."),
        ("status.x=1", "The path 'status.x' leads nowhere in this event, at 'x'."),
        ("=1", "The path '' leads nowhere"),
        ("event.sms.status.x=1", "leads nowhere"),
        ("totalPrice=cheap", "'totalPrice' takes JSON, such as 0."),
    ],
)
def test_changes_that_cannot_be(app: Flask, change: str, message: str) -> None:
    result = call(app, "send", TYPE, "--set", change)
    assert result.exit_code == 2
    assert message in result.output
