"""Events about a person or a message: found, and acted on, with no name in a URL."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud.inspector import InspectorBlueprint, acting
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from .support import PAGE, inspected, token, words

NUMBER, OTHER = "+447901614024", "+15550100777"


def sms(number: str) -> bytes:
    return body_of(sms={"id": f"sms {number}", "to": number, "status": "delivered"})


@pytest.fixture
def bodies(app: Flask) -> list[bytes]:
    made = [sms(NUMBER), sms(OTHER), sms(NUMBER)]
    for body in made:
        deliver(app, body)
    return made


def find(client: FlaskClient, who: str, **query: str) -> Any:
    form = {"csrf_token": token(client, PAGE), "who": who, **query}
    return client.post(f"{PAGE}find", data=form)


@pytest.mark.parametrize(
    "who", [NUMBER, "+44 7901 614024", "447901614024", f"sms {NUMBER}"]
)
def test_a_person_or_a_message_is_found_in_any_spelling(
    app: Flask, client: FlaskClient, bodies: list[bytes], who: str
) -> None:
    answer = find(client, who, state="done", type="sms.*")
    assert answer.status_code == 302
    assert "614024" not in answer.location
    assert "state=done" in answer.location
    listed = client.get(answer.location).text
    assert id_of(bodies[0]) in listed
    assert id_of(bodies[1]) not in listed
    assert "about a person or message" in words(client.get(answer.location))


@pytest.mark.parametrize("who", ["", "   ", "nobody@example.org"])
def test_who_is_nobody_is_not_found(
    app: Flask, client: FlaskClient, bodies: list[bytes], who: str
) -> None:
    listed = client.get(find(client, who).location).text
    assert (id_of(bodies[0]) in listed) == (not who.strip())


@pytest.mark.parametrize("endpoint", [{}, {"endpoint": "ycloud"}])
def test_an_event_is_found_by_its_id(
    app: Flask, client: FlaskClient, bodies: list[bytes], endpoint: dict[str, str]
) -> None:
    deliver(app, body_of(id="an-odd-id"))
    for event_id in (id_of(bodies[0]), "an-odd-id"):
        answer = client.get(find(client, event_id, **endpoint).location)
        assert answer.status_code == 302
        assert f"/events/{event_id}" in answer.location
    page = client.get(find(client, "evt_gone", **endpoint).location)
    assert "The inbox has no event evt_gone" in words(page)
    assert 'name="who" value="evt_gone"' in page.text


def test_a_name_in_the_url_is_not_taken(
    app: Flask, client: FlaskClient, bodies: list[bytes]
) -> None:
    listed = client.get(f"{PAGE}?about=%2B447901614024").text
    assert id_of(bodies[1]) in listed, "it narrows nothing"


def test_who_may_only_look_may_search(make_app: MakeApp) -> None:
    app = make_app()
    app.register_blueprint(InspectorBlueprint(access=lambda: "read"))
    client = app.test_client()
    body = sms(NUMBER)
    deliver(app, body)
    found = find(client, NUMBER)
    assert found.status_code == 302
    assert id_of(body) in client.get(found.location).text
    assert "Delete" not in client.get(found.location).text


def test_what_is_found_is_deleted(
    app: Flask,
    client: FlaskClient,
    bodies: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acting, "_SECONDS", 0.0)
    monkeypatch.setattr("flask_ycloud.inbox.selected.AT_ONCE", 1)
    query = find(client, NUMBER).location.partition("about=")[2].replace("%23", "#")
    form = {"csrf_token": token(client, PAGE), "about": query, "all": "1"}
    asked = client.post(f"{PAGE}delete", data=form)
    assert "Delete 2 events?" in words(asked)
    assert "about a person or message" in words(asked)
    going_on = client.post(f"{PAGE}delete", data={**form, "sure": "1", "count": "2"})
    assert "Delete: 1 of 2 events" in words(going_on)
    monkeypatch.setattr(acting, "_SECONDS", 10.0)
    more = {"sure": "1", "count": "2", "done": "1", "after": "1"}
    told = client.post(f"{PAGE}delete", data=form | more, follow_redirects=True)
    assert "2 events deleted." in words(told)
    inbox = runtime_of(app).inbox
    assert [each.id for each in inbox.list()] == [id_of(bodies[1])]
    assert inbox.select(about=NUMBER).count() == 0


def test_it_is_found_with_masks_too(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INSPECTOR_MASKS=True)
    client = inspected(app)
    body = sms(NUMBER)
    deliver(app, body)
    assert id_of(body) in client.get(find(client, NUMBER).location).text
