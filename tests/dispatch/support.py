"""What tests of the dispatch share: a bench for events, and looks at them."""

from __future__ import annotations

from typing import Any

from flask import Flask

from flask_ycloud import StoredEvent
from flask_ycloud.dispatch.processing import process
from flask_ycloud.inbox import Inbox
from flask_ycloud.runtime import Runtime, runtime_of

from .. import warm
from ..conftest import Clock
from ..processes import Sender, Server, Site
from ..support import body_of, deliver, eventually, id_of

TYPE = "sms.message.updated"


class Bench:
    """An app whose events are handled when the test says so, at its own time."""

    def __init__(self, app: Flask, clock: Clock) -> None:
        self.app = app
        self.clock = clock
        self.runtime: Runtime = runtime_of(app)
        self.inbox: Inbox = self.runtime.inbox
        self.inbox.clock = clock

    def accept(self, **changes: Any) -> str:
        body = body_of(TYPE, **changes)
        deliver(self.app, body)
        return id_of(body)

    def handle(self) -> bool:
        """One round, if anything is due."""
        claim = self.inbox.claim()
        if claim is not None:
            process(self.runtime, claim)
        return claim is not None

    def look(self, event_id: str) -> StoredEvent:
        event = self.inbox.get(event_id)
        assert event is not None
        return event


def state_of(app: Flask, event_id: str) -> str:
    event = runtime_of(app).inbox.get(event_id)
    assert event is not None
    return event.state


def sweep_now(server: Server) -> str:
    """As a timer calls it, for whom half a minute has passed."""
    environ = server.environ | {"AHEAD": "31"}
    ran = warm.run(["--app", "served_app", "ycloud", "sweep"], server.folder, environ)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def assert_kept(site: Site, server: Server, sender: Sender) -> None:
    eventually(site.all_done, seconds=90)
    assert set(server.runs()) >= sender.acknowledged
    assert server.doubled() == []
    lost = len(sender.acknowledged - set(server.runs()))
    print(
        f"{len(sender.acknowledged)} acknowledged, {len(set(server.runs()))} handled,"
        f" {lost} lost, {len(server.doubled())} doubled"
    )
