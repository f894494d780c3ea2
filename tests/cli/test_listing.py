"""What the commands list and show: for people, and for scripts."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import Event, Retry, on_event, verify
from flask_ycloud.cli import listing
from flask_ycloud.inbox import Inbox
from flask_ycloud.protocol import body_id, sign
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import SECRET, body_of, call, deliver, id_of

TYPE = "sms.message.updated"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """An app whose handler fails for good."""

    @on_event(TYPE, name="app:crm")
    def fail(event: Event[Any]) -> None:
        raise ValueError("+447901614024")

    return make_app(TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[])


def test_dead_letters_show_their_handler_and_reason(app: Flask) -> None:
    deliver(app, body_of())
    deliver(app, b"hello")
    lines = call(app, "list", "--state", "dead").output.splitlines()
    assert lines[0].split()[-2:] == ["HANDLER", "REASON"]
    assert lines[1].endswith("  the body is not JSON")
    assert "  app:crm  ValueError at " in lines[2]
    assert "+447901614024" not in lines[2]


@pytest.mark.parametrize("about", ["+44 (0) 7901-614024", "00447901614024"])
def test_lists_of_a_person(app: Flask, about: str) -> None:
    """Every command takes the same filter."""
    body, other = body_of(), body_of(sms={"id": "2", "to": "+447901614025"})
    deliver(app, body)
    deliver(app, other)
    listed = call(app, "list", "--ids", "--about", about)
    assert listed.output.splitlines() == [id_of(body)]
    (_, cause, *_) = call(app, "dead", "--about", about).output.splitlines()
    assert cause.split()[1] == "1"
    assert call(app, "delete", "--about", about, "--yes").exit_code == 0
    assert call(app, "list", "--ids", "--about", about).stdout == ""
    assert call(app, "list", "--ids").output.splitlines() == [id_of(other)]


def test_nobody_cannot_be_searched(app: Flask) -> None:
    found = call(app, "list", "--about", " + ")
    assert found.exit_code == 2
    assert "about is empty: give a telephone number" in found.output


def test_there_is_more(app: Flask) -> None:
    for _ in range(3):
        deliver(app, body_of())
    result = call(app, "list", "-n", "2")
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == "There are more: --before 2, or a larger -n.\n"
    rest = call(app, "list", "-n", "2", "--before", "2")
    assert (len(rest.stdout.splitlines()), rest.stderr) == (2, "")


def test_lists_for_scripts(app: Flask) -> None:
    bodies = [body_of(), body_of("contact.created")]
    for body in bodies:
        deliver(app, body)
    ids = call(app, "list", "--ids").stdout.splitlines()
    assert ids == [id_of(body) for body in reversed(bodies)]
    found = json.loads(call(app, "list", "--json").stdout)
    assert [each["id"] for each in found] == ids
    assert (found[1]["state"], found[1]["handler"]) == ("dead", "app:crm")
    assert found[0]["unhandled"] is True
    assert "body" not in found[0]
    assert "+447901614024" not in json.dumps(found)
    assert json.loads(call(app, "list", "--state", "running", "--json").stdout) == []


def test_a_body_can_be_piped(app: Flask) -> None:
    body = b"\xff\xfe\r\n\x00"
    deliver(app, body)
    shown = app.test_cli_runner().invoke(args=["ycloud", "show", body_id(body), "--body"])
    assert shown.stdout_bytes == body
    signed = sign(shown.stdout_bytes, SECRET)
    assert verify(body, signed, [SECRET])


def test_an_event_is_shown_run_by_run(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_RETRY_DELAYS=[60, 60])

    @on_event(TYPE, name="app:crm")
    def handle(event: Event[Any]) -> None:
        if event.attempt == 1:
            raise ValueError("+447901614024")
        raise Retry(after=600)

    body = body_of()
    deliver(app, body)
    inbox = runtime_of(app).inbox
    call(app, "worker", "--once")
    shown = call(app, "show", id_of(body)).output
    assert "waits        attempt 2 of 3 in 1 min\n" in shown
    assert "attempt 2 of 3 in 1 min" in call(app, "list").output
    now = inbox.clock
    inbox.clock = lambda: now() + 120
    call(app, "worker", "--once")
    shown = call(app, "show", id_of(body)).output
    assert "RUN OF" in shown
    runs = [line for line in shown.splitlines() if line.startswith("app:crm")][1:]
    assert [("ValueError" in run, "Retry" in run) for run in runs] == [
        (True, False), (False, True),
    ]  # fmt: skip
    assert "+447901614024" not in shown
    plain = json.loads(call(app, "show", id_of(body), "--json").output)
    assert [each["number"] for each in plain["attempts"]] == [1, 2]
    assert plain["handlers"][0]["attempts"] == 2
    assert "body" not in plain
    whole = json.loads(call(app, "show", id_of(body), "--json", "--payload").output)
    assert whole["body"] == body.decode()


def test_what_an_event_waits_for(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    inbox = runtime_of(app).inbox
    first, second = (body_of("whatsapp.inbound_message.received") for _ in range(2))
    for body in (first, second):
        deliver(app, body)

    def waits(event_id: str) -> str:
        lines = call(app, "show", event_id).output.splitlines()
        return next((line[13:] for line in lines if line.startswith("waits")), "")

    assert waits(id_of(first)) == "for a worker"
    assert waits(id_of(second)) == f"behind {id_of(first)}"
    rows = call(app, "list").output.splitlines()
    assert rows[1].endswith("behind another event of its conversation")
    call(app, "pause")
    assert waits(id_of(first)) == "its endpoint or type is paused"
    call(app, "resume")
    inbox.discard(id_of(first), "over")
    assert waits(id_of(first)) == ""
    inbox.replay(id_of(first))
    assert waits(id_of(first)) == "due now"
    claim = inbox.claim()
    assert claim is not None
    assert waits(claim.id) == ""


def test_a_retry_of_a_handler_that_is_not_here(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_RETRY_DELAYS=[60])

    @on_event(TYPE, name="app:crm", retry_delays=[60, 60, 60])
    def fail(event: Event[Any]) -> None:
        raise ValueError

    body = body_of()
    deliver(app, body)
    call(app, "worker", "--once")
    assert "attempt 2 of 4 in 1 min" in call(app, "show", id_of(body)).output
    from flask_ycloud.handlers import everywhere

    everywhere.signals.disconnect(everywhere._by_name["app:crm"])
    assert "attempt 2 in 1 min" in call(app, "show", id_of(body)).output


def test_dead_letters_by_cause(app: Flask) -> None:
    assert call(app, "dead").output == "No dead letters.\n"
    for body in (body_of(), body_of(), b"hello"):
        deliver(app, body)
    first, second = call(app, "dead").output.splitlines()[1:]
    assert first.split()[1] == "2"
    assert "  app:crm           ValueError at " in first
    assert "  (not understood)  the body is not JSON" in second
    ids = call(app, "dead", "--ids").stdout.split()
    assert ids == [first.split()[0], second.split()[0]]
    found = json.loads(call(app, "dead", "--json", "--type", "sms.*").stdout)
    (cause,) = found
    assert (cause["kind"], cause["handler"], cause["count"]) == ("handler", "app:crm", 2)
    assert (cause["example"]["endpoint"], cause["example"]["tenant"]) == ("ycloud", None)
    (newest, *_) = json.loads(call(app, "list", "--json").stdout)
    assert newest["tenant"] is None, "as it is of a cause"
    listed = call(app, "list", "--cause", cause["id"], "--ids").stdout.split()
    assert len(listed) == 2
    assert call(app, "dead", "--state", "done").exit_code == 2
    assert call(app, "dead", "--state", "dead").exit_code == 0


def test_dead_letters_that_two_handlers_failed(app: Flask) -> None:
    @on_event(TYPE, name="app:mail")
    def fail(event: Event[Any]) -> None:
        raise KeyError

    for body in (body_of(), body_of()):
        deliver(app, body)
    lines = call(app, "dead", "--handler", "app:mail").output.splitlines()
    assert (lines[1].split()[1], "  app:crm  ValueError at " in lines[1]) == ("2", True)
    cause = lines[1].split()[0]
    assert lines[2:] == [
        "",
        f"Events of {cause} that other handlers failed too: app:mail (2).",
        "A replay runs all of their failed handlers; a discard ends the whole event.",
    ]
    (found,) = json.loads(call(app, "dead", "--json").output)
    assert found["also_failed"] == {"app:mail": 2}


@pytest.mark.parametrize("how", [[], ["--json"], ["--ids"]])
def test_following(app: Flask, monkeypatch: pytest.MonkeyPatch, how: list[str]) -> None:
    bodies = [body_of("contact.created") for _ in range(6)]
    for body in bodies[:3]:
        deliver(app, body)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        """More arrive while it waits; then somebody presses Ctrl-C."""
        waits.append(seconds)
        if len(waits) > 2:
            raise KeyboardInterrupt
        for body in bodies[3:5] if len(waits) == 1 else bodies[5:]:
            deliver(app, body)

    monkeypatch.setattr("flask_ycloud.cli.listing.time.sleep", wait)
    monkeypatch.setattr(listing, "_LOOKED_AT_AGAIN", 2)
    result = call(app, "list", "--follow", "-n", "1", *how)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    expected = [id_of(body) for body in bodies[2:]]
    assert [next(each for each in expected if each in line) for line in lines] == expected


def test_statistics(app: Flask) -> None:
    on_event("contact.created", name="app:contacts")(lambda event: None)
    for body in (body_of(), body_of("contact.created"), body_of("voice.message.updated")):
        deliver(app, body)
    inbox: Inbox = runtime_of(app).inbox
    call(app, "discard", "--state", "dead", "--reason", "over", "--yes")
    call(app, "pause", "--handler", "app:crm")
    shown = call(app, "stats").output
    lines = shown.splitlines()
    assert lines[0] == "0 pending, 0 running, 0 dead, 1 unhandled, 1 discarded."
    assert lines[1].startswith("Paused for 0 s: handler app:crm.")
    assert lines[2] == "Last hour: 3 arrived, 2 done."
    assert [line.split() for line in lines[5:]] == [
        ["RUNS", "OF", "SUCCEEDED", "FAILED", "DISCARDED"],
        ["app:contacts", "1", "0", "0"],
        ["app:crm", "0", "1", "0"],
    ]
    plain = json.loads(call(app, "stats", "--json").output)
    assert plain["pauses"][0]["kind"] == "handler"
    assert plain["last_hour"]["by_handler"]["app:crm"] == {"failed": 1}
    now = inbox.clock
    inbox.clock = lambda: now() + timedelta(hours=2).total_seconds()
    assert "Last hour: 0 arrived, 0 done." in call(app, "stats").output
