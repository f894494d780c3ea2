"""Statistics of the inbox: the number of events by kind, and why they wait."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy.engine import Connection

from . import queries
from .pauses import Paused, read
from .records import RunningHandler, Stats, WaitsFor


def stats_of(tx: Connection, now: float) -> Stats:
    """Counts of the events that are not done, by state and type, and the oldest one."""
    totals = {"pending": 0, "running": 0, "dead": 0}
    by_type: dict[str | None, dict[str, int]] = {}
    oldest: list[float] = []
    for event_type, state, count, received_at in _rows(tx):
        totals[state] += count
        by_type.setdefault(event_type, dict.fromkeys(totals, 0))[state] += count
        if state == "pending":
            oldest.append(received_at)
    paused = read(tx)
    return Stats(
        **totals,
        oldest_pending_seconds=max(0.0, now - min(oldest)) if oldest else None,
        by_type=by_type,
        unhandled=tx.execute(queries.UNHANDLED_COUNT).scalar() or 0,
        running_handlers=_running(tx, now),
        discarded=tx.execute(queries.DISCARDED_COUNT).scalar() or 0,
        waiting=_waiting(tx, paused),
        pauses=paused.pauses,
    )


def _rows(tx: Connection) -> list[Any]:
    return [row for each in queries.COUNTS for row in tx.execute(each)]


def _running(tx: Connection, now: float) -> tuple[RunningHandler, ...]:
    return tuple(
        RunningHandler(
            row.handler,
            row.id,
            max(0.0, now - row.started_at),
            row.endpoint,
            row.tenant or None,
        )
        for row in tx.execute(queries.LONGEST_RUNNING, {"now_": now})
    )


def _waiting(tx: Connection, paused: Paused) -> dict[WaitsFor, int]:
    waiting = Counter[WaitsFor]()
    for query in queries.WAITING:
        for endpoint, waits_for, count in map(tuple, tx.execute(query)):
            waiting["pause" if paused.stops(endpoint) else waits_for] += count
    return dict(waiting)
