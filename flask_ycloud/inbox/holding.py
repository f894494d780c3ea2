"""Events that a pause holds: no claim meets them until the pause ends.

Of a type that is paused an event is held where it is met, and what follows in its
conversation waits behind it. Of a paused handler an event is held when its other handlers
are through, and what follows goes on with these.
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

#: Hold an event that was claimed: nothing of it has run, and no attempt is counted.
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
        """Hold those of some claims that are of these types.

        :param types: event types and patterns.
        :returns: their ``seq``.
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
        """Hold those of the next due events there: a backlog is not claimed one by one."""
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
        """Have what follows wait behind what is held for a handler that is not paused.

        So nothing overtakes it when it is released.

        :param paused: what is paused, or will be in a moment.
        """
        beyond = events.c.due_at >= _later
        values = {"parked_due_at": events.c.due_at, "due_at": None}
        self._each(beyond & _free(paused), values)

    def release(self, paused: Paused, now: float) -> None:
        """Make due what is held for nothing that is paused, the oldest first."""
        self.line_up(paused)
        beyond = events.c.parked_due_at >= _later
        due_at = events.c.parked_due_at - _later
        values = {
            # To the precision that such late times have; and it was due before.
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
    """Whether none of these pauses holds an event that is held."""
    for_type: sa.ColumnElement[bool] = events.c.reason.is_(None)
    other_type = for_type & ~_one_of(paused.types)
    # The reason names its handlers, one a line. Take those off that are paused.
    names: Any = "\n" + sa.func.replace(events.c.reason, "\n", "\n\n") + "\n"
    for handler in paused.handlers:
        names = sa.func.replace(names, f"\n{handler}\n", "")
    others: sa.ColumnElement[bool] = names != ""
    return other_type | (~for_type & others)
