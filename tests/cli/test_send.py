"""``send``: signed samples, over real HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.serving import make_server

from flask_ycloud import (
    WebhookBlueprint,
    current_inbox,
    on_event,
    parse_event,
    verify,
    ycloud_bp,
)
from flask_ycloud.protocol import (
    ENDPOINT_ID_HEADER,
    Answer,
    Target,
    conversation_names,
)
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..processes import Site
from ..support import PATH, SECRET, call

TYPE = "sms.message.updated"
PAGE = "<!doctype html>\n<p>x"
INBOUND = "whatsapp.inbound_message.received"


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve an app over real HTTP, and give its URL."""
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def served(make_app: MakeApp) -> Iterator[tuple[Flask, str]]:
    """An app that serves over real HTTP."""
    app = make_app(ycloud_bp, WebhookBlueprint("eu", secret_key="EU"), EU="eu secret")
    with serving(app) as url:
        yield app, url


def test_sending_a_sample(served: tuple[Flask, str]) -> None:
    app, url = served
    result = call(app, "send", TYPE, "--url", f"{url}/ycloud/webhook")
    assert result.exit_code == 0
    event_id, event_type, _, status, answer = result.output.split(maxsplit=4)
    assert (event_type, status, answer) == (TYPE, "200", '{"status": "accepted"}\n')
    assert runtime_of(app).inbox.get(event_id) is not None


def test_sending_a_variant(served: tuple[Flask, str]) -> None:
    app, url = served
    event_type = "whatsapp.inbound_message.received"
    target = f"{url}/ycloud/webhook"
    result = call(app, "send", event_type, "--variant", "image", "--url", target)
    assert result.exit_code == 0
    assert b'"type": "image"' in runtime_of(app).inbox.list()[0].body


def test_sending_to_another_endpoint(served: tuple[Flask, str]) -> None:
    app, url = served
    result = call(app, "send", TYPE, "--endpoint", "eu", "--url", f"{url}/eu/webhook")
    assert result.exit_code == 0
    assert runtime_of(app).inbox.list()[0].endpoint == "eu"


@pytest.mark.parametrize("more", [(), ("--count", "2")])
def test_the_id_of_the_endpoint_is_sent(
    served: tuple[Flask, str], more: tuple[str, ...]
) -> None:
    app, url = served
    seen: list[str | None] = []

    @app.before_request
    def look() -> None:
        seen.append(request.headers.get(ENDPOINT_ID_HEADER))

    options = ("--url", url + PATH, *more)
    assert call(app, "send", TYPE, *options).exit_code == 0
    assert call(app, "send", TYPE, "--endpoint-id", "wh1", *options).exit_code == 0
    usual, mine = sorted(set(map(str, seen)), key=len, reverse=True)
    assert re.fullmatch(r"wh[0-9a-f]{24}", usual)
    assert mine == "wh1"


def test_sending_is_refused(served: tuple[Flask, str]) -> None:
    app, url = served
    result = call(app, "send", TYPE, "--endpoint", "eu", "--url", f"{url}/ycloud/webhook")
    assert result.exit_code == 1
    assert "→ 401" in result.output


def test_sending_finds_the_path_by_itself(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def post(target: Target, body: bytes) -> Answer:
        sent.append(target.url)
        return Answer(200, "", 0)

    monkeypatch.setattr("flask_ycloud.cli.send.post", post)
    app = make_app(WebhookBlueprint("hooks", url_prefix="/in"), SERVER_NAME="example.org")
    assert call(app, "send", TYPE).exit_code == 0
    assert sent == ["http://127.0.0.1:5000/in/webhook"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["sms.mesage.updated"], "did you mean 'sms.message.updated'"),
        ([TYPE, "--variant", "x"], "has these variants: none"),
        ([TYPE, "--url", "file:///etc/passwd"], "is not an http:// or https:// URL"),
    ],
)
def test_what_cannot_be_sent(app: Flask, args: list[str], message: str) -> None:
    result = call(app, "send", *args)
    assert result.exit_code == 2
    assert message in result.output


