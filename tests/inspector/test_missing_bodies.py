"""Events without a body that can be shown: emptied, deleted, or under a missing key."""

from __future__ import annotations

from pathlib import Path

from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from .support import PAGE, chosen, inspected, token, words


def test_a_deleted_event(app: Flask, client: FlaskClient) -> None:
    body = body_of()
    deliver(app, body)
    form = {"csrf_token": token(client, f"{PAGE}events/{id_of(body)}"), "sure": "1"}
    runtime_of(app).inbox.delete(id_of(body))
    page = words(client.get(f"{PAGE}events/{id_of(body)}"))
    assert "This body was deleted on 20" in page
    assert "the body was deleted" in page
    assert "Replay …" not in page
    form["event"] = chosen(id_of(body))
    told = words(client.post(f"{PAGE}replay", data=form, follow_redirects=True))
    assert "0 events queued for replay; 1 skipped: without a body." in told
    assert id_of(body) not in client.get(PAGE).text
    assert id_of(body) in client.get(f"{PAGE}?state=deleted").text


def test_an_event_whose_key_is_missing(make_app: MakeApp, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'inbox.db'}"
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    body = body_of()
    deliver(make_app(YCLOUD_INBOX_URL=url, YCLOUD_BODY_KEYS=keys[0]), body)
    app = make_app(YCLOUD_INBOX_URL=url, YCLOUD_BODY_KEYS=keys[1])
    client = inspected(app)
    assert id_of(body) in client.get(PAGE).text
    page = words(client.get(f"{PAGE}events/{id_of(body)}"))
    assert "which is not in YCLOUD_BODY_KEYS. Add that key" in page
    assert "Replay …" in page
    app = make_app(YCLOUD_INBOX_URL=url, YCLOUD_BODY_KEYS=keys)
    assert "sms.message.updated" in words(inspected(app).get(f"{PAGE}events/{id_of(body)}"))


def test_where_an_event_came_from(app: Flask, client: FlaskClient) -> None:
    runtime_of(app).inbox.accept(
        "evt_1", b"{}", endpoint="ycloud", event_type="x", origin="inspector"
    )
    page = words(client.get(f"{PAGE}events/evt_1"))
    assert "This is a sample." in page
