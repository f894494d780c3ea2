"""Events that no handler was subscribed to: done, marked, seen, and replayed as a group."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import current_inbox, event_done, on_event
from flask_ycloud.dispatch import announcements
from flask_ycloud.inbox import Inbox
from flask_ycloud.inbox.changes import Changed
from flask_ycloud.inspector import inspector_bp
from flask_ycloud.metrics import Backlog
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver, id_of, listening
from .support import TYPE

OTHER = "contact.created"


@pytest.fixture
def app(make_app: MakeApp, inbox_url: str, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(announcements, "_warned", set())
    app = make_app(YCLOUD_INBOX_URL=inbox_url, YCLOUD_DISPATCH="inline", TESTING=False)
    app.register_blueprint(inspector_bp, access=lambda: True)
    return app


@pytest.fixture
def unhandled(app: Flask) -> list[str]:
    """The ids of three such events, the last of another type; and one that was handled."""
    on_event("sms.inbound.received", name="inbound")(lambda event: None)
    bodies = [body_of(TYPE), body_of(TYPE), body_of(OTHER), body_of("sms.inbound.received")]
    for body in bodies:
        deliver(app, body)
    return [id_of(body) for body in bodies[:3]]


def test_it_is_done_and_marked(app: Flask, unhandled: list[str]) -> None:
    inbox: Inbox = runtime_of(app).inbox
    event = inbox.get(unhandled[0])
    assert event is not None
    assert (event.state, event.unhandled, event.handlers) == ("done", True, ())
    assert inbox.stats().unhandled == 3
    assert [each.id for each in inbox.list(unhandled=True)] == unhandled[::-1]
    assert len(inbox.list(unhandled=False)) == 1
    assert [each.id for each in inbox.list(unhandled=True, type=OTHER)] == unhandled[2:]


def test_the_commands_show_it(app: Flask, unhandled: list[str]) -> None:
    listed = call(app, "list", "--unhandled").output
    assert all(each in listed for each in unhandled)
    assert listed.count("done (unhandled)") == 3
    assert "done (unhandled)" in call(app, "show", unhandled[0]).output
    assert "0 dead, 3 unhandled." in call(app, "stats").output
    assert json.loads(call(app, "stats", "--json").output)["unhandled"] == 3
    result = call(app, "doctor").output
    assert "events of " in result
    assert "done without any handler." in result
    assert "flask ycloud replay --unhandled --endpoint ycloud --type" in result


def test_the_pages_and_metrics_show_it(app: Flask, unhandled: list[str]) -> None:
    client = app.test_client()
    page = client.get("/ycloud/inspector/?state=unhandled").text
    assert all(each in page for each in unhandled)
    assert page.count('<span class="again">unhandled</span>') == 3
    assert "3 unhandled</a>" in page
    assert 'aria-current="true">unhandled</a>' in page
    every = client.get("/ycloud/inspector/").text
    assert every.count('<td class="id">') == page.count('<td class="id">') + 1
    assert (
        "no handler was subscribed"
        in client.get(f"/ycloud/inspector/events/{unhandled[0]}").text
    )
    gauges = {family.name: family for family in Backlog(app).collect()}
    (gauge,) = gauges["ycloud_inbox_unhandled_events"].samples
    assert gauge.value == 3


def test_the_log_warns_once_for_each_type(
    app: Flask, unhandled: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    messages = [record.getMessage() for record in caplog.get_records("setup")]
    lines = [text for text in messages if "No handler is subscribed to" in text]
    assert len(lines) == 2
    assert TYPE in lines[0]
    assert OTHER in lines[1]


def test_a_listener_is_told(app: Flask) -> None:
    on_event(OTHER, name="one")(lambda event: None)
    with listening(event_done) as heard:
        deliver(app, body_of(TYPE))
        deliver(app, body_of(OTHER))
    assert [details.get("unhandled") for _, details in heard] == [True, None]


def test_the_group_is_replayed_once_the_handler_is_there(
    app: Flask, unhandled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_ycloud.inbox.selected.AT_ONCE", 2)
    seen: list[str] = []
    on_event("*", name="late")(lambda event: seen.append(event.id))
    result = call(app, "replay", "--unhandled", "--type", TYPE, "--yes")
    assert result.output == "2 events are queued for replay.\n"
    call(app, "worker", "--once")
    assert sorted(seen) == sorted(unhandled[:2])
    with app.app_context():
        assert current_inbox.replay_unhandled(endpoint="elsewhere") == 0
        assert current_inbox.replay_unhandled() == 1
    call(app, "worker", "--once")
    assert sorted(seen) == sorted(unhandled)
    assert runtime_of(app).inbox.stats().unhandled == 0


def test_what_is_handled_just_now_is_not_replayed(
    app: Flask, unhandled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inbox, "change", lambda *_: Changed())
    assert runtime_of(app).inbox.replay_unhandled() == 0


@pytest.mark.parametrize("arguments", [[], ["evt_1", "--unhandled"]])
def test_a_replay_is_of_ids_or_of_the_group(app: Flask, arguments: list[str]) -> None:
    result = call(app, "replay", *arguments)
    assert result.exit_code == 2
    assert ("or select some" if not arguments else "Give ids or a") in result.output


def test_an_event_whose_handler_is_gone_is_not_unhandled(app: Flask) -> None:
    """It was handled, as the inbox knows."""
    runs: list[Any] = []
    on_event(TYPE, name="one")(runs.append)
    body = body_of(TYPE)
    deliver(app, body)
    from flask_ycloud.handlers import everywhere

    everywhere.signals.disconnect(everywhere._by_name["one"])
    runtime_of(app).inbox.replay(id_of(body))
    event = runtime_of(app).inbox.get(id_of(body))
    assert event is not None
    assert (event.state, event.unhandled, len(runs)) == ("done", False, 1)
