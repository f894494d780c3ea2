"""The promise to tenants of one endpoint: none has power over the events of another."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from flask_ycloud import Event, on_event, sign
from flask_ycloud.runtime import runtime_of
from flask_ycloud.testing import sample_event

from .conftest import MakeApp
from .support import eventually, id_of
from .tenants import SECRETS, deliver_to, hooks

ACCEPTED = {"status": "accepted"}
BACKLOG = 300


def say(text: str, **changes: str) -> bytes:
    """A message of one conversation: of the same two numbers, whoever the tenant is."""
    event = sample_event(
        "whatsapp.inbound_message.received", **{"text.body": text}, **changes
    )
    return json.dumps(event).encode()


def forge(app: Flask, tenant: str, body: bytes, header: str) -> TestResponse:
    headers = {"YCloud-Signature": header}
    return app.test_client().post(f"/hooks/{tenant}/webhook", data=body, headers=headers)


class Runs:
    """What the handler of both tenants has done. Some texts wait until they may go on."""

    def __init__(self, app: Flask) -> None:
        self.inbox = runtime_of(app).inbox
        self.all: list[tuple[str | None, str]] = []
        self.go_on = {"slow": threading.Event(), "backlog": threading.Event()}
        on_event("*", name="all")(self.handle)

    def handle(self, event: Event[Any]) -> None:
        text = event.data["text"]["body"]
        if text in self.go_on:
            assert self.go_on[text].wait(60)
            time.sleep(0.002)
        self.all.append((event.tenant, text))

    def of(self, tenant: str) -> list[str]:
        """The texts of a tenant's events, when nothing is left to do."""
        eventually(lambda: self.inbox.stats().pending == self.inbox.stats().running == 0)
        return [text for whose, text in self.all if whose == tenant]


def test_no_tenant_can_read_suppress_replay_or_delay_the_events_of_another(
    make_app: MakeApp, inbox_url: str
) -> None:
    """Here beta tries, with its own secret and all that it could know of acme's events."""
    app = make_app(hooks(), YCLOUD_DISPATCH="worker", YCLOUD_INBOX_URL=inbox_url)
    runs = Runs(app)
    for attempt in (reads, suppresses, replays, delays, delays_by_a_backlog):
        runs.all.clear()
        attempt(app, runs)


def reads(app: Flask, runs: Runs) -> None:
    """No answer, no list and no handler tells beta what acme has."""
    private = say("private")
    assert deliver_to(app, "acme", private).json == ACCEPTED
    guess = say("guess", **{"event.id": id_of(private)})
    assert deliver_to(app, "beta", guess).json == ACCEPTED, "as any id that is new"
    known, unknown = (
        forge(app, "acme", body, sign(body, SECRETS["beta"]))
        for body in (private, say("x"))
    )
    assert known.status_code == unknown.status_code == 401
    assert (known.data, known.headers) == (unknown.data, unknown.headers)
    assert [event.body for event in runs.inbox.list(tenant="beta")] == [guess]
    found = runs.inbox.get(id_of(private), tenant="beta")
    assert found is not None
    assert (found.body, found.conflict_id) == (guess, None)
    assert (runs.of("acme"), runs.of("beta")) == (["private"], ["guess"])


def suppresses(app: Flask, runs: Runs) -> None:
    """An id that beta sends first makes no event of acme a duplicate or a conflict."""
    coming = say("coming")
    for body in (coming, coming + b" "):
        assert deliver_to(app, "beta", body).status_code == 200
    assert deliver_to(app, "acme", coming).json == ACCEPTED
    assert (runs.of("acme"), runs.of("beta")) == (["coming"], ["coming"])
    kept = runs.inbox.get(id_of(coming), tenant="acme")
    assert kept is not None
    assert (kept.body, kept.redeliveries, kept.conflict_id) == (coming, 0, None)


def replays(app: Flask, runs: Runs) -> None:
    """A delivery of acme that beta has captured runs nothing of acme's again."""
    body = say("captured")
    header = sign(body, SECRETS["acme"])
    assert forge(app, "acme", body, header).json == ACCEPTED
    assert forge(app, "beta", body, header).status_code == 401
    assert forge(app, "acme", body, sign(body, SECRETS["beta"])).status_code == 401
    assert forge(app, "acme", body, header).json == {"status": "duplicate"}
    assert deliver_to(app, "beta", body).json == ACCEPTED
    assert (runs.of("acme"), runs.of("beta")) == (["captured"], ["captured"])
    runs.inbox.replay(id_of(body), tenant="beta", succeeded_too=True)
    assert (runs.of("acme"), runs.of("beta")) == (["captured"], ["captured"] * 2)


def delays(app: Flask, runs: Runs) -> None:
    """A slow handler for beta delays no conversation of acme, even of the same numbers."""
    for text in ("slow", "second"):
        deliver_to(app, "beta", say(text))
    eventually(lambda: runs.inbox.stats().running == 1)
    deliver_to(app, "acme", say("at once"))
    eventually(lambda: runs.all == [("acme", "at once")])
    runs.go_on["slow"].set()
    assert runs.of("beta") == ["slow", "second"], "its own conversation is in order"


def delays_by_a_backlog(app: Flask, runs: Runs) -> None:
    """What beta has piled up is handled in turns with what acme gets."""
    for number in range(BACKLOG):
        deliver_to(app, "beta", say("backlog", **{"from": f"+1555{number}"}))
    deliver_to(app, "acme", say("in turn"))
    runs.go_on["backlog"].set()
    assert len(runs.of("beta")) == BACKLOG
    assert runs.all.index(("acme", "in turn")) < BACKLOG / 2
