"""The statements of an event's way through the tables, each built once."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite

from .tables import attempts, events, outcomes

#: An insert that may meet a row that is there, by dialect.
INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

#: The states of an event. As literals, since a database cannot tell that a parameter
#: will fit a partial index.
STATES = {
    name: events.c.state == sa.literal_column(f"'{name}'")
    for name in ("pending", "running", "done", "dead")
}


def _due() -> sa.Select[tuple[int]]:
    """The next event to claim: due at ``now_``, and first of its key."""
    other = events.alias("other")
    ahead = sa.exists().where(
        other.c.key == events.c.key,
        other.c.seq != events.c.seq,
        other.c.due_at.is_not(None),
        (other.c.state == sa.literal_column("'running'"))
        | ((other.c.due_at <= bindparam("now_")) & (other.c.seq < events.c.seq)),
    )
    return (
        sa.select(events.c.seq)
        .where(events.c.due_at <= bindparam("now_"), events.c.key.is_(None) | ~ahead)
        .order_by(events.c.due_at, events.c.seq)
        .limit(1)
    )


def _take(due: sa.Select[tuple[int]]) -> Any:
    """Claim that event until ``until_``. A claim that nobody settled counts as a crash."""
    chosen = due.with_for_update(skip_locked=True).scalar_subquery()
    crashed = sa.case((STATES["running"], 1), else_=0)
    claimed = (
        "seq", "attempt", "id", "endpoint", "key", "received_at", "crashes",
        "traceparent", "body",
    )  # fmt: skip
    return (
        events.update()
        .where(events.c.seq == chosen)
        .values(
            state="running",
            due_at=bindparam("until_"),
            attempt=events.c.attempt + 1,
            crashes=events.c.crashes + crashed,
        )
        .returning(*(events.c[name] for name in claimed))
    )


DUE = _due()
TAKE_NEXT = _take(DUE)
TAKE_ONE = _take(DUE.where(events.c.id == bindparam("id_")))

#: The soonest that an event is due after ``now_``: a retry, or the end of a lease.
SOONEST = sa.select(sa.func.min(events.c.due_at)).where(events.c.due_at > bindparam("now_"))

#: Events that were due by ``then_``, and are in the inbox since before, the oldest first.
OVERDUE = (
    sa.select(events.c.id)
    .where(
        events.c.due_at <= bindparam("then_"), events.c.received_at <= bindparam("then_")
    )
    .order_by(events.c.due_at, events.c.seq)
)

#: The next due event of the key ``key_``.
FOLLOWER = (
    sa.select(events.c.id)
    .where(events.c.key == bindparam("key_"), events.c.due_at <= bindparam("now_"))
    .order_by(events.c.seq)
    .limit(1)
)

# None of these changes anything of a claim that is no longer theirs.
_still_theirs = events.update().where(
    events.c.seq == bindparam("seq_"),
    events.c.attempt == bindparam("attempt_"),
    STATES["running"],
)
RENEW = _still_theirs.values(due_at=bindparam("until_"))
RENEW_ALL = (
    events.update()
    .where(
        sa.tuple_(events.c.seq, events.c.attempt).in_(bindparam("claims_", expanding=True)),
        STATES["running"],
    )
    .values(due_at=bindparam("until_"))
)
SETTLE = _still_theirs.values(
    state=bindparam("state_"),
    due_at=bindparam("until_"),
    reason=bindparam("reason_"),
    settled_at=bindparam("settled_"),
)


def _of_event(table: sa.Table, *names: str) -> sa.Select[Any]:
    columns = (table.c[name] for name in names)
    return sa.select(*columns).where(table.c.event_seq == bindparam("seq_"))


OUTCOMES = _of_event(
    outcomes, "handler", "state", "attempts", "next_at", "error", "seconds"
).order_by(outcomes.c.handler)
ATTEMPTS = _of_event(
    attempts, "handler", "number", "state", "ended_at", "seconds", "error"
).order_by(attempts.c.ended_at)


@cache
def new_events(dialect: str) -> Any:
    """Insert events, or count that they came again; give their ids and that count."""
    insert = INSERTS[dialect](events)
    again = {
        "redeliveries": events.c.redeliveries + 1 + insert.excluded.redeliveries,
        "redelivered_at": insert.excluded.received_at,
    }
    insert = insert.on_conflict_do_update(index_elements=["id"], set_=again)
    return insert.returning(events.c.id, events.c.redeliveries)


@cache
def save(dialect: str, *, settles: bool, ran: bool) -> tuple[Any, ...]:
    """End or renew a claim, and keep how a handler ran; nothing if it is not theirs.

    The first statement gives a row if it is theirs; else the others must not follow.
    PostgreSQL does all in one, which holds no lock when it has ended.
    """
    claim = (SETTLE if settles else RENEW).returning(events.c.seq)
    if not ran:
        return (claim,)
    if dialect == "sqlite":
        return claim, *_keep(dialect, bindparam("seq_", type_=events.c.seq.type))
    held = claim.cte("held")
    keep = [insert.cte() for insert in _keep(dialect, held.c.seq)]
    return (sa.select(held.c.seq).add_cte(*keep),)


def _keep(dialect: str, seq: sa.ColumnElement[int]) -> tuple[Any, Any]:
    """Insert or renew a handler's outcome, and insert the run that it stands so by."""
    run = {"handler": "handler_", "state": "ran_", "seconds": "seconds_", "error": "error_"}
    outcome = run | {"attempts": "number_", "next_at": "next_at_", "updated_at": "now_"}
    attempt = run | {"number": "number_", "ended_at": "now_"}
    kept = _insert_one(dialect, outcomes, seq, outcome)
    kept = kept.on_conflict_do_update(
        index_elements=["event_seq", "handler"],
        set_={name: kept.excluded[name] for name in outcome if name != "handler"},
        where=outcomes.c.state != "succeeded",  # what has succeeded stays so
    )
    return kept, _insert_one(dialect, attempts, seq, attempt).on_conflict_do_nothing()