def test_an_unknown_endpoint(app: Flask) -> None:
    result = call(app, "send", TYPE, "--endpoint", "us")
    assert result.exit_code == 1
    assert result.output == "Error: No endpoint 'us'; there is ycloud.\n"


def test_nobody_answers(app: Flask) -> None:
    result = call(app, "send", TYPE, "--url", "http://127.0.0.1:9/")
    assert result.exit_code == 1
    assert "Connection refused. Is it running?" in result.output


# More than one.


@pytest.fixture
def gunicorn(make_app: MakeApp, site: Site) -> tuple[Flask, str]:
    """An app that can send, and the URL of a gunicorn that accepts it."""
    server = site.serve("--threads", "8")
    return make_app(), f"http://127.0.0.1:{server.port}{PATH}"


def test_sending_many_to_gunicorn(gunicorn: tuple[Flask, str], site: Site) -> None:
    app, url = gunicorn
    result = call(
        app, "send", TYPE, "--url", url, "--count", "200", "--duplicate-share", "0.25",
        "--shuffle", "--set", "status=failed",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert '     200  200 {"status": "accepted"}' in lines
    assert '      50  200 {"status": "duplicate"}' in lines
    assert "a second, in" in lines[-2]
    assert lines[-1].startswith("Milliseconds to the answer: p50 ")
    stored = site.inbox.list(limit=500)
    assert len(stored) == 200
    assert {json.loads(each.body)["sms"]["status"] for each in stored} == {"failed"}
    messages = {json.loads(each.body)["sms"]["id"] for each in stored}
    assert len(messages) == 200, "each is a conversation of its own"
    in_order = sorted(each.id for each in stored)
    assert [each.id for each in stored] != in_order[::-1]


@pytest.mark.parametrize(
    ("event_type", "more", "many"),
    [
        (TYPE, ("--set", "id=one"), 1),
        ("whatsapp.inbound_message.received", (), 5),
        ("whatsapp.inbound_message.received", ("--variant", "user_id_only"), 5),
        ("whatsapp.smb.history", ("--variant", "progress"), 0),
        ("whatsapp.flow.status_change", ("--variant", "older_envelope"), 5),
    ],
)
def test_each_of_many_is_a_conversation_of_its_own(
    served: tuple[Flask, str], event_type: str, more: tuple[str, ...], many: int
) -> None:
    """Unless the conversation is given."""
    app, url = served
    result = call(app, "send", event_type, "--url", url + PATH, "--count", "5", *more)
    assert result.exit_code == 0, result.output
    with app.app_context():
        stored = current_inbox.list()
    names = {conversation_names(parse_event(each.body)) for each in stored} - {()}
    assert (len(stored), len(names)) == (5, many)


def test_sending_at_a_rate(served: tuple[Flask, str]) -> None:
    app, url = served
    started = time.monotonic()
    result = call(app, "send", TYPE, "--url", url + PATH, "--count", "11", "--rate", "20")
    assert time.monotonic() - started >= 0.5
    assert result.exit_code == 0
    ids = [each.id for each in runtime_of(app).inbox.list()]
    assert ids == sorted(ids, reverse=True)


def test_some_are_refused(served: tuple[Flask, str]) -> None:
    app, url = served
    target = f"{url}/ycloud/webhook"
    result = call(app, "send", TYPE, "--endpoint", "eu", "--url", target, "--count", "2")
    assert result.exit_code == 1
    assert "       2  401 " in result.output


def test_nobody_answers_many(app: Flask) -> None:
    result = call(app, "send", TYPE, "--url", "http://127.0.0.1:9/", "--count", "40")
    assert result.exit_code == 1
    assert "      40  no answer" in result.output
    assert "Milliseconds" not in result.output


# With changes.


def sent(app: Flask, url: str, event_type: str, *options: str) -> dict[str, Any]:
    result = call(app, "send", event_type, "--url", url + PATH, *options)
    assert result.exit_code == 0, result.output
    event: dict[str, Any] = json.loads(runtime_of(app).inbox.list(limit=1)[0].body)
    return event


def test_changing_the_sample(served: tuple[Flask, str]) -> None:
    changes = {
        "text.body": "Hello=1",
        "from": "1234",
        "context.id": "wamid.1",
        "event.id": "evt_123456",
    }
    options = [part for path in changes for part in ("--set", f"{path}={changes[path]}")]
    event = sent(*served, INBOUND, *options)
    message = event["whatsappInboundMessage"]
    assert event["id"] == "evt_123456"
    assert message["text"] == {"body": "Hello=1"}
    assert message["from"] == "1234"
    assert message["context"] == {"id": "wamid.1"}


def test_values_that_are_no_text(served: tuple[Flask, str]) -> None:
    event = sent(*served, TYPE, "--set", "totalPrice=0.5", "--set", "errorCode=7")
    assert (event["sms"]["totalPrice"], event["sms"]["errorCode"]) == (0.5, 7)
    options = ("--variant", "contacts", "--set", "contacts.0.name.first_name=Ada")
    event = sent(*served, INBOUND, *options)
    assert event["whatsappInboundMessage"]["contacts"][0]["name"]["first_name"] == "Ada"
    event = sent(*served, INBOUND, "--variant", "contacts", "--set", "contacts.0={}")
    assert event["whatsappInboundMessage"]["contacts"] == [{}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("status", "--set takes PATH=VALUE; got 'status'."),
        ("stauts=failed", "has no 'stauts': did you mean 'status'?"),
        ("zzzzzz=failed", "has no 'zzzzzz'."),
        ("status.x=1", "The path 'status.x' leads nowhere in this event, at 'x'."),
        ("=1", "The path '' leads nowhere"),
        ("event.sms.status.x=1", "leads nowhere"),
        ("totalPrice=cheap", "'totalPrice' takes JSON, such as 0."),
    ],
)
def test_changes_that_cannot_be(app: Flask, change: str, message: str) -> None:
    result = call(app, "send", TYPE, "--set", change)
    assert result.exit_code == 2
    assert message in result.output


