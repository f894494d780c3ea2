"""The promises of this project, one test each, of their names."""

from __future__ import annotations

import json
import logging
import os
import random
import threading
import time
import traceback
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import (
    Event,
    InboxUnavailable,
    Retry,
    current_inbox,
    delivery_rejected,
    event_accepted,
    event_signal,
    on_event,
    sign,
    verify,
)
from flask_ycloud.inbox import Inbox, heartbeats
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of
from flask_ycloud.testing import FakeYCloud

from .conftest import MakeApp
from .fuzzing import hostile_request, resident, send, workers_of
from .processes import Sender, Site, bodies, get
from .support import PATH, SECRET, body_of, call, deliver, eventually, id_of, listening

TYPE = "sms.message.updated"
FUZZ_SECONDS = float(os.environ.get("FUZZ_SECONDS", "5"))


def test_authentic_only(app: Flask) -> None:
    """What does not verify reaches no inbox, no signal, no handler."""
    heard: list[Any] = []

    def listener(sender: Flask, **details: Any) -> None:
        heard.append(details)

    on_event("*", name="all")(heard.append)
    event_signal("*").connect(listener)
    event_accepted.connect(listener)
    body = body_of()
    signature = sign(body, SECRET)
    forged = [
        {},
        {"YCloud-Signature": ""},
        {"YCloud-Signature": "t=0,s="},
        {"YCloud-Signature": sign(body, "another secret")},
        {"YCloud-Signature": signature.replace("t=1", "t=2")},
        {"YCloud-Signature": sign(body + b" ", SECRET)},
        {"YCloud-Signature": sign(json.dumps(json.loads(body), indent=1).encode(), SECRET)},
    ]
    for headers in forged:
        response = app.test_client().post(PATH, data=body, headers=headers)
        assert response.status_code == 401
    event_accepted.disconnect(listener)
    assert heard == []
    with app.app_context():
        assert current_inbox.list() == []


def test_fast_answer(make_app: MakeApp) -> None:
    """The 2xx waits for no handler: all are held until the answers are there."""
    app = make_app(YCLOUD_DISPATCH="worker")
    release = threading.Event()

    @on_event("*", name="slow")
    def slow(event: Event[Any]) -> None:
        assert release.wait(30)

    for _ in range(20):
        assert deliver(app, body_of()).status_code == 200
    assert runtime_of(app).inbox.stats().pending >= 16
    release.set()


def test_acknowledged_is_kept(site: Site) -> None:
    """After the 2xx it is handled, though everything is killed in the middle of load."""
    server = site.serve("--workers", "2", "--threads", "4")
    sender, events = Sender(server.port), bodies(500)
    sending = threading.Thread(target=sender.send, args=(events,))
    sending.start()
    eventually(lambda: len(sender.acknowledged) >= 200)
    server.kill()
    server.start()
    sending.join()
    assert sender.acknowledged == set(map(id_of, events))
    get(server.port)
    eventually(site.all_done, seconds=60)
    assert set(server.runs()) >= sender.acknowledged
    # Only what ran when the process died has run again.
    assert len(server.runs()) - len(set(server.runs())) <= 2 * 4


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"[1]",
        b'{"id": "evt_1"}',
        b'{"a": 1, "a": 2}',
        b"[" * 50_000,
        b"\xff",
        body_of(type="fax.message.sent", fax={"pages": 3}),
        body_of(surprise={"a": 1}),
    ],
    ids=range(8),
)
def test_authentic_is_kept(app: Flask, body: bytes) -> None:
    """Signed is stored and shown, understood or not; never a 4xx."""
    assert deliver(app, body).status_code == 200
    with app.app_context():
        (event,) = current_inbox.list()
        assert event.body == body
        assert event.state == "dead" if event.id == body_id(body) else "done"
        shown = app.test_cli_runner().invoke(args=["ycloud", "show", event.id, "--payload"])
    assert shown.exit_code == 0


