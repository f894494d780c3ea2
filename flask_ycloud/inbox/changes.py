"""What is done to events that somebody has chosen: replayed, or discarded.

Each is one function over a batch. It takes the rows that still fit and that nobody else
changes just now, and tells what became of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from . import queries
from .records import Identity
from .rows import storable
from .tables import IDENTITY, events, outcomes

#: Of an event that is claimed: it is being handled.
RUNNING = "being handled now"

#: Of an event that cannot be handled again, since its body is gone.
EMPTIED = "without a body"


@dataclass
class Changed:
    """What became of a batch.

    :param done: the events to which it was done.
    :param skipped: how many were left as they were, by the reason.
    :param keys: the conversations in which the next event may be due now.
    :param due: whether those that are done are due now.
    """

    done: list[Identity] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    due: bool = False


#: An action on a batch: it gets the transaction, which rows, and the time.
Action = Callable[[Connection, "sa.ColumnElement[bool]", float], Changed]


def replaying(*, succeeded_too: bool = False) -> Action:
    """Make events due at once, with all their attempts before them."""
    return partial(_replay, succeeded_too)


def discarding(reason: str, sealed: Callable[[str], str] = lambda text: text) -> Action:
    """End events for good.

    :param sealed: what is stored of the reason.
    :raises ValueError: if the reason is empty.
    """
    if not reason.strip():
        raise ValueError("Say why the events are discarded: the reason is kept with them.")
    return partial(_discard, sealed(storable(reason) or ""))


def _replay(
    succeeded_too: bool, tx: Connection, which: sa.ColumnElement[bool], now: float
) -> Changed:
    changed = Changed(due=True)
    seqs = _those(tx, which, changed, _why_not_again)
    _update(
        tx, seqs, state="pending", due_at=now, parked_due_at=None, crashes=0,
        settled_at=None, reason=None, unhandled=False,
    )  # fmt: skip
    of_these = outcomes.c.event_seq.in_(seqs)
    # A failure stays known, for a process that lacks its handler, and is due again.
    gone = ("succeeded", "discarded") if succeeded_too else ("discarded",)
    tx.execute(outcomes.delete().where(of_these, outcomes.c.state.in_(gone)))
    failed = outcomes.update().where(of_these, outcomes.c.state == "failed")
    tx.execute(failed.values(attempts=0, next_at=now))
    return changed


def _why_not_again(row: Any) -> str | None:
    return None if row.emptied_at is None else EMPTIED


def _discard(
    reason: str, tx: Connection, which: sa.ColumnElement[bool], now: float
) -> Changed:
    changed = Changed()

    def why_not(row: Any) -> str | None:
        if row.state in ("discarded", "deleted") or (
            row.state == "done" and not row.unhandled
        ):
            return f"{row.state} already"
        if row.state == "pending" and row.key is not None:
            changed.keys.add(row.key)
        return None

    seqs = _those(tx, which, changed, why_not)
    _update(
        tx, seqs, state="discarded", due_at=None, parked_due_at=None, settled_at=now,
        reason=reason, unhandled=False,
    )  # fmt: skip
    waiting = outcomes.c.event_seq.in_(seqs), outcomes.c.next_at.is_not(None)
    tx.execute(outcomes.update().where(*waiting).values(next_at=None))
    return changed


def _those(
    tx: Connection,
    which: sa.ColumnElement[bool],
    changed: Changed,
    why_not: Callable[[Any], str | None],
) -> list[int]:
    """The ``seq`` of the rows that it is done to, which are locked; others are skipped."""
    columns = ("seq", *IDENTITY, "state", "key", "unhandled", "emptied_at")
    rows = tx.execute(
        sa.select(*(events.c[name] for name in columns))
        .where(which)
        .order_by(events.c.seq)
        .with_for_update(of=events, skip_locked=True)
    ).all()
    seqs = []
    for row in rows:
        reason = RUNNING if row.state == "running" else why_not(row)
        if reason is not None:
            changed.skipped[reason] += 1
            continue
        seqs.append(row.seq)
        changed.done.append(Identity(row.id, row.endpoint, row.tenant))
    return seqs


def _update(tx: Connection, seqs: list[int], **values: Any) -> None:
    these = events.c.seq.in_(seqs), ~queries.STATES["running"]
    tx.execute(events.update().where(*these).values(**values))
