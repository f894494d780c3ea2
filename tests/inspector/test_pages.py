"""The inspector's pages: the list, and one event."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import Discard, Stats, on_event
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from .support import PAGE, TYPE, fail, inspected, words

# Lists.


def test_the_list(app: Flask, client: FlaskClient) -> None:
    assert "Nothing has arrived yet. Send a sample from here." in words(client.get(PAGE))
    bodies = [body_of(), body_of("contact.created"), b"hello"]
    for body in bodies:
        deliver(app, body)
    deliver(app, bodies[0])
    text = words(client.get(PAGE))
    assert text.index("sha256:") < text.index(id_of(bodies[0]))
    odd = "sha256:2cf24dba5fb… not understood dead the body is not JSON"
    assert re.search(rf"{odd} \d+ s ago ycloud", text)
    assert f"{id_of(bodies[0])} {TYPE} delivered · +" in text
    assert re.search(r"done delivered 2 times unhandled \d+ s ago", text)
    assert "1 dead" in client.get(PAGE).text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?state=dead", 1),
        ("?state=done", 2),
        (f"?type={TYPE}", 1),
        ("?endpoint=eu", 0),
        ("?since=2026-01-01T00:00&until=2126-01-01T00:00", 3),
        ("?since=2126-01-01T00:00", 0),
        ("?before=2", 1),
        ("?state=nonsense&before=x&since=y&type=", 3),
        (f"?before={2**70}", 3),
    ],
)
def test_filters(app: Flask, client: FlaskClient, query: str, count: int) -> None:
    for body in (body_of(), body_of("contact.created"), b"hello"):
        deliver(app, body)
    assert client.get(PAGE + query).text.count('<a id="event-') == count
    assert client.get(f"{PAGE}rows{query}").text.count('<a id="event-') == count


def test_pages(app: Flask, client: FlaskClient) -> None:
    for _ in range(60):
        deliver(app, body_of())
    first = client.get(PAGE).text
    assert first.count('<a id="event-') == 50
    assert 'hx-trigger="every 2s"' in first
    older = re.search(r'rel="next" href="([^"]*)"', first)
    assert older is not None
    second = client.get(older[1]).text
    assert second.count('<a id="event-') == 10
    assert "every 2s" not in second, "only the first page is live"
    assert ">Newest<" in second
    assert 'rel="next"' not in second


def test_live_rows_count_nothing(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are asked for every other second, and show no counts."""
    counted: list[str] = []
    inbox, real = runtime_of(app).inbox, runtime_of(app).inbox.stats

    def stats() -> Stats:
        counted.append("stats")
        return real()

    monkeypatch.setattr(inbox, "stats", stats)
    assert client.get(f"{PAGE}rows").status_code == 200
    assert counted == []
    client.get(PAGE)
    assert counted == ["stats"]


def test_an_id_leads_to_its_event(app: Flask, client: FlaskClient) -> None:
    body = body_of()
    deliver(app, body)
    response = client.get(f"{PAGE}?id={id_of(body)}")
    assert response.location == f"{PAGE}events/{id_of(body)}"
    assert "The inbox has no event evt_9." in words(client.get(f"{PAGE}?id=evt_9"))


# One event.


def test_an_event(app: Flask, client: FlaskClient) -> None:
    on_event(TYPE, name="bad")(fail)
    on_event(TYPE, name="good")(lambda event: None)

    @on_event(TYPE, name="drops")
    def drop(event: object) -> None:
        raise Discard("not ours")

    body = body_of()
    deliver(app, body)
    deliver(app, body)
    text = words(client.get(f"{PAGE}events/{id_of(body)}"))
    for part in (
        f"Type {TYPE} State dead : bad: ValueError at ",
        "UTC signed (by the sender's clock)",
        "UTC received and stored",
        "bad failed at attempt 1, after ",
        "ms ValueError at ",
        "good succeeded at attempt 1",
        "drops discarded at attempt 1",
        "redelivered; not handled again",
        "UTC a dead letter",
        "bad failed 1 of 1 ValueError at",
        f"As it arrived, {len(body)} bytes",
    ):
        assert part in text, part
    assert "+447901614024" in text, "the payload is shown"
    assert client.get(f"{PAGE}events/evt_9").status_code == 404


def test_an_event_whose_body_is_gone(app: Flask, client: FlaskClient) -> None:
    inbox = runtime_of(app).inbox
    inbox.accept("evt_1", b"", endpoint="ycloud", event_type=TYPE, dead="x")
    text = words(client.get(f"{PAGE}events/evt_1"))
    assert "As it arrived, 0 bytes" in text
    assert "Conflict" not in text


def test_an_event_that_waits(make_app: MakeApp) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline")
    client = inspected(app)
    on_event(TYPE, name="bad")(fail)
    body = body_of()
    deliver(app, body)
    text = words(client.get(f"{PAGE}events/{id_of(body)}"))
    assert "State pending Waits attempt 2 of 8 in 1" in text
    runtime_of(app).inbox.replay(id_of(body))


def test_bytes_that_are_no_text(app: Flask, client: FlaskClient) -> None:
    body = b"\xff<script>alert(1)</script>"
    deliver(app, body)
    page = client.get(f"{PAGE}events/{body_id(body)}")
    assert "<script>alert" not in page.text
    assert "\\xff<script>alert(1)</script>" in words(page)
    assert "<details open>" in page.text


def test_every_value_is_escaped(app: Flask, client: FlaskClient) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}'
    body = body_of(id=f"evt_{evil}", type=evil, sms={"text": evil})
    on_event("*", name=evil)(fail)
    assert deliver(app, body).status_code == 200
    event_id = json.loads(body)["id"]
    for response in (
        client.get(PAGE),
        client.get(f"{PAGE}?type={evil}&id={evil}&endpoint={evil}"),
        client.get(f"{PAGE}events/{event_id}"),
        client.get(f"{PAGE}?replayed={evil}&left={evil}"),
        client.get(f"{PAGE}send?endpoint={evil}&variant={evil}"),
    ):
        assert response.status_code == 200
        assert "<script>alert" not in response.text
        assert "<img" not in response.text
        assert " onerror=alert(1)>" not in response.text.replace("&gt;", "")
    assert "{{ 7 * 7 }}" in words(client.get(f"{PAGE}events/{event_id}"))


def test_while_the_inbox_is_away(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INBOX_URL="postgresql+psycopg://x@127.0.0.1:9/x")
    response = inspected(app).get(PAGE)
    assert response.status_code == 503
    assert "The inbox cannot be read now" in response.text
    assert "pending" not in response.text
