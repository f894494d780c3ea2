"""Filters, causes, counts and states in the lists."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import on_event
from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver
from .support import PAGE, TYPE, fail, inspected, words


def test_filters_are_links(app: Flask, client: FlaskClient) -> None:
    on_event(TYPE, name="shop:crm")(fail)
    deliver(app, body_of())
    page = client.get(f"{PAGE}?state=dead&type=sms&handler=shop:crm")
    for link in (
        f'href="{PAGE}?state=dead&amp;handler=shop%3Acrm" aria-label="Remove type sms.*"',
        f'href="{PAGE}?state=dead&amp;type=sms.%2A" aria-label="Remove handler shop:crm"',
        f'href="{PAGE}">Clear all</a>',
        f'href="{PAGE}?state=pending&amp;type=sms.%2A&amp;handler=shop%3Acrm"',
    ):
        assert link in page.text, link
    assert "shop:crm : ValueError at" in words(page)
    assert "Replay this one …" in words(page)
    assert '<option value="shop:crm">' in page.text


def test_actions_need_a_filter(app: Flask, client: FlaskClient) -> None:
    deliver(app, body_of())
    assert "Replay" not in words(client.get(PAGE))
    assert "Replay all that match …" in words(client.get(f"{PAGE}?type={TYPE}"))
    done = words(client.get(f"{PAGE}?state=done"))
    assert "Replay all that match …" in done
    assert "Discard" not in done, "what is done cannot be discarded"
    assert "Discard this one …" in words(client.get(f"{PAGE}?state=unhandled"))
    assert "Replay" not in words(client.get(f"{PAGE}?state=running"))


def test_causes(app: Flask, client: FlaskClient) -> None:
    assert "There are no dead letters." in words(client.get(f"{PAGE}causes"))
    on_event(TYPE, name="shop:crm")(fail)
    for body in (body_of(), body_of(), b"hello"):
        deliver(app, body)
    page = client.get(f"{PAGE}causes")
    assert "2 shop:crm ValueError at" in words(page)
    assert "1 not understood the body is not JSON" in words(page)
    assert f'href="{PAGE}pauses?handler=shop%3Acrm"' in page.text
    (first, _) = runtime_of(app).inbox.dead_by_cause()
    listed = words(client.get(f"{PAGE}?cause={first.id}"))
    assert "Replay all 2 …" in listed


def test_counts(app: Flask, client: FlaskClient) -> None:
    on_event(TYPE, name="slow", retry_delays=[60])(fail)
    deliver(app, body_of())
    deliver(app, body_of("contact.created"))
    runtime_of(app).inbox.accept("evt_1", b"", endpoint="ycloud", event_type=None, dead="x")
    runtime_of(app).inbox.discard("evt_1", "x")
    page = client.get(f"{PAGE}live-counts")
    for count in ("1 pending", "0 dead", "1 unhandled", "1 discarded", "1 for a retry"):
        assert count in page.text
    assert "<html" not in page.text


def test_the_app_and_its_environment_are_named(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INSPECTOR_TITLE="shop, staging")
    page = inspected(app).get(PAGE).text
    assert "<title>Events · shop, staging · YCloud inspector</title>" in page
    other = make_app()
    assert f"<title>Events · {other.name} · " in inspected(other).get(PAGE).text
    other.debug = True
    assert f"Events · {other.name} (debug) · " in other.test_client().get(PAGE).text


@pytest.mark.parametrize("right", [True, "read"])
def test_an_empty_inbox_says_what_to_do(make_app: MakeApp, right: object) -> None:
    app = make_app()
    app.register_blueprint(InspectorBlueprint(access=lambda: right))
    client = app.test_client()
    text = words(client.get(PAGE))
    assert "flask ycloud send sms.message.updated" in text
    assert ("Send a sample from here" in text) == (right is True)
    assert "No event matches. Show all events" in words(client.get(f"{PAGE}?state=dead"))


def test_a_search_that_stops_early(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(app, body_of("contact.created"))
    for _ in range(3):
        deliver(app, body_of())
    monkeypatch.setattr("flask_ycloud.inbox.reports._LOOKED_AT", 2)
    text = words(client.get(f"{PAGE}?type=contact.created"))
    assert "Nothing among the events that were searched." in text
    assert "Older" in text
