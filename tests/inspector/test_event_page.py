"""The page of one event."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import Retry, WebhookBlueprint, on_event
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from ..tenants import deliver_to, hooks
from .support import PAGE, TYPE, fail, inspected, words


def test_what_a_pending_event_waits_for(make_app: MakeApp) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="manual")
    client, inbox = inspected(app), runtime_of(app).inbox
    first, second = body_of(), body_of()
    for body in (first, second):
        deliver(app, body)
    text = words(client.get(f"{PAGE}events/{id_of(first)}"))
    assert "Waits for a worker" in text
    assert "Try it now …" in text
    assert inbox.claim() is not None
    behind = client.get(f"{PAGE}events/{id_of(second)}")
    assert f"Waits behind {id_of(first)}" in words(behind)
    assert f'href="{PAGE}events/{id_of(first)}?endpoint=ycloud"' in behind.text
    status = client.get(f"{PAGE}status?id={id_of(second)}")
    assert "Waits" in status.text
    assert "<html" not in status.text
    assert (
        "<form" not in client.get(f"{PAGE}events/{id_of(first)}").text.partition("<main")[2]
    )


def test_a_retry_that_was_asked_for_is_no_failure(make_app: MakeApp) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline")
    client = inspected(app)

    @on_event(TYPE, name="later")
    def later(event: Any) -> None:
        raise Retry(after=600)

    body = body_of()
    deliver(app, body)
    page = client.get(f"{PAGE}events/{id_of(body)}")
    text = words(page)
    assert "later asked for a retry at attempt 1" in text
    assert "attempt 2 of 8 in 10 min" in text
    assert "failed" not in text
    assert "state failed" not in page.text
    assert "attempt 2 of 8 in 10 min" in words(client.get(PAGE))


def test_an_event_without_handlers(app: Flask, client: FlaskClient) -> None:
    body = body_of()
    deliver(app, body)
    deliver(app, b"hello")
    text = words(client.get(f"{PAGE}events/{id_of(body)}"))
    assert "No handler was subscribed to this type." in text
    odd = words(client.get(f"{PAGE}events/{body_id(b'hello')}"))
    assert "No handler can run: the body is not understood." in odd
    assert "Replay …" not in odd, "it does nothing"
    assert "Discard …" in odd


def test_the_exact_body(make_app: MakeApp) -> None:
    app = make_app()
    client = inspected(app)
    body = b"\xff\0<script>"
    deliver(app, body)
    answer = client.get(f"{PAGE}body?id={body_id(body)}")
    assert answer.data == body
    assert answer.mimetype == "application/octet-stream"
    disposition = answer.headers["Content-Disposition"]
    assert disposition == f'attachment; filename="{body_id(body).replace(":", "-")}.json"'
    assert client.get(f"{PAGE}body?id=gone").status_code == 404


def test_masked_pages_give_no_body_away(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INSPECTOR_MASKS=True)
    client = inspected(app)
    body = body_of(sms={"text": "my card is 4111"})
    deliver(app, body)
    page = client.get(f"{PAGE}events/{id_of(body)}")
    assert "4111" not in page.text
    assert "Download" not in page.text
    assert "curl" not in page.text
    assert client.get(f"{PAGE}body?id={id_of(body)}").status_code == 403
    assert "4111" not in client.get(f"{PAGE}send?again={id_of(body)}").text


def test_curl_is_for_an_endpoint_that_is_there(make_app: MakeApp, inbox_url: str) -> None:
    old = make_app(WebhookBlueprint("old", url_prefix="/old"), YCLOUD_INBOX_URL=inbox_url)
    body = body_of()
    deliver(old, body, path="/old/webhook")
    many = make_app(hooks(), YCLOUD_INBOX_URL=inbox_url)
    client = inspected(many)
    deliver_to(many, "acme", body_of(id="evt_acme"))
    assert "openssl" not in client.get(f"{PAGE}events/{id_of(body)}").text
    assert "/acme" in client.get(f"{PAGE}events/evt_acme").text.partition("curl -i")[2]
    now = make_app(WebhookBlueprint("hooks", url_prefix="/one"), YCLOUD_INBOX_URL=inbox_url)
    assert "openssl" not in inspected(now).get(f"{PAGE}events/evt_acme").text


def test_a_body_that_was_deleted(app: Flask, client: FlaskClient) -> None:
    body = body_of()
    deliver(app, body)
    runtime_of(app).inbox.delete(id_of(body))
    page = client.get(f"{PAGE}events/{id_of(body)}")
    assert "This body was deleted on 20" in words(page)
    assert "Replay" not in words(page)
    assert "Download" not in page.text
    assert client.get(f"{PAGE}body?id={id_of(body)}").status_code == 404
    assert client.get(f"{PAGE}send?again={id_of(body)}").status_code == 200


def test_an_event_that_is_gone_in_between(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = body_of()
    deliver(app, body)
    monkeypatch.setattr(type(runtime_of(app).inbox), "get", lambda *args, **more: None)
    assert client.get(f"{PAGE}events/{id_of(body)}").status_code == 404


def test_an_event_again_as_a_sample(app: Flask, client: FlaskClient) -> None:
    body = body_of(sms={"text": "once more"})
    deliver(app, body)
    text = words(client.get(f"{PAGE}send?again={id_of(body)}&endpoint=ycloud"))
    assert "once more" in text
    assert id_of(body) not in text.partition("Body")[2], "its id is new"
    for odd in ("gone", ""):
        assert client.get(f"{PAGE}send?again={odd}").status_code == 200
    large = b"x" * 300_000
    deliver(app, large)
    assert "xxxx" not in client.get(f"{PAGE}send?again={body_id(large)}").text
    deliver(app, b"hello")
    assert ">hello</textarea>" in client.get(f"{PAGE}send?again={body_id(b'hello')}").text


def test_a_failure_of_a_handler_that_is_not_here(app: Flask, client: FlaskClient) -> None:
    on_event(TYPE, name="bad")(fail)
    body = body_of()
    deliver(app, body)
    assert "bad failed 1 of 1" in words(client.get(f"{PAGE}events/{id_of(body)}"))