def test_a_field_inside_another_is_checked_too(app: Flask) -> None:
    result = call(app, "send", INBOUND, "--variant", "image", "--set", "image.nope=3")
    assert result.exit_code == 2
    assert "has no 'image.nope'" in result.output


# Where to, and from where.


def test_a_port(served: tuple[Flask, str]) -> None:
    app, url = served
    port = url.rpartition(":")[2]
    assert call(app, "send", TYPE, "--port", port).exit_code == 0
    result = call(app, "send", TYPE, "--port", port, "--url", url)
    assert result.exit_code == 2
    assert "Use --port or --url, not both." in result.output


def test_a_file(served: tuple[Flask, str], tmp_path: Path) -> None:
    app, url = served
    body = b'{ "id":"evt_mine",\n"type": "sms.message.updated", "apiVersion": "v2",'
    body += b'"createTime": "2025-01-01T00:00:00Z", "sms": {"id": "1"}}\n'
    file = tmp_path / "body.json"
    file.write_bytes(body)
    result = call(app, "send", "--file", str(file), "--url", url + PATH)
    assert result.output == f'evt_mine {TYPE} → 200 {{"status": "accepted"}}\n'
    stored = runtime_of(app).inbox.get("evt_mine")
    assert stored is not None
    assert stored.body == body


