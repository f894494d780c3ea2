"""The inspector where one endpoint serves many accounts, and where bodies conflict."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import Stats, on_event, ycloud_bp
from flask_ycloud.inbox import Identity, RunningHandler
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import PATH, body_of, deliver, id_of
from ..tenants import SECRETS, deliver_to, hooks
from .support import PAGE, TYPE, chosen, fail, inspected, token, words


@pytest.fixture
def app(make_app: MakeApp, inbox_url: str) -> Flask:
    return make_app(
        hooks(), ycloud_bp, TESTING=False, YCLOUD_DISPATCH="inline",
        YCLOUD_RETRY_DELAYS=[], YCLOUD_INBOX_URL=inbox_url,
    )  # fmt: skip


@pytest.fixture
def body(app: Flask) -> bytes:
    """One event of both tenants and of the other endpoint: its id is known three times."""
    body = body_of()
    deliver(app, body)
    for tenant in SECRETS:
        deliver_to(app, tenant, body)
    return body


def links(text: str) -> list[str]:
    """The links to events in a page, in order."""
    return [
        html.unescape(each) for each in re.findall(rf'href="({PAGE}events/[^"]*)"', text)
    ]


def test_the_list_names_tenants_and_links_to_each_event(
    client: FlaskClient, body: bytes
) -> None:
    page = client.get(PAGE)
    assert f"{id_of(body)} {TYPE} delivered" in words(page)
    assert re.search(r"done unhandled \d+ s ago hooks acme", words(page))
    assert links(page.text) == [
        f"{PAGE}events/{id_of(body)}?endpoint=hooks&tenant=beta",
        f"{PAGE}events/{id_of(body)}?endpoint=hooks&tenant=acme",
        f"{PAGE}events/{id_of(body)}?endpoint=ycloud",
    ]
    for link, whose in zip(links(page.text), ("beta", "acme", None), strict=True):
        text = words(client.get(link))
        assert ("Tenant" in text) == (whose is not None)
        assert whose is None or f"Endpoint hooks Tenant {whose}" in text


def test_the_list_of_one_tenant(client: FlaskClient, body: bytes) -> None:
    for view in ("", "rows"):
        shown = links(client.get(f"{PAGE}{view}?tenant=acme").text)
        assert shown == [f"{PAGE}events/{id_of(body)}?endpoint=hooks&tenant=acme"]
    assert 'name="tenant" value="acme"' in client.get(f"{PAGE}?tenant=acme").text
    assert "No event matches." in words(client.get(f"{PAGE}?tenant=gamma"))


def test_without_tenants_nothing_asks_for_one(make_app: MakeApp) -> None:
    app = make_app()
    client = inspected(app)
    deliver(app, body_of())
    for page in ("", "rows", "send", "?endpoint=ycloud"):
        assert "enant" not in words(client.get(PAGE + page)), page
    asked = client.get(f"{PAGE}?tenant=acme").text
    assert 'name="tenant" value="acme"' in asked, "a filter that is set is shown"


def test_tenants_of_another_app_are_shown(make_app: MakeApp, inbox_url: str) -> None:
    deliver_to(make_app(hooks(), YCLOUD_INBOX_URL=inbox_url), "acme", body_of())
    client = inspected(make_app(YCLOUD_INBOX_URL=inbox_url))
    assert "hooks acme" in words(client.get(PAGE))


def test_an_id_that_is_not_enough_leads_to_a_choice(
    client: FlaskClient, body: bytes
) -> None:
    found = client.get(f"{PAGE}?id={id_of(body)}")
    assert found.location == f"{PAGE}events/{id_of(body)}"
    choice = client.get(found.location)
    assert "Several events have this id" in words(choice)
    assert "endpoint 'hooks', tenant 'acme'" in words(choice)
    assert len(links(choice.text)) == 3
    for link in links(choice.text):
        assert "What happened" in words(client.get(link))
    narrower = client.get(f"{PAGE}events/{id_of(body)}?endpoint=hooks")
    assert len(links(narrower.text)) == 2
    one = client.get(f"{PAGE}?id={id_of(body)}&tenant=beta")
    assert one.location == f"{PAGE}events/{id_of(body)}?tenant=beta"
    assert "Endpoint hooks Tenant beta" in words(client.get(one.location))
    nobody = words(client.get(f"{PAGE}?id={id_of(body)}&tenant=gamma"))
    assert f"The inbox has no event {id_of(body)} of that endpoint and tenant." in nobody
    assert client.get(f"{PAGE}events/{id_of(body)}?tenant=gamma").status_code == 404


def test_exactly_the_chosen_event_is_replayed(
    app: Flask, client: FlaskClient, body: bytes
) -> None:
    runs: list[str | None] = []
    on_event(TYPE, name="one")(lambda event: runs.append(event.tenant))
    page = f"{PAGE}events/{id_of(body)}?endpoint=hooks&tenant=acme"
    (value,) = re.findall(r'name="event" value="([^"]*)"', client.get(page).text)
    form = {"csrf_token": token(client, page), "event": html.unescape(value)}
    asked = client.post(f"{PAGE}replay", data=form)
    assert "Replay 1 event?" in words(asked)
    assert html.escape(page) in asked.text, "No leads back to it"
    (value,) = re.findall(r'name="event" value="([^"]*)"', asked.text)
    form = {**form, "event": html.unescape(value), "sure": "1"}
    told = client.post(f"{PAGE}replay", data=form, follow_redirects=True)
    assert "1 event queued for replay." in words(told)
    assert "Tenant acme" in words(told)
    assert runs == ["acme"]


def test_dead_letters_of_one_id(app: Flask, client: FlaskClient) -> None:
    runs: list[str | None] = []
    on_event(TYPE, name="bad")(fail)
    body = body_of()
    for tenant in SECRETS:
        deliver_to(app, tenant, body)
    page = client.get(f"{PAGE}?state=dead").text
    assert f'aria-label="Choose {id_of(body)} of acme"' in page
    assert set(map(html.unescape, re.findall(r'name="event" value="([^"]*)"', page))) == {
        chosen(id_of(body), "hooks", tenant) for tenant in SECRETS
    }
    on_event(TYPE, name="good")(lambda event: runs.append(event.tenant))
    form = {"csrf_token": token(client, f"{PAGE}?state=dead"), "all": "1", "sure": "1"}
    client.post(f"{PAGE}replay", data={**form, "state": "dead"})
    assert sorted(map(str, runs)) == ["acme", "beta"]


def test_a_sample_for_a_tenant(app: Flask, client: FlaskClient) -> None:
    body = body_of()
    form = {"csrf_token": token(client, f"{PAGE}send"), "body": body.decode()}
    form |= {"endpoint": "hooks", "tenant": "acme"}
    sent = client.post(f"{PAGE}send", data=form)
    assert 'Answered 200 {"status": "accepted"}' in words(sent)
    link = f"{PAGE}events/{id_of(body)}?endpoint=hooks&tenant=acme"
    assert link in links(sent.text)
    assert 'name="tenant" value="acme"' in sent.text, "for the next one"
    (stored,) = runtime_of(app).inbox.list()
    assert stored.identity == Identity(id_of(body), "hooks", "acme")


@pytest.mark.parametrize(
    ("endpoint", "tenant", "said"),
    [
        ("hooks", "", "say which tenant"),
        ("hooks", "gamma", "There is no such tenant."),
        ("ycloud", "acme", "takes no tenant"),
    ],
)
def test_a_sample_that_cannot_be_sent(
    app: Flask, client: FlaskClient, endpoint: str, tenant: str, said: str
) -> None:
    form = {"csrf_token": token(client, f"{PAGE}send"), "body": "{}"}
    form |= {"endpoint": endpoint, "tenant": tenant}
    assert said in words(client.post(f"{PAGE}send", data=form))
    assert runtime_of(app).inbox.list() == []


def test_the_header_links_to_the_event_of_a_slow_handler(
    app: Flask, client: FlaskClient, body: bytes
) -> None:
    slow = RunningHandler("app:slow", id_of(body), 61, "hooks", "acme")
    stats = Stats(0, 1, 0, None, {}, running_handlers=(slow,))
    runtime_of(app).inbox.stats = lambda: stats  # type: ignore[method-assign]
    page = client.get(f"{PAGE}activity").text
    assert links(page) == [f"{PAGE}events/{id_of(body)}?endpoint=hooks&tenant=acme"]
    assert ">app:slow</a> has been running for 1 min." in page


# Conflicts.


@pytest.fixture
def conflict(app: Flask) -> tuple[bytes, bytes]:
    """An event of a tenant, and the other body that came under its id."""
    body = body_of()
    other = body + b" "
    for each in (body, other, other):
        deliver_to(app, "acme", each)
    return body, other


def test_both_events_of_a_conflict_link_to_each_other(
    client: FlaskClient, conflict: tuple[bytes, bytes]
) -> None:
    body, other = conflict
    query = "?endpoint=hooks&tenant=acme"
    of_first, of_other = (
        f"{PAGE}events/{each}{query}" for each in (id_of(body), body_id(other))
    )
    page = client.get(of_first)
    assert f"Conflict another body arrived with this id: {body_id(other)}" in words(page)
    assert links(page.text) == [of_other]
    page = client.get(of_other)
    text = words(page)
    assert f"it arrived with the id of {id_of(body)} , but with another body" in text
    assert links(page.text) == [of_first]
    assert "delivered 3 times unhandled conflict" in words(client.get(PAGE))


def test_a_dead_letter_without_an_event_is_no_conflict(
    app: Flask, client: FlaskClient, conflict: tuple[bytes, bytes]
) -> None:
    """Its event was pruned, or it is another one."""
    body, other = conflict
    runtime_of(app).inbox.accept(
        "sha256:1", body, endpoint="hooks", tenant="acme", event_type=TYPE, dead="x"
    )
    runtime_of(app).inbox.accept(
        "sha256:2", other, endpoint="ycloud", event_type=TYPE, dead="x"
    )
    for event_id in ("sha256:1", "sha256:2"):
        assert "Conflict" not in words(client.get(f"{PAGE}events/{event_id}"))


def test_activity_tells_conflicts_from_rejections(
    app: Flask, client: FlaskClient, conflict: tuple[bytes, bytes]
) -> None:
    client.post(PATH, data=b"{}")
    runtime_of(app).rejections.write()
    text = words(client.get(f"{PAGE}activity"))
    rejected, conflicts = text.split("Conflicts in the last day")
    assert rejected.endswith("ycloud no signature header 1 ")
    assert conflicts.endswith("hooks 2")


def test_activity_tells_what_is_answered_503(make_app: MakeApp) -> None:
    def lookup(*whose: Any) -> str:
        raise OSError

    app = make_app(hooks(lookup), TESTING=False, YCLOUD_DISPATCH="inline")
    client = inspected(app)
    assert deliver(app, body_of(), path="/hooks/acme/webhook").status_code == 503
    runtime_of(app).rejections.write()
    text = words(client.get(f"{PAGE}activity"))
    assert "hooks secret unavailable (503: YCloud sends it again) 1" in text
    assert "Conflicts" not in text
