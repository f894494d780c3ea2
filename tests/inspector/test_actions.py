"""Replays and samples, from the pages."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import WebhookBlueprint, on_event, ycloud_bp
from flask_ycloud.inspector import replays
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import SECRET, body_of, deliver, id_of
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
    assert "Replay 1 event? 1 will be due at once" in words(asked)
    assert "Handlers that have succeeded stay out." in words(asked)
    assert runs == [id_of(body)]
    fails.clear()
    told = client.post(f"{PAGE}replay", data={**form, "sure": "1"}, follow_redirects=True)
    assert "1 due again." in words(told)
    assert len(runs) == 2
    client.post(f"{PAGE}replay", data={**form, "sure": "1"})
    assert len(runs) == 2, "it has succeeded"
    form["succeeded_too"] = "1"
    assert "what they did they do again" in words(client.post(f"{PAGE}replay", data=form))
    client.post(f"{PAGE}replay", data={**form, "sure": "1"})
    assert len(runs) == 3


def test_dead_letters_are_replayed_together(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    @on_event(TYPE, name="one")
    def handle(event: Any) -> None:
        runs.append(event.id)
        raise ValueError

    bodies = [body_of() for _ in range(5)]
    for body in bodies:
        deliver(app, body)
    form: dict[str, Any] = {"csrf_token": token(client, f"{PAGE}?state=dead")}
    runs.clear()
    some = [id_of(bodies[0]), id_of(bodies[1]), "evt_gone"]
    named = [chosen(event_id) for event_id in some]
    assert "Replay 3 events?" in words(
        client.post(f"{PAGE}replay", data={**form, "event": named})
    )
    told = client.post(
        f"{PAGE}replay", data={**form, "event": named, "sure": "1"}, follow_redirects=True
    )
    assert "2 due again; 1 could not be" in words(told)
    assert sorted(runs) == sorted(some[:2])
    runs.clear()
    assert "Replay all dead letters? 5 will be due" in words(
        client.post(f"{PAGE}replay", data={**form, "all": "1"})
    )
    client.post(f"{PAGE}replay", data={**form, "all": "1", "sure": "1"})
    assert sorted(runs) == sorted(map(id_of, bodies)), "each once, though it fails again"
    assert client.post(f"{PAGE}replay", data=form).location == f"{PAGE}?state=dead"
    odd = client.post(f"{PAGE}replay", data={**form, "event": "odd", "sure": "1"})
    assert odd.location.startswith(f"{PAGE}?notice=")
    told = client.get(odd.location)
    assert "0 due again; 1 could not be: gone, or being handled now." in words(told)


def test_very_many_dead_letters(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "_AT_ONCE", 5)
    inbox = runtime_of(app).inbox
    for number in range(11):
        inbox.accept(f"evt_{number}", b"{}", endpoint="ycloud", event_type=None, dead="x")
    form = {"csrf_token": token(client, f"{PAGE}?state=dead"), "all": "1", "sure": "1"}
    client.post(f"{PAGE}replay", data=form)
    assert len(list(replays.dead_letters(inbox))) == 11, "they are still not understood"


def test_replays_of_a_bounded_number(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "_MOST_REPLAYED", 0)
    deliver(app, b"hello")
    assert list(replays.dead_letters(runtime_of(app).inbox)) == []


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
    broken = client.post(f"{PAGE}send", data={**form, "body": "hello"})
    assert "Answered 200" in words(broken)
    assert client.get(f"{PAGE}send?type=no.such.type").status_code == 404
    assert SECRET not in sent.text
