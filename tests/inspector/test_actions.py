"""Replays and samples, from the pages."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import WebhookBlueprint, on_event, ycloud_bp
from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import SECRET, body_of, deliver, id_of
from ..web.support import basic
from .support import PAGE, TYPE, chosen, inspected, token, words

# Replays.


def test_a_replay_asks_and_tells(app: Flask, client: FlaskClient) -> None:
    fails = [True]
    runs: list[str] = []

    @on_event(TYPE, name="one")
    def handle(event: Any) -> None:
        runs.append(event.id)
        if fails:
            raise ValueError

    body = body_of()
    deliver(app, body)
    page = f"{PAGE}events/{id_of(body)}"
    form = {"csrf_token": token(client, page), "event": chosen(id_of(body))}
    asked = client.post(f"{PAGE}replay", data=form)
    assert "Replay 1 event? They are handled again immediately" in words(asked)
    assert "Handlers that have succeeded do not run again." in words(asked)
    assert runs == [id_of(body)]
    fails.clear()
    told = client.post(f"{PAGE}replay", data={**form, "sure": "1"}, follow_redirects=True)
    assert "1 event queued for replay." in words(told)
    assert len(runs) == 2
    client.post(f"{PAGE}replay", data={**form, "sure": "1"})
    assert len(runs) == 2, "it has succeeded"
    form["succeeded_too"] = "1"
    assert "their effects happen again" in words(client.post(f"{PAGE}replay", data=form))
    client.post(f"{PAGE}replay", data={**form, "sure": "1"})
    assert len(runs) == 3


# Samples.


def test_sending_a_sample(make_app: MakeApp) -> None:
    app = make_app(
        ycloud_bp, WebhookBlueprint("eu", secret_key="EU"), EU="secret of the eu",
        TESTING=False,
        YCLOUD_DISPATCH="inline",
    )  # fmt: skip
    client = inspected(app)
    page = client.get(f"{PAGE}send?type=whatsapp.inbound_message.received&variant=image")
    assert '"type": "image"' in words(page)
    assert "A WhatsApp message came in" in words(page) or "WhatsApp" in words(page)
    body = body_of("contact.created")
    form = {"csrf_token": token(client, f"{PAGE}send"), "endpoint": "eu"}
    sent = client.post(f"{PAGE}send", data={**form, "body": body.decode()})
    assert 'Answered 200 {"status": "accepted"} : ' + id_of(body) in words(sent)
    assert f"{PAGE}events/{id_of(body)}?endpoint=eu" in sent.text
    (stored,) = runtime_of(app).inbox.list()
    assert (stored.endpoint, stored.id) == ("eu", id_of(body))
    again = client.post(f"{PAGE}send", data={**form, "body": body.decode()})
    assert '{"status": "duplicate"}' in words(again)
    for odd in ("hello", '{"id": "\\udcff"}'):
        broken = client.post(f"{PAGE}send", data={**form, "body": odd})
        assert "Answered 200" in words(broken)
        link = f"{PAGE}events/{body_id(odd.encode())}?endpoint=eu"
        assert link in broken.text
        assert "not understood" in words(client.get(link))
    assert client.get(f"{PAGE}send?type=no.such.type").status_code == 404
    assert SECRET not in sent.text


# Who may only look.


def test_who_may_only_look_sees_no_buttons(app: Flask) -> None:
    app.register_blueprint(InspectorBlueprint(access=lambda: "read"))
    client = app.test_client()
    body = body_of()
    deliver(app, body)
    deliver(app, b"hello")
    event = f"events/{id_of(body)}"
    for page in ("", "?state=dead", event, "activity", "send", "event?id=" + id_of(body)):
        shown = client.get(PAGE + page)
        assert shown.status_code == 200
        searches = shown.text.count(f'method="post" action="{PAGE}find"')
        assert shown.text.count('method="post"') == searches
        assert shown.text.count("csrf_token") == searches
        assert "Replay" not in shown.text
        assert "Delete" not in shown.text
        assert 'type="checkbox"' not in shown.text
    assert "You may read samples, but not send them." in words(client.get(f"{PAGE}send"))


def test_who_may_only_look_does_nothing_with_the_token_of_another(app: Flask) -> None:
    right: list[Any] = [True]
    app.register_blueprint(InspectorBlueprint(access=lambda: right[0]))
    client = app.test_client()
    runs: list[str] = []
    on_event(TYPE, name="one")(lambda event: runs.append(event.id))
    body = body_of()
    deliver(app, body)
    known = {"csrf_token": token(client, f"{PAGE}send")}
    right[0] = "read"
    form = {**known, "event": chosen(id_of(body)), "sure": "1", "succeeded_too": "1"}
    assert client.post(f"{PAGE}replay", data=form).status_code == 403
    sent = {**known, "body": body_of().decode()}
    assert client.post(f"{PAGE}send", data=sent).status_code == 403
    assert runs == [id_of(body)]
    right[0] = True
    assert client.post(f"{PAGE}replay", data=form).status_code == 302


# The log of actions.


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """Gives what was logged of actions."""
    with caplog.at_level(logging.INFO, logger="flask_ycloud.actions"):
        yield lambda: [
            each for each in caplog.records if each.name == "flask_ycloud.actions"
        ]


def act(client: FlaskClient, body: bytes, **options: Any) -> None:
    """Send an event, and have it replayed."""
    page = client.get(f"{PAGE}send", **options)
    known = {"csrf_token": re.findall(r'"csrf_token" value="([^"]*)"', page.text)[0]}
    client.post(f"{PAGE}send", data={**known, "body": body.decode()}, **options)
    event = chosen(id_of(body))
    for form in ({"event": event}, {"event": event, "sure": "1", "succeeded_too": "1"}):
        client.post(f"{PAGE}replay", data={**known, **form}, **options)


def test_actions_are_logged_with_the_user_of_the_password(
    make_app: MakeApp, told: Any
) -> None:
    app = make_app(YCLOUD_INSPECTOR_PASSWORD="open sesame")
    app.register_blueprint(InspectorBlueprint())
    body = body_of()
    act(app.test_client(), body, headers=basic("open sesame", "ann\n"))
    event = f"{id_of(body)} (endpoint 'ycloud')"
    assert [each.getMessage() for each in told()] == [
        f"ann\\n: send of 1 event, address 127.0.0.1, status 200: {event}",
        f"ann\\n: replay of 1 event, address 127.0.0.1, succeeded_too True: {event}",
    ]


async def _bob() -> str:
    return "bob"


@pytest.mark.parametrize(
    ("actor", "who"), [(lambda: "bob", "bob"), (_bob, "bob"), (lambda: None, "somebody")]
)
def test_actions_are_logged_with_what_actor_says(
    app: Flask, told: Any, actor: Any, who: str
) -> None:
    app.register_blueprint(InspectorBlueprint(access=lambda: True), actor=actor)
    act(app.test_client(), body_of())
    assert [vars(each)["actor"] for each in told()] == [who, who]


def test_a_replay_of_all_names_some_and_counts_all(
    app: Flask, client: FlaskClient, told: Any
) -> None:
    inbox = runtime_of(app).inbox
    for number in range(40):
        inbox.accept(f"evt_{number}", b"{}", endpoint="ycloud", event_type=None, dead="x")
    some = [chosen(f"evt_{number}") for number in range(40)]
    known = {"csrf_token": token(client, f"{PAGE}?state=dead"), "sure": "1"}
    client.post(f"{PAGE}replay", data={**known, "event": some})
    client.post(f"{PAGE}replay", data={**known, "all": "1", "state": "dead"})
    named, selected = told()
    assert vars(named)["count"] == vars(selected)["count"] == 40
    assert len(vars(named)["events"]) == 30
    assert named.getMessage().endswith(", 10 more")
    assert selected.getMessage().endswith("40 events, address 127.0.0.1, state dead")
