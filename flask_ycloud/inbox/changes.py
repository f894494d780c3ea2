"""Actions on selected events: replay and discard.

Each action is one function over a batch. It changes the rows that still match and that no
other process has locked, and reports the result.
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

#: Why an event that is claimed is skipped.
RUNNING = "being handled now"

#: Why an event that has no body any more is skipped.
EMPTIED = "without a body"


@dataclass
class Changed:
    """The result of an action on a batch.

    :param done: the events that were changed.
    :param skipped: how many were not changed, by the reason.
    :param keys: the conversations in which the next event may be due now.
    :param due: whether the changed events are due now.
    """

    done: list[Identity] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    due: bool = False


#: An action on a batch. Its arguments are the transaction, a condition for the rows, and
#: the time in unix seconds.
Action = Callable[[Connection, "sa.ColumnElement[bool]", float], Changed]


def replaying(*, succeeded_too: bool = False) -> Action:
    """The action that queues events for replay, with all their attempts again."""
    return partial(_replay, succeeded_too)


def discarding(reason: str, sealed: Callable[[str], str] = lambda text: text) -> Action:
    """The action that ends events for good.

    :param sealed: encrypts the reason.
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
    # A failure is kept and retried now: a process that lacks its handler must know of it.
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
    """Lock the rows to change, and return their ``seq``. The others are skipped."""
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
