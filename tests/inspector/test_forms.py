"""Forms: none is taken without its token."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from flask_wtf import CSRFProtect

from flask_ycloud.protocol import body_id

from ..support import body_of, deliver
from .support import PAGE, chosen, inspected, token, words


def test_posts_need_a_token(app: Flask, client: FlaskClient) -> None:
    deliver(app, b"hello")
    event_id = body_id(b"hello")
    form = {"event": chosen(event_id), "sure": "1"}
    known = token(client, f"{PAGE}events/{event_id}")

    def post(client: FlaskClient, **sent: str) -> int:
        return client.post(f"{PAGE}replay", data={**form, **sent}).status_code

    assert post(client) == 403
    assert post(client, csrf_token="") == 403
    assert post(client, csrf_token="x" * 43) == 403
    assert post(client, csrf_token=known) == 302
    other = app.test_client()
    assert post(other, csrf_token=known) == 403
    assert post(other, csrf_token="") == 403


def test_the_token_stays_and_is_hidden(client: FlaskClient) -> None:
    first = client.get(f"{PAGE}send")
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert f"Path={PAGE}" in cookie
    assert "Secure" not in cookie
    assert token(client, f"{PAGE}send") == token(client, f"{PAGE}send")
    secure = client.get(f"{PAGE}send", base_url="https://localhost")
    assert "Secure" in secure.headers["Set-Cookie"]
    assert "Set-Cookie" not in client.get(PAGE).headers


def test_beside_flask_wtf(app: Flask) -> None:
    app.config.update(SECRET_KEY="k")
    CSRFProtect(app)
    client = inspected(app)
    form = {"csrf_token": token(client, f"{PAGE}send"), "body": body_of().decode()}
    assert "Answered 200" in words(client.post(f"{PAGE}send", data=form))
