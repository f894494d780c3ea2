"""Events that a pause holds: no claim finds them until the pause ends.

If its type is paused, an event is held when a claim finds it, and the next events of its
conversation wait behind it. If a handler is paused, an event is held when its other
handlers have run. The next events of its conversation are not held back, and run those
handlers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from . import queries
from .database import Database
from .pauses import Paused
from .records import Claim
from .selections import fits
from .tables import HELD, IS_HELD, events

_AT_ONCE = 500

_later: sa.ColumnElement[float] = sa.literal_column(f"{HELD:.0f}")
_in_line = {"parked_due_at": events.c.due_at + _later, "due_at": None, "reason": None}

#: Hold an event that was claimed. None of its handlers has run, and no attempt is counted.
_HOLD = (
    events.update()
    .where(
        events.c.seq == bindparam("seq_"),
        events.c.attempt == bindparam("attempt_"),
        queries.STATES["running"],
    )
    .values(
        state="pending", parked_due_at=bindparam("until_"), due_at=None, reason=None,
        started_at=None, handler=None,
    )
)  # fmt: skip


class Holding:
    """Holds events and releases them, in batches with commits in between."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold_paused(
        self, claims: Sequence[Claim], types: Sequence[str], now: float
    ) -> set[int]:
        """Hold the claimed events that have one of these types.

        :param types: event types and patterns.
        :returns: the ``seq`` of these events.
        """
        if not (claims and types):
            return set()
        these = events.c.seq.in_([each.seq for each in claims])
        query = sa.select(events.c.seq).where(these, _one_of(types))
        held = set(self._database.read(lambda tx: tx.execute(query).scalars().all()))
        rows = [_hold_values(each) for each in claims if each.seq in held]
        if rows:
            self._database.write_single(lambda tx: tx.execute(_HOLD, rows))
        for lane in {each.identity[1:] for each in claims if each.seq in held}:
            self._hold_next(*lane, types, now)
        return held

    def _hold_next(
        self, endpoint: str, tenant: str, types: Sequence[str], now: float
    ) -> None:
        """Hold the next due events of these types, so that none has to be claimed first."""
        due = (
            sa.select(events.c.seq)
            .where(
                events.c.endpoint == endpoint,
                events.c.tenant == tenant,
                events.c.due_at <= now,
            )
            .order_by(events.c.due_at, events.c.seq)
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        hold = events.update().where(
            events.c.seq.in_(due), queries.STATES["pending"], _one_of(types)
        )
        self._database.write_single(lambda tx: tx.execute(hold.values(_in_line)))

    def any(self) -> bool:
        """Whether any event is held."""
        query = sa.select(events.c.seq).where(IS_HELD).limit(1)
        return self._database.read(lambda tx: tx.execute(query).first() is not None)

    def line_up(self, paused: Paused) -> None:
        """Let later events wait behind those held for a handler that is resumed.

        So no event overtakes them when they are released.

        :param paused: the pauses in force, or those that will be in a moment.
        """
        beyond = events.c.due_at >= _later
        values = {"parked_due_at": events.c.due_at, "due_at": None}
        self._each(beyond & _free(paused), values)

    def release(self, paused: Paused, now: float) -> None:
        """Make the events due that no pause holds any more, the oldest first."""
        self.line_up(paused)
        beyond = events.c.parked_due_at >= _later
        due_at = events.c.parked_due_at - _later
        values = {
            # Such late times are less precise. The result must not be later than now.
            "due_at": sa.case((due_at > now, now), else_=due_at),
            "parked_due_at": None,
            "reason": None,
        }
        self._each(beyond & _free(paused), values)

    def _each(self, which: sa.ColumnElement[bool], values: dict[str, Any]) -> None:
        after = 0
        while True:
            some = (
                sa.select(events.c.seq)
                .where(IS_HELD, which, events.c.seq > after)
                .order_by(events.c.seq)
                .limit(_AT_ONCE)
                .with_for_update(skip_locked=True)
            )
            change = events.update().where(events.c.seq.in_(some)).values(values)
            change = change.returning(events.c.seq)
            found = self._database.write_single(
                lambda tx, change=change: tx.execute(change).scalars().all()  # type: ignore[misc]
            )
            if not found:
                return
            after = max(found)


def _hold_values(claim: Claim) -> dict[str, Any]:
    until = HELD + claim.due_at
    return {"seq_": claim.seq, "attempt_": claim.attempt, "until_": until}


def _one_of(types: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.func.coalesce(sa.or_(sa.false(), *map(fits, types)), sa.false())


def _free(paused: Paused) -> sa.ColumnElement[bool]:
    """Whether a held event is held by none of these pauses."""
    for_type: sa.ColumnElement[bool] = events.c.reason.is_(None)
    other_type = for_type & ~_one_of(paused.types)
    # The reason has the names of handlers, one per line. Remove those that are paused.
    names: Any = "\n" + sa.func.replace(events.c.reason, "\n", "\n\n") + "\n"
    for handler in paused.handlers:
        names = sa.func.replace(names, f"\n{handler}\n", "")
    others: sa.ColumnElement[bool] = names != ""
    return other_type | (~for_type & others)
