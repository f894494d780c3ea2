"""Rows of the tables ↔ the values that the inbox gives and takes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

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
        signed_at=_at(row.signed_at),
        due_at=_at(due_at),
        settled_at=_at(row.settled_at),
        reason=row.reason,
        position=row.seq,
        body=row.body,
        redeliveries=row.redeliveries,
        redelivered_at=_at(row.redelivered_at),
        handlers=handlers,
        attempts=attempts,
    )


def at(seconds: float) -> datetime:
    """Unix seconds as an aware time in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def _at(seconds: float | None) -> datetime | None:
    return None if seconds is None else at(seconds)


def run_values(state: HandlerState, now: float) -> dict[str, Any]:
    """A handler's run, as :func:`queries.save` takes it."""
    return {
        "handler_": state.handler,
        "ran_": state.state,
        "number_": state.attempts,
        "next_at_": state.next_at,
        "seconds_": state.seconds,
        "error_": state.error,
        "now_": now,
    }