def test_once_per_handler(make_app: MakeApp) -> None:
    """A redelivery runs nothing; a failure runs again alone."""
    app = make_app(YCLOUD_DISPATCH="inline", TESTING=False, YCLOUD_RETRY_DELAYS=[0, 0])
    runs: list[str] = []

    @on_event(TYPE, name="steady")
    def steady(event: Event[Any]) -> None:
        runs.append("steady")

    @on_event(TYPE, name="shaky")
    def shaky(event: Event[Any]) -> None:
        runs.append(f"shaky {event.attempt}")
        if event.attempt < 3:
            raise LookupError

    body = body_of()
    for answer in ("accepted", "duplicate", "duplicate"):
        assert deliver(app, body).json == {"status": answer}
    assert runs == ["steady", "shaky 1", "shaky 2", "shaky 3"]


def test_replay_is_pointless(make_app: MakeApp) -> None:
    """A captured delivery sent again, within the tolerance or not, runs nothing."""
    app = make_app(YCLOUD_SIGNATURE_TOLERANCE=2)
    runs: list[str] = []
    on_event("*", name="one")(lambda event: runs.append(event.id))
    body = body_of()
    captured = {"YCloud-Signature": sign(body, SECRET)}
    answers = set()

    def again() -> int:
        status = app.test_client().post(PATH, data=body, headers=captured).status_code
        answers.add(status)
        return status

    eventually(lambda: again() == 401)
    assert answers == {200, 401}
    assert runs == [id_of(body)]
    with app.app_context():
        current_inbox.clock = lambda: time.time() + 1
        assert current_inbox.prune() == 0, "it is remembered for longer than that"


@pytest.mark.parametrize("inbox_url", ["sqlite"], indirect=True)
def test_bad_input_is_cheap(site: Site) -> None:
    """Random headers and bodies: no 5xx, no row, no growth of memory."""
    server = site.serve("--workers", "1", "--threads", "2")
    rng = random.Random(FUZZ_SECONDS)
    statuses: dict[int, int] = {}
    deadline = time.monotonic() + FUZZ_SECONDS
    assert server.process is not None
    (worker,) = workers_of(server.process.pid)
    memory: list[int] = []
    while time.monotonic() < deadline:
        status = send(server.port, hostile_request(rng))
        statuses[status] = statuses.get(status, 0) + 1
        if sum(statuses.values()) % 200 == 0:
            memory.append(resident(worker))
    assert statuses[401] > 50
    assert statuses.keys() >= {400, 401, 411, 413}
    assert max(statuses) < 500, statuses
    assert get(server.port) == 404, "it still serves"
    assert site.inbox.list() == []
    third = len(memory) // 3
    growth = max(memory[-third:], default=0) - max(memory[third : 2 * third], default=0)
    assert growth < 8 * 2**20, f"{growth} bytes"
    # One line each, and nothing of what was sent.
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "payload" not in log


