"""Events whose bodies are encrypted: handled as any, and never lost for want of a key."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from flask import Flask

from flask_ycloud import Discard, current_inbox, on_event
from flask_ycloud.dispatch.processing import process
from flask_ycloud.inbox.tables import attempts, events, outcomes
from flask_ycloud.runtime import runtime_of

from ..conftest import Clock, MakeApp
from ..support import body_of, deliver, eventually, id_of

TYPE = "sms.message.updated"
FIRST, SECOND = (Fernet.generate_key().decode() for _ in range(2))


def encrypted(make_app: MakeApp, inbox_url: str, *keys: str, **config: Any) -> Flask:
    return make_app(
        TESTING=False, YCLOUD_INBOX_URL=inbox_url, YCLOUD_BODY_KEYS=list(keys),
        **{"YCLOUD_DISPATCH": "manual", "YCLOUD_RETRY_DELAYS": [0.01], **config},
    )  # fmt: skip


def everything(app: Flask) -> str:
    """All that the tables have."""

    def work(tx: sa.Connection) -> str:
        rows = [tx.execute(table.select()).all() for table in (events, outcomes, attempts)]
        return repr(rows)

    return runtime_of(app).inbox.database.read(work)


def test_retries_errors_and_conflicts_are_as_ever(
    make_app: MakeApp, inbox_url: str
) -> None:
    config = {"YCLOUD_DISPATCH": "worker", "YCLOUD_ERROR_MESSAGES": True}
    app = encrypted(make_app, inbox_url, FIRST, **config)
    seen: list[Any] = []

    @on_event(TYPE, name="fails")
    def fails(event: Any) -> None:
        seen.append(event)
        if len(seen) == 1:
            raise ValueError("of Ann Example")

    @on_event(TYPE, name="discards")
    def discards(event: Any) -> None:
        raise Discard("Ann Example is unknown")

    body = body_of(sms={"text": "hello from Ann Example", "status": "sent"})
    assert deliver(app, body).json == {"status": "accepted"}
    with app.app_context():
        eventually(lambda: current_inbox.list(state="done"))
        event = current_inbox.get(id_of(body))
    assert event is not None
    assert [each.body for each in seen] == [body, body]
    assert seen[1].data["text"] == "hello from Ann Example"
    assert event.body == body
    assert {state.handler: state.error for state in event.handlers} == {
        "fails": None, "discards": "Ann Example is unknown",
    }  # fmt: skip
    errors = [run.error or "" for run in event.attempts if run.handler == "fails"]
    assert errors[0].endswith("\nof Ann Example")
    assert deliver(app, body).json == {"status": "duplicate"}
    other = body_of(id=id_of(body), sms={"text": "again from Ann Example"})
    assert deliver(app, other).json == {"status": "conflict"}
    assert deliver(app, b"no JSON, of Ann Example").json == {"status": "accepted"}
    assert "Ann Example" not in everything(app)
    assert "ValueError at " in everything(app), "of an error only its message is sealed"


def test_an_event_whose_key_is_missing_waits(
    make_app: MakeApp, inbox_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is never a dead letter, however often it is looked at."""
    ran: list[str] = []
    on_event(TYPE, name="one")(lambda event: ran.append(event.id))
    bodies = [body_of(sms={"id": f"sms_{number}"}) for number in range(2)]
    with_key = encrypted(make_app, inbox_url, FIRST)
    for body in bodies:
        deliver(with_key, body)
    without = runtime_of(encrypted(make_app, inbox_url, SECOND))
    without.inbox.clock = clock
    with caplog.at_level(logging.ERROR), without.app.app_context():
        for _ in range(30):
            while claim := without.inbox.claim():
                assert process(without, claim).verdict is not None
            clock.now += 61
    assert ran == []
    (record,) = [each for each in caplog.records if "cannot be read" in each.message]
    assert "which is not in YCLOUD_BODY_KEYS. Add that key" in record.message
    assert [each.state for each in without.inbox.list()] == ["pending", "pending"]
    later = runtime_of(encrypted(make_app, inbox_url, SECOND, FIRST))
    later.inbox.clock = clock
    with later.app.app_context():
        while claim := later.inbox.claim():
            process(later, claim)
    assert ran == [id_of(body) for body in bodies]


def test_an_event_that_was_taken_over_is_not_put_off(
    make_app: MakeApp, inbox_url: str, clock: Clock
) -> None:
    deliver(encrypted(make_app, inbox_url, FIRST), body_of())
    without = runtime_of(encrypted(make_app, inbox_url, SECOND))
    without.inbox.clock = clock
    claim = without.inbox.claim()
    assert claim is not None
    clock.now += 61
    assert without.inbox.claim() is not None
    with without.app.app_context():
        assert process(without, claim).verdict is None


def test_without_the_package_a_delivery_is_a_503(
    make_app: MakeApp, inbox_url: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    app = encrypted(make_app, inbox_url, FIRST)
    answer = deliver(app, body_of())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "pip install 'flask-ycloud[encryption]'" in caplog.text
    assert "pip" not in answer.text
    assert runtime_of(app).inbox.list() == []


def test_a_wrong_key_stores_deliveries_all_the_same(
    make_app: MakeApp, inbox_url: str
) -> None:
    """They are readable with the key that they came under."""
    deliver(encrypted(make_app, inbox_url, FIRST), body_of())
    app = encrypted(make_app, inbox_url, SECOND)
    body = body_of()
    assert deliver(app, body).json == {"status": "accepted"}
    event = runtime_of(app).inbox.get(id_of(body))
    assert event is not None
    assert event.body == body