def _insert_one(
    dialect: str, table: sa.Table, seq: sa.ColumnElement[int], row: dict[str, str]
) -> Any:
    values = [bindparam(bound, type_=table.c[name].type) for name, bound in row.items()]
    # Without a WHERE, SQLite would take the ON of ON CONFLICT for that of a join.
    one = sa.select(seq, *values).where(sa.true())
    return INSERTS[dialect](table).from_select(["event_seq", *row], one)


def counts(which: sa.ColumnElement[bool]) -> Any:
    """How many events there are of each type and state, and since when."""
    columns = (events.c.type, events.c.state)
    figures = (sa.func.count(), sa.func.min(events.c.received_at))
    return sa.select(*columns, *figures).where(which).group_by(*columns)


#: Each over a partial index: neither meets an event that is done.
UNSETTLED = counts(events.c.due_at.is_not(None))
DEAD = counts(STATES["dead"])

#: Some events that were done before ``then_``, the oldest first.
OLD = (
    sa.select(events.c.seq)
    .where(STATES["done"], events.c.settled_at < bindparam("then_"))
    .order_by(events.c.settled_at)
    .limit(500)
)


def newest(
    state: str | None, type: str | None = None, endpoint: str | None = None
) -> sa.Select[Any]:
    """The newest events, of one state, type or endpoint if it is given.

    :raises ValueError: if there is no such state.
    """
    if state is not None and state not in STATES:
        raise ValueError(f"No state {state!r}; there is {', '.join(STATES)}.")
    query, arrival = events.select(), events.c.seq
    if state in ("pending", "running"):
        # They are few: find them by their index and sort them. SQLite would go through
        # all events in order of arrival instead; the plus takes that order from it.
        arrival = sa.literal_column("+ycloud_events.seq")  # type: ignore[assignment]
        query = query.where(events.c.due_at.is_not(None))
    if state is not None:
        query = query.where(STATES[state])
    if type is not None:
        query = query.where(events.c.type == type)
    if endpoint is not None:
        query = query.where(events.c.endpoint == endpoint)
    return query.order_by(arrival.desc())
