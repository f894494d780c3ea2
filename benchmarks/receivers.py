"""The compared receivers: ours with each dispatch, hand-written, and by other libraries.

Each receiver is a factory in this module, also for gunicorn: ``RECEIVER=by_hand gunicorn
benchmarks.receivers:app``. All do the same work for an event: they only count it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import redis
import standardwebhooks
import svix
from celery import Celery
from flask import Flask, request
from slackeventsapi import SlackEventAdapter

from flask_ycloud import Event, on_event, sign, ycloud_bp
from flask_ycloud.protocol import sample_event

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
PATH = "/ycloud/webhook"
BROKER = "redis://127.0.0.1:6379/0"
QUEUE = "ycloud-bench-receivers"
TYPE = "whatsapp.inbound_message.received"

handled = [0]


def work(event: object) -> None:
    """The work of a handler."""
    handled[0] += 1


def bare() -> Flask:
    """A view that does nothing, and verifies nothing."""
    app = Flask("bare")

    @app.post(PATH)
    def receive() -> dict[str, str]:
        return {"status": "accepted"}

    return app


def _verified_by_hand() -> Any:
    """Return the event if the signature is right, as in a correct hand-written receiver."""
    body = request.get_data()
    parts = dict(
        each.split("=", 1) for each in request.headers["YCloud-Signature"].split(",")
    )
    signed = parts["t"].encode() + b"." + body
    digest = hmac.digest(SECRET.encode(), signed, hashlib.sha256).hex()
    if (
        not hmac.compare_digest(digest, parts["s"])
        or abs(time.time() - int(parts["t"])) > 300
    ):
        return None
    return json.loads(body)


def by_hand() -> Flask:
    """Verifies and handles before the answer. Stores nothing: duplicates run twice."""
    app = Flask("by_hand")

    @app.post(PATH)
    def receive() -> Any:
        event = _verified_by_hand()
        if event is None:
            return "", 401
        work(event)
        return {"status": "accepted"}

    return app


def by_hand_durable() -> Flask:
    """Like the previous one, but durably stores the event before and the result after."""
    app = Flask("by_hand_durable")
    path = Path(tempfile.mkdtemp()) / "events.db"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, timeout=30)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    with connect() as made:
        made.execute("CREATE TABLE events (id TEXT PRIMARY KEY, body BLOB, done INTEGER)")

    @app.post(PATH)
    def receive() -> Any:
        event = _verified_by_hand()
        if event is None:
            return "", 401
        connection = connect()
        row = (event["id"], request.get_data())
        insert = "INSERT INTO events VALUES (?, ?, 0) ON CONFLICT DO NOTHING"
        if connection.execute(insert, row).rowcount:
            work(event)
            connection.execute("UPDATE events SET done = 1 WHERE id = ?", row[:1])
        connection.close()
        return {"status": "accepted"}

    return app


def by_slackeventsapi() -> Flask:
    """Slack's own receiver for Flask, with Slack's signatures and events."""
    app = Flask("by_slackeventsapi")
    adapter = SlackEventAdapter(SECRET, PATH, app)
    adapter.on("message")(work)
    return app


def by_svix() -> Flask:
    """Svix's verifier in a hand-written view."""
    app = Flask("by_svix")
    webhook = svix.Webhook(SECRET)

    @app.post(PATH)
    def receive() -> Any:
        body = request.get_data()
        webhook.verify(body, dict(request.headers))
        work(json.loads(body))
        return {"status": "accepted"}

    return app


def _ours(dispatch: str) -> Flask:
    app = Flask(f"ours_{dispatch}", instance_path=tempfile.mkdtemp())
    app.config.update(YCLOUD_WEBHOOK_SECRET=SECRET, YCLOUD_DISPATCH=dispatch)
    if dispatch == "celery":  # Celery's workers are other processes
        celery = Celery(app.name, broker=BROKER, set_as_current=False)
        celery.conf.task_default_queue = QUEUE
        app.extensions["celery"] = celery
    app.register_blueprint(ycloud_bp)

    @on_event("*", name="work")
    def handle(event: Event) -> None:
        work(event)

    return app


RECEIVERS: dict[str, Callable[[], Flask]] = {
    "bare": bare,
    "by_hand": by_hand,
    "by_hand_durable": by_hand_durable,
    "by_slackeventsapi": by_slackeventsapi,
    "by_svix": by_svix,
    "ours_inline": lambda: _ours("inline"),
    "ours_worker": lambda: _ours("worker"),
    "ours_manual": lambda: _ours("manual"),
    "ours_celery": lambda: _ours("celery"),
}


def forget_tasks() -> None:
    """Delete the tasks that were sent to Celery."""
    redis.Redis.from_url(BROKER).delete(QUEUE)


def delivery(receiver: str) -> tuple[dict[str, str], bytes]:
    """Return a new delivery, signed as the receiver expects."""
    event = sample_event(TYPE)
    if receiver == "by_slackeventsapi":
        event = {"event": {"type": "message", **event}, "event_id": event["id"]}
    body = json.dumps(event).encode()
    now = int(time.time())
    if receiver == "by_svix":
        message = f"msg_{secrets.token_hex(8)}"
        when = datetime.fromtimestamp(now, timezone.utc)
        signature = standardwebhooks.Webhook(SECRET).sign(message, when, body.decode())
        values = {"id": message, "timestamp": str(now), "signature": signature}
        return {f"svix-{name}": value for name, value in values.items()}, body
    if receiver == "by_slackeventsapi":
        base = f"v0:{now}:".encode() + body
        digest = hmac.new(SECRET.encode(), base, hashlib.sha256).hexdigest()
        headers = {
            "X-Slack-Request-Timestamp": str(now),
            "X-Slack-Signature": f"v0={digest}",
        }
        return headers, body
    return {"YCloud-Signature": sign(body, SECRET)}, body


app = RECEIVERS[os.environ["RECEIVER"]]() if "RECEIVER" in os.environ else None
