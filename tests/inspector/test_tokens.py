"""Forms and notices: none is taken that this app has not made."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf import CSRFProtect

from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.inspector.tokens import notice
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver
from ..tenants import hooks
from .support import PAGE, chosen, inspected, token, words

SEND = f"{PAGE}send"


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


@pytest.mark.parametrize("planted", ["evil", "x" * 43, "x" * 70, "ä" * 70, ""])
def test_a_planted_cookie_is_not_taken(client: FlaskClient, planted: str) -> None:
    """As a sibling domain, or somebody on the way over plain HTTP, can set it."""
    client.set_cookie("ycloud_csrf", planted, path=PAGE)
    form = {"csrf_token": planted, "body": body_of().decode()}
    assert client.post(SEND, data=form).status_code == 403
    fresh = token(client, SEND)
    assert fresh != planted, "nor is it kept"
    assert client.post(SEND, data={**form, "csrf_token": fresh}).status_code == 200


def test_a_token_that_was_changed_is_not_taken(client: FlaskClient) -> None:
    known = token(client, SEND)
    changed = known[:-1] + ("A" if known[-1] != "A" else "B")
    client.set_cookie("ycloud_csrf", changed, path=PAGE)
    form = {"csrf_token": changed, "body": body_of().decode()}
    assert client.post(SEND, data=form).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "https://LOCALHOST"}, 200),
        ({"Origin": "http://localhost:80"}, 200),
        ({"Origin": "http://localhost:8080"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://sub.localhost"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "https://ours.example", "X-Forwarded-Host": "ours.example, a"}, 200),
        ({"Origin": "https://evil.example", "X-Forwarded-Host": "ours.example"}, 403),
    ],
)
def test_a_post_of_another_site_is_not_taken(
    client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    form = {"csrf_token": token(client, SEND), "body": body_of().decode()}
    assert client.post(SEND, data=form, headers=headers).status_code == status


@pytest.mark.parametrize("config", [{}, {"SECRET_KEY": "of the app"}])
def test_processes_agree(make_app: MakeApp, config: dict[str, Any]) -> None:
    """Two apps of the same settings stand for two processes."""
    first, second = (inspected(make_app(**config)) for _ in range(2))
    known = token(first, SEND)
    second.set_cookie("ycloud_csrf", known, path=PAGE)
    form = {"csrf_token": known, "body": body_of().decode()}
    assert second.post(SEND, data=form).status_code == 200
    third = inspected(make_app(**config, YCLOUD_WEBHOOK_SECRET="another secret of 16"))
    third.set_cookie("ycloud_csrf", known, path=PAGE)
    assert third.post(SEND, data=form).status_code == (200 if config else 403)


def test_without_any_key_there_is_a_random_one(make_app: MakeApp) -> None:
    client = inspected(make_app(hooks()))
    form = {"csrf_token": token(client, SEND), "body": "{}", "endpoint": "hooks"}
    assert client.post(SEND, data=form).status_code == 200


def test_the_token_stays_and_is_hidden(client: FlaskClient) -> None:
    first = client.get(SEND)
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert f"Path={PAGE}" in cookie
    assert "Secure" not in cookie
    assert token(client, SEND) == token(client, SEND)
    secure = client.get(SEND, base_url="https://localhost")
    assert "Secure" in secure.headers["Set-Cookie"]
    assert "Set-Cookie" not in client.get(f"{PAGE}activity").headers


def test_beside_flask_wtf(app: Flask) -> None:
    app.config.update(SECRET_KEY="k")
    CSRFProtect(app)
    client = inspected(app)
    form = {"csrf_token": token(client, SEND), "body": body_of().decode()}
    assert "Answered 200" in words(client.post(SEND, data=form))


# Notices.


@pytest.mark.parametrize(
    "query",
    [
        "replayed=999",
        "replayed=Call+0900+1&left=5",
        "notice=Call+0900",
        "notice=IkNhbGwi.x",
    ],
)
def test_a_page_tells_nothing_that_a_stranger_chose(
    client: FlaskClient, query: str
) -> None:
    page = client.get(f"{PAGE}?{query}")
    assert "Call" not in page.text
    assert "999" not in page.text
    assert 'role="status"' not in page.text


def test_a_notice_is_told_once_it_is_ours(app: Flask, client: FlaskClient) -> None:
    with app.test_request_context():
        told = notice("3 due again <b>")
    page = client.get(PAGE, query_string={"notice": told})
    assert "3 due again <b>" in words(page)
    assert "<b>" not in re.sub(r"<body>.*</header>", "", page.text)
    other = client.get(PAGE, query_string={"notice": told[:-2] + "AA"})
    assert "due again" not in other.text


def test_a_nested_page_has_no_cookie_of_ours(make_app: MakeApp) -> None:
    """Its pages have names of their own."""
    app = make_app()
    outer = InspectorBlueprint("outer", url_prefix="/outer", access=lambda: True)
    outer.register_blueprint(InspectorBlueprint(access=lambda: True), url_prefix="/inner")
    app.register_blueprint(outer)
    client = app.test_client()
    with client.get("/outer/inner/send") as page:
        assert page.status_code == 200
        assert "Path=/outer/inner/" in page.headers["Set-Cookie"]
    assert runtime_of(app).inbox.list() == []
