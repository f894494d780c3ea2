"""The inspector's pages, by HTTP."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf import CSRFProtect
from werkzeug.test import TestResponse

from flask_ycloud import Discard, Stats, WebhookBlueprint, on_event, ycloud_bp
from flask_ycloud.inbox import Minute
from flask_ycloud.inspector import InspectorBlueprint, actions, charts
from flask_ycloud.inspector.masking import masked
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import PATH, SECRET, body_of, deliver, id_of

PAGE = "/ycloud/inspector/"
TYPE = "sms.message.updated"


def inspected(app: Flask) -> FlaskClient:
    app.register_blueprint(InspectorBlueprint(access=lambda: True))
    return app.test_client()


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[])


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return inspected(app)


def words(response: TestResponse) -> str:
    """What a page says, without its tags."""
    assert response.status_code == 200, response.text
    main = response.text.partition("<main")[2].partition(">")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())


def token(client: FlaskClient, page: str) -> str:
    found = re.search(r'name="csrf_token" value="([\w-]+)"', client.get(page).text)
    assert found is not None
    return found[1]


def fail(event: Any) -> None:
    raise ValueError("+447901614024")


# Lists.


def test_the_list(app: Flask, client: FlaskClient) -> None:
    assert "No events." in words(client.get(PAGE))
    bodies = [body_of(), body_of("contact.created"), b"hello"]
    for body in bodies:
        deliver(app, body)
    deliver(app, bodies[0])
    text = words(client.get(PAGE))
    assert text.index(body_id(b"hello")) < text.index(id_of(bodies[0]))
    assert "not understood dead 0 s ago ycloud" in text
    assert f"{id_of(bodies[0])} {TYPE} done came 2 times" in text
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
    assert "hx-trigger" not in second, "only the first page is live"
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
        "UTC signed by YCloud, by its clock",
        "UTC received and stored",
        "bad failed at attempt 1, after ",
        "ms ValueError at ",
        "good succeeded at attempt 1",
        "drops discarded at attempt 1",
        "came again; not handled again",
        "UTC a dead letter",
        "bad failed 1 ValueError",
        f"As it arrived, {len(body)} bytes",
    ):
        assert part in text, part
    assert "+447901614024" in text, "the payload is shown"
    assert client.get(f"{PAGE}events/evt_9").status_code == 404


def test_an_event_that_waits(make_app: MakeApp) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline")
    client = inspected(app)
    on_event(TYPE, name="bad")(fail)
    body = body_of()
    deliver(app, body)
    text = words(client.get(f"{PAGE}events/{id_of(body)}"))
    assert "State pending Endpoint ycloud Next look 20" in text
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


def test_masking(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INSPECTOR_MASKS=True)
    client = inspected(app)
    body = body_of()
    deliver(app, body)
    deliver(app, b"hello +447901614024")
    page = client.get(f"{PAGE}events/{id_of(body)}").text
    sms = json.loads(body)["sms"]
    for name in ("to", "text", "id"):
        assert sms[name] not in html.unescape(page)
    assert '"status": "delivered"' in html.unescape(page)
    assert "Personal data is masked" in page
    dead = client.get(f"{PAGE}events/{body_id(b'hello +447901614024')}").text
    assert "447901614024" not in dead


def test_what_is_masked() -> None:
    assert masked({"status": "sent", "a": [1, None, True, {"type": ["x"]}]}) == {
        "status": "sent",
        "a": ["•••", None, True, {"type": ["•••"]}],
    }


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
    form = {"csrf_token": token(client, page), "id": id_of(body)}
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
    assert "Replay 3 events?" in words(
        client.post(f"{PAGE}replay", data={**form, "id": some})
    )
    told = client.post(
        f"{PAGE}replay", data={**form, "id": some, "sure": "1"}, follow_redirects=True
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


def test_very_many_dead_letters(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_AT_ONCE", 5)
    inbox = runtime_of(app).inbox
    for number in range(11):
        inbox.accept(f"evt_{number}", b"{}", endpoint="y", event_type=None, dead="x")
    form = {"csrf_token": token(client, f"{PAGE}?state=dead"), "all": "1", "sure": "1"}
    client.post(f"{PAGE}replay", data=form)
    assert len(list(actions.dead_ids(inbox))) == 11, "they are still not understood"


def test_replays_of_a_bounded_number(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_MOST_REPLAYED", 0)
    deliver(app, b"hello")
    assert list(actions.dead_ids(runtime_of(app).inbox)) == []


# Forms.


def test_posts_need_a_token(app: Flask, client: FlaskClient) -> None:
    deliver(app, b"hello")
    event_id = body_id(b"hello")
    form = {"id": event_id, "sure": "1"}
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


def test_the_headers_are_strict(client: FlaskClient) -> None:
    for page in (PAGE, f"{PAGE}events/evt_9", f"{PAGE}static/style.css"):
        with client.get(page) as response:
            policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(PAGE).headers["Cache-Control"] == "no-store"
    with client.get(f"{PAGE}static/htmx.min.js") as script:
        assert script.status_code == 200
    text = client.get(PAGE).text
    assert "style=" not in text
    assert "//" not in re.sub(r"<!doctype[^>]*>", "", text).replace("data:,", "")


# Samples.


def test_sending_a_sample(make_app: MakeApp) -> None:
    app = make_app(
        ycloud_bp, WebhookBlueprint("eu", secret_key="EU"), EU="2", TESTING=False,
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
    assert f"{PAGE}events/{id_of(body)}" in sent.text
    (stored,) = runtime_of(app).inbox.list()
    assert (stored.endpoint, stored.id) == ("eu", id_of(body))
    again = client.post(f"{PAGE}send", data={**form, "body": body.decode()})
    assert '{"status": "duplicate"}' in words(again)
    broken = client.post(f"{PAGE}send", data={**form, "body": "hello"})
    assert "Answered 200" in words(broken)
    assert client.get(f"{PAGE}send?type=no.such.type").status_code == 404
    assert SECRET not in sent.text


# Activity.


def test_activity(app: Flask, client: FlaskClient) -> None:
    assert "Rejected in the last day None." in words(client.get(f"{PAGE}activity"))
    on_event(TYPE, name="bad")(fail)
    on_event(TYPE, name="good")(lambda event: None)
    deliver(app, body_of())
    client.post(PATH, data=b"+447901614024")
    runtime_of(app).rejections.write()
    page = client.get(f"{PAGE}activity")
    text = words(page)
    assert "1 arrived" in text
    assert "1 succeeded" in text
    assert "1 failed" in text
    assert "ycloud missing 1" in text
    assert "447901614024" not in page.text, "of what was refused nothing is kept"


def test_charts() -> None:
    minutes = [Minute(0, 4, 1, 1, timed=2, total_seconds=1.0, longest=0.7), Minute(60)]
    bars = charts.bars(minutes, "succeeded", "failed")
    assert bars.top == 2
    assert [(b.x, b.y, b.height, b.kind) for b in bars.bars] == [
        (0, 10.0, 10.0, "succeeded"),
        (0, 0.0, 10.0, "failed"),
    ]
    assert bars.bars[0].title == "00:00 1 succeeded"
    lines = charts.lines(minutes, "mean_seconds")
    assert lines.top == 0.5
    assert lines.lines == [("mean_seconds", "0.5,0.00 0.5,0.00")]
    assert charts.lines([], "mean_seconds").lines == [("mean_seconds", "")]


def test_while_the_inbox_is_away(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INBOX_URL="postgresql+psycopg://x@127.0.0.1:9/x")
    response = inspected(app).get(PAGE)
    assert response.status_code == 503
    assert "The inbox cannot be read now" in response.text
    assert "pending" not in response.text
