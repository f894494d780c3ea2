"""What tests of the inbox share: events to accept and claim, rows to write."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from flask_ycloud.inbox import (
    Arrival,
    Claim,
    Database,
    HandlerState,
    Identity,
    Inbox,
    Verdict,
)
from flask_ycloud.inbox.tables import schema

DONE = Verdict("done")
SUCCEEDED = HandlerState("app:track", "succeeded", 1)


def accept(
    inbox: Inbox, event_id: str = "evt_1", key: str | None = None, **changes: Any
) -> Arrival:
    settings = {"endpoint": "ycloud", "event_type": "sms.message.updated"}
    names = (key,) if key else ()
    body = changes.pop("body", b'{"a": 1}')
    return inbox.accept(event_id, body, **settings | {"names": names} | changes)


def identity(event_id: str) -> Identity:
    return Identity(event_id, "ycloud")


def claim(inbox: Inbox, event_id: str | None = None) -> Claim:
    claimed = inbox.claim(identity(event_id) if event_id else None)
    assert claimed is not None
    return claimed


def state_of(inbox: Inbox, event_id: str = "evt_1") -> str:
    event = inbox.get(event_id)
    assert event is not None
    return event.state


def count(tx: Connection) -> int:
    return int(tx.execute(sa.text("SELECT count(*) FROM ycloud_events")).scalar_one())


def versions(database: Database) -> list[int]:
    query = sa.select(schema.c.version).order_by(schema.c.version)
    return list(database.read(lambda tx: tx.execute(query).scalars().all()))


def add(tx: Connection, number: int = 0) -> int:
    tx.execute(schema.insert().values(version=number + 1000))
    return number