def test_standard_input_and_what_is_no_event(served: tuple[Flask, str]) -> None:
    app, url = served
    args = ["ycloud", "send", "--file", "-", "--url", url + PATH]
    result = app.test_cli_runner().invoke(args=args, input="no JSON")
    assert result.output.startswith("sha256:")
    assert "(not understood) → 200" in result.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "Name the event type, or the file to send"),
        ([TYPE, "--file", "-"], "Name the event type, or the file to send"),
        (["--file", "-", "--set", "a=1"], "--file takes no --variant and no --set."),
        (["--file", "-", "--variant", "a"], "--file takes no --variant and no --set."),
        (["--file", "-", "--count", "2"], "--print and --file are for one event"),
        ([TYPE, "--print", "--count", "2"], "--print and --file are for one event"),
        (["sms.*"], "'sms.*' is a pattern, and an event has one type."),
    ],
)
def test_what_does_not_fit_together(app: Flask, args: list[str], message: str) -> None:
    result = call(app, "send", *args)
    assert result.exit_code == 2
    assert message in result.output


# Without sending.


def test_the_printed_request_is_signed(app: Flask) -> None:
    shown = call(app, "send", TYPE, "--set", "text=It's", "--print").output
    head, _, rest = shown.partition("\n\n")
    lines = head.splitlines()
    assert lines[0] == f"POST http://127.0.0.1:5000{PATH}"
    headers = dict(line.split(": ", 1) for line in lines[1:])
    body = rest[: rest.index("\n\ncurl ")]
    assert json.loads(body)["sms"]["text"] == "It's"
    verify(body.encode(), headers["YCloud-Signature"], [SECRET])
    assert app.extensions["ycloud"].inbox.list() == []


def test_the_curl_command_sends_it(gunicorn: tuple[Flask, str], site: Site) -> None:
    app, url = gunicorn
    shown = call(app, "send", TYPE, "--set", "text=It's $HOME", "--url", url, "--print")
    command = shown.output[shown.output.index("curl ") :]
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert '{"status": "accepted"}' in done.stdout, done.stderr
    (stored,) = site.inbox.list()
    assert json.loads(stored.body)["sms"]["text"] == "It's $HOME"


