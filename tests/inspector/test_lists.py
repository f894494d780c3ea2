"""Filters, causes, counts and states in the lists."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import on_event
from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
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


def test_what_the_buttons_act_on(app: Flask, client: FlaskClient) -> None:
    on_event(TYPE, name="shop:crm")(fail)
    for body in (body_of(), body_of()):
        deliver(app, body)
    page = client.get(f"{PAGE}?state=dead")
    text = words(page)
    assert "Events that you choose all on this page Replay the chosen …" in text
    assert "All 2 events that match the filter, on all pages Replay all 2 …" in text
    assert text.count("Delete") == page.text.count('class="small danger"') == 2
    matching = words(client.get(f"{PAGE}?type={TYPE}"))
    assert "All events that match the filter, on all pages Replay all that" in matching
    runtime_of(app).inbox.select(state="dead").replay()
    deliver(app, b"hello")
    text = words(client.get(f"{PAGE}?state=dead&error=JSON"))
    assert "The only event that matches the filter Replay this one …" in text


def test_rare_filters_are_folded_unless_they_are_used(client: FlaskClient) -> None:
    for query in ("", "type=sms", "handler=shop:crm"):
        assert '<details class="more"><summary>' in client.get(f"{PAGE}?{query}").text
    for query in ("error=x", "endpoint=ycloud", "tenant=acme", "since=2026-01-01T00:00",
                  "until=2026-01-01T00:00"):  # fmt: skip
        assert '<details class="more" open>' in client.get(f"{PAGE}?{query}").text


def test_all_handlers_that_failed(app: Flask, client: FlaskClient) -> None:
    names = ("shop:crm", "shop:mail", "shop:stock")
    on_event(TYPE, name=names[0])(fail)
    body = body_of()
    for name in names:
        on_event("sms.*", name=name)(fail)
    on_event(TYPE, name="shop:archive")(lambda event: None)
    deliver(app, body)
    assert "(2 other handlers also failed)" in words(client.get(f"{PAGE}?state=dead"))
    text = words(client.get(f"{PAGE}events/{id_of(body)}"))
    state = text.partition("State ")[2].partition(" Endpoint ")[0]
    assert state.startswith("dead : 3 handlers failed shop:")
    assert state.count(": ValueError at ") == 3
    assert all(f"{name}: " in state for name in names)
    assert "447901614024" not in state


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


def test_a_cause_names_the_other_handlers_that_failed(
    app: Flask, client: FlaskClient
) -> None:
    on_event(TYPE, name="shop:crm")(fail)
    on_event(TYPE, name="shop:mail")(fail)
    for body in (body_of(), body_of()):
        deliver(app, body)
    (cause,) = runtime_of(app).inbox.dead_by_cause()
    (other,) = cause.also_failed
    assert {cause.handler, other} == {"shop:crm", "shop:mail"}
    assert f"{other} failed 2 of them, too" in words(client.get(f"{PAGE}causes"))


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
    assert "None of the events searched so far match." in text
    assert "Older" in text
