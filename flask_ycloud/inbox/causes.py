"""The causes of dead letters: groups with the same reason, each with a short id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .naming import hash_searched, is_named
from .records import CONFLICTS, Identity
from .rows import at, handler_states
from .selections import Selection, between, conditions
from .tables import events, outcomes

_ID_LENGTH = 8

# The reason. The reason of a conflict names an event: all conflicts are one cause.
_conflict = events.c.reason.like(CONFLICTS.format("%"))
_text = sa.case((_conflict, CONFLICTS.format("…")), else_=events.c.reason)
_not_understood = events.c.type.is_(None)


@dataclass(frozen=True)
class DeadCause:
    """Dead letters of one cause.

    :param id: a short id for ``cause=`` of a selection. It is the same in every process.
    :param kind: ``"handler"``: a handler failed; ``"not understood"``: the body is not an
        event; or ``"conflict"``: a known event id arrived with another body.
    :param handler: the handler that failed; ``None`` for the other kinds.
    :param error: the type and place of its error, or what is wrong with the body.
    :param count: how many dead letters there are.
    :param oldest: when the first of them became a dead letter; aware, in UTC.
    :param newest: when the last of them became a dead letter; aware, in UTC.
    :param example: the dead letter that arrived last.
    :param also_failed: the other handlers that failed some of these events, each with the
        number of those events. An event is counted in one cause only: that of the handler
        which its ``reason`` names.
    """

    id: str
    kind: Literal["handler", "not understood", "conflict"]
    handler: str | None
    error: str
    count: int
    oldest: datetime
    newest: datetime
    example: Identity
    also_failed: Mapping[str, int] = field(default_factory=dict, hash=False)


class Reason(NamedTuple):
    """The reason that all dead letters of one cause have."""

    not_understood: bool
    text: str | None

    @property
    def cause(self) -> str:
        """The id of the cause."""
        words = f"{bool(self.not_understood):d} {self.text}"
        return hashlib.sha256(words.encode()).hexdigest()[:_ID_LENGTH]


def of_cause(tx: Connection, cause: str) -> sa.ColumnElement[bool]:
    """The SQL condition for the dead letters of a cause."""
    known = sa.select(_not_understood.label("no"), _text.label("text")).distinct()
    dead = known.where(*conditions(Selection(state="dead")))
    reasons = [Reason(*row) for row in tx.execute(dead)]
    return sa.or_(
        sa.false(),
        *(
            (_not_understood if each.not_understood else ~_not_understood)
            & (_text.is_(None) if each.text is None else _text == each.text)
            for each in reasons
            if each.cause == cause
        ),
    )


def dead_by_cause(tx: Connection, selection: Selection) -> Sequence[DeadCause]:
    """The causes of dead letters, the most frequent first."""
    which = conditions(selection)
    if selection.cause is not None:
        which.append(of_cause(tx, selection.cause))
    if selection.about is not None:
        which.append(is_named(hash_searched(tx, selection.about)))
    if selection.since is not None or selection.until is not None:
        which.append(events.c.seq.between(*between(tx, selection.since, selection.until)))
    count = sa.func.count(events.c.seq)
    groups = sa.select(
        _not_understood.label("not_understood"),
        _text.label("text"),
        count.label("count"),
        sa.func.min(events.c.settled_at).label("oldest"),
        sa.func.max(events.c.settled_at).label("newest"),
        sa.func.max(events.c.seq).label("seq"),
    )
    groups = groups.where(*which).group_by(sa.text("not_understood"), sa.text("text"))
    rows = tx.execute(groups.order_by(count.desc(), sa.text("seq"))).all()
    failed = _failed(tx, which) if rows else {}
    return [_cause(tx, row, failed) for row in rows]


def _failed(
    tx: Connection, which: Sequence[sa.ColumnElement[bool]]
) -> dict[Reason, dict[str, int]]:
    """The handlers that failed the events of each reason, with the number of events."""
    ended = outcomes.alias()  # conditions may have the table itself
    groups = sa.select(
        _not_understood.label("not_understood"),
        _text.label("text"),
        ended.c.handler,
        sa.func.count().label("count"),
    ).join(ended, ended.c.event_seq == events.c.seq)
    groups = groups.where(ended.c.state == "failed", *which)
    groups = groups.group_by(sa.text("not_understood"), sa.text("text"), ended.c.handler)
    found: dict[Reason, dict[str, int]] = {}
    for not_understood, text, handler, count in tx.execute(
        groups.order_by(ended.c.handler)
    ):
        found.setdefault(Reason(not_understood, text), {})[handler] = count
    return found


def _cause(tx: Connection, row: Any, failed: Mapping[Reason, dict[str, int]]) -> DeadCause:
    reason = Reason(row.not_understood, row.text)
    names = (events.c.id, events.c.endpoint, events.c.tenant)
    example = tx.execute(sa.select(*names).where(events.c.seq == row.seq)).one()
    error = reason.text or ""
    handler = None
    if not reason.not_understood:
        states = (state for _, state in handler_states(tx, [row.seq]))
        handler = next((each.handler for each in states if each.is_why(error)), None)
    others = failed.get(reason, {})
    also_failed = {name: count for name, count in others.items() if name != handler}
    conflict = error == CONFLICTS.format("…")
    kind: Any = "not understood" if reason.not_understood else "handler"
    return DeadCause(
        id=reason.cause,
        kind="conflict" if conflict else kind,
        handler=handler,
        error=error.removeprefix(f"{handler}: "),
        count=row.count,
        oldest=at(row.oldest),
        newest=at(row.newest),
        example=Identity(*example),
        also_failed=also_failed,
    )
