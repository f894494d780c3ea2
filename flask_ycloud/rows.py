"""Rows of the tables → the values that the inbox gives."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, overload

from sqlalchemy.engine import Connection

from . import queries
from .records import Attempt, HandlerState, StoredEvent


def handler_states(tx: Connection, seq: int) -> tuple[HandlerState, ...]:
    """The outcomes of an event's handlers."""
    return tuple(HandlerState(*row) for row in tx.execute(queries.OUTCOMES, {"seq_": seq}))


def attempts_of(tx: Connection, seq: int) -> tuple[Attempt, ...]:
    """Every run of an event's handlers."""
    runs = tx.execute(queries.ATTEMPTS, {"seq_": seq}).mappings()
    return tuple(Attempt(**{**run, "ended_at": at(run["ended_at"])}) for run in runs)


def stored(
    row: Any,
    handlers: tuple[HandlerState, ...] = (),
    attempts: tuple[Attempt, ...] = (),
) -> StoredEvent:
    """A row of the events."""
    due_at = None if row.due_at is None else max(row.due_at, row.received_at)
    return StoredEvent(
        id=row.id,
        type=row.type,
        endpoint=row.endpoint,
        state=row.state,
        received_at=at(row.received_at),
        signed_at=at(row.signed_at),
        due_at=at(due_at),
        settled_at=at(row.settled_at),
        reason=row.reason,
        position=row.seq,
        body=row.body,
        redeliveries=row.redeliveries,
        redelivered_at=at(row.redelivered_at),
        handlers=handlers,
        attempts=attempts,
    )


@overload
def at(seconds: float) -> datetime: ...
@overload
def at(seconds: float | None) -> datetime | None: ...
def at(seconds: float | None) -> datetime | None:
    """Unix seconds as an aware time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