def test_private(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    """Planted secrets, signatures and payloads show up nowhere."""
    secret, number = "whsec_planted_secret", "+447700900123"
    app = make_app(YCLOUD_WEBHOOK_SECRET=secret, TESTING=False, YCLOUD_DISPATCH="inline")
    shown: list[str] = []

    @on_event("*", name="leaky")
    def leaky(event: Event[Any]) -> None:
        shown.append(repr(event))
        raise ValueError(f"cannot reach {event.data}")

    caplog.set_level(logging.DEBUG)
    body = body_of(sms={"to": number})
    signature = sign(body, secret)
    not_understood = json.dumps({"to": number}).encode()
    for sent, key in ((body, secret), (body, "wrong"), (not_understood, secret)):
        response = deliver(app, sent, secret=key)
        shown += [response.text, str(response.headers)]
    with app.app_context():
        for event in current_inbox.list():
            whole = current_inbox.get(event.id)
            shown += [repr(event), repr(whole), str(event.reason)]
            shown += [repr(each) for each in (whole.handlers if whole else ())]
        shown.append(repr(current_inbox.stats()))
        shown.append(repr(current_inbox.claim()))
    shown.append(repr(runtime_of(app).settings))
    shown += [repr(each) for each in runtime_of(app).endpoints.values()]
    shown.append(repr(verify(body, signature, secret)))
    try:
        verify(body, signature, [secret, ""])
    except Exception:
        shown.append(traceback.format_exc())
    for args in (["list"], ["stats"], ["show", id_of(body)]):
        shown.append(app.test_cli_runner().invoke(args=["ycloud", *args]).output)
    shown.append(caplog.text)
    everything = "\n".join(shown)
    assert "leaky" in everything
    assert id_of(body) in everything
    for planted in (secret, number, signature.partition("s=")[2]):
        assert planted not in everything


def test_nothing_starves(make_app: MakeApp, inbox_url: str) -> None:
    """A retry, and the next message of that customer, wait for nobody who came later."""
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)
    order: list[tuple[str, int]] = []

    @on_event("whatsapp.inbound_message.received", name="one")
    def answer(event: Event[Any]) -> None:
        order.append((event.data["text"]["body"], event.attempt))
        if order == [("first", 1)]:
            raise Retry(after=10)

    now = time.time()
    runtime_of(app).inbox.clock = lambda: now
    ycloud = FakeYCloud(app)

    def say(text: str, number: str) -> None:
        changes = {"text.body": text, "from": number}
        ycloud.send("whatsapp.inbound_message.received", **changes)

    def handle() -> None:
        assert call(app, "worker", "--once").exit_code == 0

    say("first", "+1555")
    handle()
    now += 11  # its retry is due
    say("second", "+1555")
    for number in range(50):
        now += 0.01
        say("other", f"+1666{number}")
    handle()
    assert order[1:3] == [("first", 2), ("second", 1)]
    assert len(order) == 53


def test_nothing_is_silent(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes wrong can be seen in more than one place."""
    monkeypatch.setattr("flask_ycloud.dispatch.announcements._warned", set())
    app = make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=1, YCLOUD_LEASE_SECONDS=1,
        YCLOUD_SLOW_HANDLER_SECONDS=1, TESTING=False,
    )  # fmt: skip
    runtime = runtime_of(app)
    release = threading.Event()

    @on_event("contact.created", name="shop:hangs")
    def hang(event: Event[Any]) -> None:
        assert release.wait(60)

    with listening(delivery_rejected) as rejections:
        # An event that nobody handled.
        deliver(app, body_of())
        eventually(lambda: runtime.inbox.stats().unhandled == 1)
        # A rejection, and a 503.
        app.test_client().post(PATH, data=b"{}")
        with monkeypatch.context() as patch:
            patch.setattr(Inbox, "accept", _unavailable)
            assert deliver(app, body_of()).status_code == 503
        runtime.rejections.write()
        # A handler that hangs.
        deliver(app, body_of("contact.created"))
        eventually(lambda: runtime.inbox.stats().running_handlers)
        eventually(lambda: "shop:hangs has been running" in caplog.text)
    # A worker that died.
    heartbeats.beat(runtime.inbox, "killed")
    past = "UPDATE ycloud_workers SET seen_at = seen_at - 300 WHERE name = 'killed'"
    runtime.inbox.database.write(lambda tx: tx.exec_driver_sql(past))
    found = call(app, "doctor").output
    for text in (
        "done without any handler.",
        "ycloud: 1 delivery was rejected (no signature header) since",
        "ycloud: 1 delivery was answered 503 (inbox unavailable) since",
        "shop:hangs has been running for",
        "1 process ended in the last day without signing off, the last 5 min ago.",
    ):
        assert text in found
    assert [each["status"] for _, each in rejections] == [401, 503]
    for text in ("No handler is subscribed to", "was rejected: missing", "was not stored"):
        assert text in caplog.text
    release.set()


def _unavailable(*_: Any, **__: Any) -> bool:
    raise InboxUnavailable("the disk is full")