def test_the_curl_command_of_a_file(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "a b.json"
    file.write_bytes(b"\xff")
    shown = call(app, "send", "--file", str(file), "--print").output
    assert "\n\n\\xff\n\n" in shown
    assert shown.endswith(f"--data-binary '@{file}'\n")


# What was answered.


def answer_with(app: Flask, status: int, text: str, **headers: str) -> None:
    @app.before_request
    def answer() -> tuple[str, int, dict[str, str]]:
        return text, status, headers


@pytest.mark.parametrize(
    ("status", "text", "headers", "shown"),
    [
        (404, PAGE, {}, "→ 404 An HTML page of 20 characters. Is the path right?"),
        (500, PAGE, {}, "→ 500 An HTML page of 20 characters.\n"),
        (302, "", {"Location": "https://a.example/"}, "→ 302 It redirects to https://a.ex"),
        (400, "a\x1b[31m\nb" + "c" * 400, {}, "→ 400 a\\x1b[31m bccc"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", [(), ("--count", "2")])
def test_answers_in_a_line(
    served: tuple[Flask, str],
    status: int,
    text: str,
    headers: dict[str, str],
    shown: str,
    more: tuple[str, ...],
) -> None:
    app, url = served
    answer_with(app, status, text, **headers)
    result = call(app, "send", TYPE, "--url", url + PATH, *more)
    assert result.exit_code == 1
    assert (shown.removeprefix("→ ") if more else shown) in result.output
    assert max(map(len, result.output.splitlines())) < 400


# What became of it.


def test_waiting_for_the_end(served: tuple[Flask, str]) -> None:
    app, url = served
    on_event(TYPE, name="track")(lambda event: None)
    result = call(app, "send", TYPE, "--url", url + PATH, "--wait")
    assert result.exit_code == 0, result.output
    _, end, head, row = result.output.splitlines()
    assert re.fullmatch(r"After \d\.\d s: done\.", end)
    assert head.split() == ["HANDLER", "STATE", "ATTEMPTS", "SECONDS", "ERROR"]
    assert row.split()[:3] == ["track", "succeeded", "1"]


def test_waiting_for_what_nobody_handles(served: tuple[Flask, str]) -> None:
    app, url = served
    result = call(app, "send", TYPE, "--url", url + PATH, "--wait")
    assert result.exit_code == 0
    assert "done, unhandled: no handler is subscribed to it." in result.output


@pytest.fixture
def retrying(site: Site, make_app: MakeApp) -> tuple[Flask, str]:
    """An app with the inbox of a gunicorn, whose handler takes its time."""
    server = site.serve("--threads", "4", WORK="0.3")
    app = make_app(YCLOUD_INBOX_URL=site.inbox_url, YCLOUD_DISPATCH="manual")
    return app, f"http://127.0.0.1:{server.port}{PATH}"


def test_waiting_for_another_process(retrying: tuple[Flask, str]) -> None:
    app, url = retrying
    result = call(app, "send", TYPE, "--url", url, "--wait")
    assert result.exit_code == 0, result.output
    assert "served_app:handle  succeeded" in result.output
    many = call(app, "send", TYPE, "--url", url, "--wait", "--count", "5")
    assert many.exit_code == 0, many.output
    assert "       5  done" in many.output
    soon = call(app, "send", TYPE, "--url", url, "--wait", "--wait-seconds", "0.1")
    assert soon.exit_code == 1
    assert re.search(r"After 0\.1 s: (pending|running)", soon.output)


def test_waiting_for_a_retry_that_is_too_far_ahead(make_app: MakeApp) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[600])

    @on_event(TYPE, name="fails")
    def fails(event: Any) -> None:
        raise RuntimeError

    with serving(app) as url:
        started = time.monotonic()
        result = call(app, "send", TYPE, "--url", url + PATH, "--wait")
    assert time.monotonic() - started < 20, "it does not wait for 30 s"
    assert result.exit_code == 1
    assert re.search(
        r"After \d+\.\d s: pending \(attempt 2 of 2 in \d+ min\)\.", result.output
    )
    assert "RuntimeError at " in result.output


@pytest.mark.parametrize(
    ("what", "waits"),
    [
        ((), "its endpoint or type is paused"),
        (("--type", "sms.*"), "its endpoint or type is paused"),
        (("--handler", "track"), "track is paused"),
    ],
)
def test_waiting_while_processing_is_paused(
    make_app: MakeApp, what: tuple[str, ...], waits: str
) -> None:
    on_event(TYPE, name="track")(lambda event: None)
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline")
    call(app, "pause", *what)
    with serving(app) as url:
        started = time.monotonic()
        result = call(app, "send", TYPE, "--url", url + PATH, "--wait")
        many = call(app, "send", TYPE, "--url", url + PATH, "--wait", "--count", "2")
    assert time.monotonic() - started < 20, "it does not wait for 30 s"
    assert (result.exit_code, many.exit_code) == (1, 1)
    assert f"s: pending ({waits}).\n" in result.output
    assert f"       2  pending ({waits})\n" in many.output


def test_waiting_for_a_dead_letter(served: tuple[Flask, str]) -> None:
    app, url = served
    args = ["ycloud", "send", "--file", "-", "--wait", "--url", url + PATH]
    result = app.test_cli_runner().invoke(args=args, input="no JSON")
    assert result.exit_code == 1
    assert "After 0.0 s: dead, " in result.output


def test_waiting_for_an_inbox_of_others(
    served: tuple[Flask, str], make_app: MakeApp
) -> None:
    _, url = served
    other = make_app()
    options = ("--wait", "--wait-seconds", "0.1", "--url", url + PATH)
    result = call(other, "send", TYPE, *options)
    assert result.exit_code == 1
    assert "Does the server use the same YCLOUD_INBOX_URL?" in result.output
    many = call(other, "send", TYPE, *options, "--count", "2")
    assert many.exit_code == 1
    assert "       2  unknown here" in many.output
