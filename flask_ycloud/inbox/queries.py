"""The statements that accept, claim and save events, each built once.

On SQLite several statements are run in one transaction. On PostgreSQL each is one statement
that commits when it ends. Its parameters are arrays with the values of a whole batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from .driver import Statement
from .tables import (
    ARRIVAL,
    HELD,
    IDENTITY,
    attempts,
    block_of,
    conversations,
    events,
    names,
    outcomes,
)

#: An insert with ON CONFLICT, by dialect.
INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

#: The states of an event, as literals: with a parameter a database cannot know whether a
#: partial index applies.
STATES = {
    name: events.c.state == sa.literal_column(f"'{name}'")
    for name in ("pending", "running", "done", "dead", "discarded", "deleted")
}

#: Whether no handler was subscribed to an event that is done, as written in its index.
UNHANDLED: Any = sa.literal_column("unhandled")

# For conditions on an alias of the table.
_RUNNING: Any = sa.literal_column("'running'")

_LINE_BREAK: Any = sa.literal("\n", sa.Text)


class position(FunctionElement[int]):
    """The position of the first occurrence of a text in another, from 1; 0 if none."""

    name = "position"
    type = sa.Integer()
    inherit_cache = True


@compiles(position)
def _position(element: Any, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


@compiles(position, "sqlite")
def _position_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


def first_line(text: Any) -> Any:
    """The first line of an error: its type and place. The message follows below."""
    return sa.func.substr(text, 1, position(text + _LINE_BREAK, _LINE_BREAK) - 1)


def below_first_line(text: Any) -> Any:
    """The message of an error, or the whole text if it has one line."""
    return sa.func.substr(text, position(text, _LINE_BREAK) + 1)


def starts_with(text: Any, start: str) -> sa.ColumnElement[bool]:
    """Whether a text starts with another one. On SQLite, LIKE ignores the case."""
    found: sa.ColumnElement[bool] = sa.func.substr(text, 1, len(start)) == start
    return found


class Batch:
    """Arrays of values, used as a table in a statement on PostgreSQL.

    :param name: the name of the table, and the prefix of its parameters.
    :param columns: the column of our tables that each array is for.
    """

    def __init__(self, name: str, **columns: sa.Column[Any]) -> None:
        self._prefix = f"{name}_"
        self._columns = tuple(columns)
        arrays = (
            sa.cast(bindparam(self._prefix + each), postgresql.ARRAY(_plain(column.type)))
            for each, column in columns.items()
        )
        typed = (sa.column(each, _plain(column.type)) for each, column in columns.items())
        self.table = sa.func.unnest(*arrays).table_valued(*typed).render_derived(name=name)
        self.c = self.table.c

    def arrays(self, rows: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
        """The parameters for these rows."""
        rows = list(rows)
        return {self._prefix + each: [row[each] for row in rows] for each in self._columns}


def _plain(column_type: Any) -> Any:
    """A type without its length: a cast would cut a text that PostgreSQL must reject."""
    return sa.Text() if isinstance(column_type, sa.String) else column_type


# -- accept ----------------------------------------------------------------------------

_GIVEN = (
    "id", "endpoint", "tenant", "endpoint_id", "type", "key", "received_at", "signed_at",
    "state", "settled_at", "reason", "redeliveries", "traceparent", "origin", "body_key",
    "body_hash", "body",
)  # fmt: skip

NEW_EVENTS = Batch(
    "new",
    **{name: events.c[name] for name in (*_GIVEN, "due_at")},
    follows=events.c.unhandled,
    names=events.c.id,  # their hashes, as the text of a PostgreSQL array of numbers
)


def _something_is_ahead(key: Any, now: Any) -> Any:
    """Whether an event of that conversation runs, is due or is parked.

    An event that waits for its retry does not hold back others.
    """
    other = events.alias("other")
    same = other.c.key == key
    return (
        _first(other, same, other.c.state == _RUNNING)
        | _first(other, same, other.c.due_at <= now, by=(other.c.due_at, other.c.seq))
        | _first(other, same, other.c.parked_due_at.is_not(None), by=(_arrival(other),))
    )


def _arrival(table: Any) -> Any:
    """The same expression as ``ARRIVAL``, for an alias of the table."""
    return table.c.seq + sa.literal_column("0")


def _first(table: Any, *which: Any, by: tuple[Any, ...] = ()) -> Any:
    """Whether there is such a row, found with one lookup in an index with that order.

    Without an order PostgreSQL may scan the table instead, since it expects to find a row
    soon. But the table begins with the many events that are done.
    """
    one = sa.select(table.c.seq).where(*which).order_by(*by)
    return one.limit(sa.literal_column("1")).scalar_subquery().is_not(None)


def _insert(dialect: str, given: Any, follows: Any, source: Any) -> Any:
    """Insert events, or count a redelivery. Return the ids and what became of each.

    The key in ``given`` is a name of the conversation, which may be stored under another.
    """
    key = sa.func.coalesce(conversations.c.key, given["key"])
    ahead = key.is_not(None) & (follows | _something_is_ahead(key, given["received_at"]))
    due_at, nobody = given["due_at"], sa.null()
    columns = {
        **{name: given[name] for name in _GIVEN},
        "key": key,
        "due_at": sa.case((ahead, nobody), else_=due_at),
        "parked_due_at": sa.case((ahead, due_at), else_=nobody),
        "attempt": sa.literal_column("0"),
        "crashes": sa.literal_column("0"),
        "unhandled": sa.false(),
        "differs": sa.false(),
    }
    if source is None:
        source = sa.select(sa.literal_column("1")).subquery("one")
    known = source.outerjoin(conversations, conversations.c.name == given["key"])
    # Without a WHERE, SQLite would parse the ON of ON CONFLICT as that of a join.
    rows = sa.select(*columns.values()).select_from(known).where(sa.true())
    insert = INSERTS[dialect](events).from_select(list(columns), rows)
    insert = insert.on_conflict_do_update(
        index_elements=IDENTITY,
        set_={
            "redeliveries": events.c.redeliveries + 1 + insert.excluded.redeliveries,
            "redelivered_at": insert.excluded.received_at,
            "differs": _other_body(insert.excluded),
        },
    )
    return insert.returning(
        *(events.c[name] for name in IDENTITY),
        events.c.redeliveries,
        events.c.differs,
        events.c.parked_due_at.is_not(None).label("parked"),
        events.c.key,
        events.c.seq,
    )


def _with_names(insert: Any, hashes: Any, given: dict[str, Any], source: Any) -> Statement:
    """On PostgreSQL: insert events, and in the same statement the names in new events.

    :param hashes: the hashes of the names, as a text.
    :param given: the values that identify a new event. An event that was stored before has
        other redeliveries than these.
    :param source: the table that has the hashes and values, if there is one.
    """
    stored = insert.cte("stored")
    is_new = sa.and_(*(stored.c[name] == value for name, value in given.items()))
    each = sa.func.unnest(sa.cast(hashes, postgresql.ARRAY(sa.BigInteger)))
    found = each.table_valued(sa.column("hash", sa.BigInteger)).render_derived(name="name")
    both = stored if source is None else stored.join(source, is_new)
    rows = sa.select(block_of(stored.c.seq), found.c.hash, stored.c.seq)
    rows = rows.select_from(both.join(found, sa.true())).where(is_new)
    named = INSERTS["postgresql"](names).from_select(["block", "hash", "event_seq"], rows)
    named = named.on_conflict_do_nothing().cte("named")
    return Statement(sa.select(stored).add_cte(named))


def _other_body(excluded: Any) -> Any:
    """Whether a redelivery has another body, judging by the hash of the body."""
    other = events.c.body_hash != excluded.body_hash
    return sa.func.coalesce(other, sa.false())


def _insert_one(dialect: str) -> Statement:
    def given(name: str) -> Any:
        column_type = events.c[name].type
        bound = bindparam(name, type_=column_type, required=True)
        # PostgreSQL needs the cast, since it does not know the type of a NULL.
        return bound if dialect == "sqlite" else sa.cast(bound, _plain(column_type))

    event = {name: given(name) for name in (*_GIVEN, "due_at")}
    insert = _insert(dialect, event, sa.false(), None)
    if dialect == "sqlite":
        return Statement(insert)
    hashes = sa.cast(bindparam("names", required=True), sa.Text)
    return _with_names(insert, hashes, {"redeliveries": event["redeliveries"]}, None)


def _insert_many() -> Statement:
    given = dict(NEW_EVENTS.c.items())
    insert = _insert("postgresql", given, NEW_EVENTS.c.follows, NEW_EVENTS.table)
    these = {name: given[name] for name in (*IDENTITY, "redeliveries")}
    return _with_names(insert, given["names"], these, NEW_EVENTS.table)


INSERT_ONE = {name: _insert_one(name) for name in INSERTS}
INSERT_MANY = _insert_many()

_name = INSERTS["sqlite"](names).values(
    block=bindparam("block_"), hash=bindparam("hash_"), event_seq=bindparam("seq_")
)
#: On SQLite: one name in an event that was inserted. A row that already exists must not
#: reject the delivery.
NAME = Statement(_name.on_conflict_do_nothing())

# -- claim -----------------------------------------------------------------------------


def _due(*which: Any) -> tuple[Any, Any]:
    """Due events in their order: those that were never tried, and those tried before.

    ``turn`` is the time at which each became due.
    """
    order = (events.c.due_at, events.c.seq)
    return (
        sa.select(events.c.seq, events.c.received_at.label("turn"))
        .where(*which, events.c.due_at == sa.literal_column("0"))
        .order_by(*order)
        .limit(bindparam("each_")),
        sa.select(events.c.seq, events.c.due_at.label("turn"))
        .where(
            *which,
            events.c.due_at > sa.literal_column("0"),
            events.c.due_at <= bindparam("now_"),
        )
        .order_by(*order)
        .limit(bindparam("each_")),
    )


def _in_turn(number: int, part: Any, lane: Any = None) -> Any:
    """The same events, with turns that never decrease even if the clock was set back.

    :param lane: the column that identifies a lane, if there are several.
    """
    turn = part.c.turn
    if number == 0:  # events that were never tried
        turn = sa.func.max(turn).over(partition_by=lane, order_by=part.c.seq).label("turn")
    return sa.select(part.c.seq, turn)


_IDENTIFIED = tuple(events.c[name] == bindparam(f"{name}_") for name in IDENTITY)
_THE_ONE = (*_IDENTIFIED, events.c.due_at <= bindparam("now_"))


def _must_wait(event: Any) -> Any:
    """Whether another event of its conversation runs, or waits and arrived before it."""
    other = events.alias("other")
    same = other.c.key == event.c.key
    runs = _first(other, same, other.c.state == _RUNNING)
    before = _first(
        other,
        same,
        other.c.due_at <= bindparam("now_"),
        other.c.seq < event.c.seq,
        by=(other.c.due_at, other.c.seq),
    )
    parked = _first(
        other,
        same,
        other.c.parked_due_at.is_not(None),
        _arrival(other) < event.c.seq,
        by=(_arrival(other),),
    )
    # A running event whose claim has expired does not wait: the others wait for it.
    waits = runs | before | parked
    return event.c.key.is_not(None) & (event.c.state != _RUNNING) & waits


_CLAIMED = (
    "seq", "attempt", "id", "endpoint", "tenant", "endpoint_id", "key", "received_at",
    "crashes", "traceparent", "body", "body_key",
)  # fmt: skip


def _take(**also: Any) -> Any:
    """Claim an event until ``until_``. If an earlier claim has not ended, its process died.

    This counts as a crash only if a handler of the event had started. An event that waited
    for its turn in that process did not cause the crash.
    """
    crashed = STATES["running"] & events.c.started_at.is_not(None)
    return events.update().values(
        state="running",
        due_at=bindparam("until_"),
        attempt=events.c.attempt + 1,
        crashes=events.c.crashes + sa.case((crashed, 1), else_=0),
        started_at=sa.null(),
        handler=sa.null(),
        **also,
    )


def _candidates(endpoint: Any, tenant: Any) -> Any:
    lane = (events.c.endpoint == endpoint, events.c.tenant == tenant)
    parts = [_in_turn(number, part.subquery()) for number, part in enumerate(_due(*lane))]
    union = sa.union_all(*parts).subquery("turns")
    order = (union.c.turn, union.c.seq)
    return sa.select(*order).order_by(*order).limit(bindparam("each_"))


def _with_state(due: Any) -> Statement:
    chosen = due.subquery("chosen")
    columns = (
        chosen.c.turn, events.c.seq, events.c.state, events.c.due_at, _must_wait(events)
    )  # fmt: skip
    return Statement(
        sa.select(*columns)
        .select_from(chosen.join(events, events.c.seq == chosen.c.seq))
        .order_by(chosen.c.turn, chosen.c.seq)
    )


_LANE: tuple[Any, Any] = (bindparam("endpoint_"), bindparam("tenant_"))

#: On SQLite: the next due events of a lane, or one event, with the columns that decide
#: whether it can be claimed.
CANDIDATES = _with_state(_candidates(*_LANE))
CANDIDATE = _with_state(
    sa.select(events.c.seq, events.c.due_at.label("turn")).where(*_THE_ONE)
)

TAKE = Statement(
    _take()
    .where(events.c.seq == bindparam("seq_"))
    .returning(*(events.c[name] for name in _CLAIMED))
)
_park = events.update().values(parked_due_at=events.c.due_at, due_at=None)
PARK = Statement(_park.where(events.c.seq == bindparam("seq_")).returning(events.c.key))


def _claim_in_one(*found: Any) -> Statement:
    """On PostgreSQL: claim free events, and park events that must wait.

    It returns a row for each event found: the columns of the claim, which are NULL if the
    event was parked, then the key and the lane.
    """
    parts = [each.cte(f"due{number}") for number, each in enumerate(found)]
    union = sa.union_all(
        *(sa.select(part.c.seq, part.c.turn, part.c.place) for part in parts)
    )
    both = union.subquery("both")
    rank = sa.func.row_number().over(
        partition_by=both.c.place, order_by=(both.c.turn, both.c.seq)
    )
    ranked = sa.select(both, rank.label("rank")).subquery("ranked")
    turns = (
        sa.select(ranked.c.seq, ranked.c.turn)
        .where(ranked.c.rank <= bindparam("each_"))
        .order_by(ranked.c.rank, ranked.c.place)
        .limit(bindparam("limit_"))
        .cte("turns")
    )
    met = (
        sa.select(
            turns.c.seq,
            turns.c.turn,
            events.c.key,
            events.c.endpoint,
            events.c.tenant,
            events.c.due_at,
            STATES["running"].label("taken_over"),
            _must_wait(events).label("waits"),
        )
        .select_from(turns.join(events, events.c.seq == turns.c.seq))
        .cte("met")
    )
    taken = (
        _take()
        .where(events.c.seq == met.c.seq, ~met.c.waits)
        .returning(*(events.c[name] for name in _CLAIMED))
        .cte("taken")
    )
    parked = _park.where(events.c.seq == met.c.seq, met.c.waits).cte("parked")
    columns = (
        *(taken.c[name] for name in _CLAIMED),
        met.c.due_at,
        met.c.taken_over,
        met.c.key,
        met.c.endpoint,
        met.c.tenant,
    )
    return Statement(
        sa.select(*columns)
        .select_from(met.outerjoin(taken, taken.c.seq == met.c.seq))
        .order_by(met.c.turn, met.c.seq)
        .add_cte(parked)
    )


_ENDPOINTS = sa.cast(bindparam("endpoints_"), postgresql.ARRAY(sa.Text))
_TENANTS = sa.cast(bindparam("tenants_"), postgresql.ARRAY(sa.Text))
_PLACES = sa.cast(bindparam("places_"), postgresql.ARRAY(sa.Integer))


def _claim_next() -> Statement:
    names = (sa.column("endpoint", sa.Text), sa.column("tenant", sa.Text))
    place = sa.column("place", sa.Integer)
    mine = sa.func.unnest(_ENDPOINTS, _TENANTS, _PLACES).table_valued(*names, place)
    mine = mine.render_derived(name="mine")
    lane = (events.c.endpoint == mine.c.endpoint, events.c.tenant == mine.c.tenant)
    found = []
    for number, part in enumerate(_due(*lane)):
        lateral = part.with_for_update(skip_locked=True).lateral(f"each{number}")
        joined = sa.join(mine, lateral, sa.true())
        turns = _in_turn(number, lateral, mine.c.place).select_from(joined)
        found.append(turns.add_columns(mine.c.place))
    return _claim_in_one(*found)


CLAIM_NEXT = _claim_next()
CLAIM_ONE = _claim_in_one(
    sa.select(
        events.c.seq,
        events.c.due_at.label("turn"),
        sa.literal_column("0", sa.Integer).label("place"),
    )
    .where(*_THE_ONE)
    .with_for_update(skip_locked=True)
)

# -- queries for due events ------------------------------------------------------------


def _tenants() -> Statement:
    def following(tenant: Any) -> Any:
        other = events.alias("other")
        waits = (other.c.endpoint == bindparam("endpoint_"), other.c.due_at.is_not(None))
        query = sa.select(other.c.tenant).where(*waits, other.c.tenant > tenant)
        return query.order_by(other.c.tenant).limit(sa.literal_column("1"))

    after = sa.cast(bindparam("after_"), sa.Text)
    one: Any = sa.literal_column("1")
    first = sa.select(
        following(after).scalar_subquery().label("tenant"), one.label("number")
    ).cte("found", recursive=True)
    further = following(first.c.tenant).correlate(first).scalar_subquery()
    found = first.union_all(
        sa.select(further, first.c.number + one).where(
            first.c.tenant.is_not(None), first.c.number < bindparam("most_")
        )
    )
    return Statement(sa.select(found.c.tenant).where(found.c.tenant.is_not(None)))


#: Events of an endpoint that arrived before ``then_`` and were due then, the oldest first.
OVERDUE = (
    sa.select(*(events.c[name] for name in IDENTITY))
    .where(
        events.c.endpoint == bindparam("endpoint_"),
        events.c.due_at <= bindparam("then_"),
        events.c.received_at <= bindparam("then_"),
    )
    .order_by(events.c.due_at, events.c.seq)
)

#: Since when the first event of an endpoint has been due.
DUE_SINCE = sa.select(
    sa.func.min(
        sa.case(
            (events.c.due_at == sa.literal_column("0"), events.c.received_at),
            else_=events.c.due_at,
        )
    )
).where(events.c.endpoint == bindparam("endpoint_"), events.c.due_at <= bindparam("now_"))

#: The tenants of an endpoint after ``after_`` that have unsettled events, up to ``most_``.
#: Each is found with one index lookup, however many events wait.
TENANTS = _tenants()

#: The next endpoint by name that has unsettled events.
NEXT_ENDPOINT = (
    sa.select(events.c.endpoint)
    .where(events.c.due_at.is_not(None), events.c.endpoint > bindparam("after_"))
    .order_by(events.c.endpoint)
    .limit(1)
)

#: The next due event of the key ``key_``.
FOLLOWER = (
    sa.select(*(events.c[name] for name in IDENTITY))
    .where(events.c.key == bindparam("key_"), events.c.due_at <= bindparam("now_"))
    .order_by(events.c.seq)
    .limit(1)
)

# -- save ------------------------------------------------------------------------------

# The columns that are written for a claim, and for each run of a handler.
_CLAIM_COLUMNS: dict[str, Any] = {
    name: events.c[name]
    for name in (
        "seq", "attempt", "state", "due_at", "reason", "settled_at", "unhandled",
    )
}  # fmt: skip
_RUN_COLUMNS: dict[str, Any] = {
    "seq": outcomes.c.event_seq,
    "handler": outcomes.c.handler,
    "state": outcomes.c.state,
    "number": attempts.c.number,
    "next_at": outcomes.c.next_at,
    "seconds": outcomes.c.seconds,
    "error": outcomes.c.error,
    "now": outcomes.c.updated_at,
}

#: The values to save of claims, and of the runs of their handlers.
CLAIMS = Batch("claim", **_CLAIM_COLUMNS)
RUNS = Batch("run", **_RUN_COLUMNS)


def _settle(given: Any, *, empties: bool) -> Any:
    """End or renew a claim, unless another process has taken it over.

    :param empties: whether the body of an event is deleted when the event has succeeded.
    """
    ends = given["state"] != _RUNNING
    emptied: dict[str, Any] = {}
    if empties:
        done = given["state"] == sa.literal_column("'done'")
        emptied = {
            "body": sa.case((done, sa.literal(b"")), else_=events.c.body),
            "body_key": sa.case((done, sa.null()), else_=events.c.body_key),
            "emptied_at": sa.case((done, given["settled_at"]), else_=sa.null()),
        }
    return (
        events.update()
        .where(
            events.c.seq == given["seq"],
            events.c.attempt == given["attempt"],
            STATES["running"],
        )
        .values(
            state=given["state"],
            due_at=given["due_at"],
            reason=given["reason"],
            settled_at=given["settled_at"],
            unhandled=given["unhandled"],
            started_at=sa.case((ends, sa.null()), else_=events.c.started_at),
            handler=sa.case((ends, sa.null()), else_=events.c.handler),
            **emptied,
        )
        .returning(events.c.seq)
    )


def quieten(table: sa.Table, seqs: Any) -> Any:
    """Drop the messages of the errors of some events. The first line is kept.

    :param table: the table of the outcomes or of the attempts. Both have the messages.
    """
    error = table.c.error
    with_message = table.c.event_seq.in_(seqs) & (position(error, _LINE_BREAK) > 0)
    return table.update().where(with_message).values(error=first_line(error))


def _keep(dialect: str, given: Any, source: Any) -> tuple[Any, Any]:
    """Insert or update a handler's outcome, and insert the run that it comes from."""
    run = {
        "event_seq": "seq", "handler": "handler", "state": "state", "seconds": "seconds",
        "error": "error",
    }  # fmt: skip
    outcome = run | {"attempts": "number", "next_at": "next_at", "updated_at": "now"}
    attempt = run | {"number": "number", "ended_at": "now"}

    def insert(table: sa.Table, row: dict[str, str]) -> Any:
        values = sa.select(*(given[each] for each in row.values())).where(sa.true())
        values = values if source is None else values.select_from(source)
        return INSERTS[dialect](table).from_select(list(row), values)

    kept = insert(outcomes, outcome)
    kept = kept.on_conflict_do_update(
        index_elements=["event_seq", "handler"],
        set_={name: kept.excluded[name] for name in outcome if name != "event_seq"},
        where=outcomes.c.state != "succeeded",  # a success is final
    )
    return kept, insert(attempts, attempt).on_conflict_do_nothing()


def _bound(**columns: sa.Column[Any]) -> dict[str, Any]:
    return {
        name: bindparam(name, type_=column.type, required=True)
        for name, column in columns.items()
    }


#: On SQLite, for one claim each: save its row, and then the runs of its handlers.
SETTLE = Statement(_settle(_bound(**_CLAIM_COLUMNS), empties=False))
SETTLE_AND_EMPTY = Statement(_settle(_bound(**_CLAIM_COLUMNS), empties=True))
KEEP = tuple(Statement(each) for each in _keep("sqlite", _bound(**_RUN_COLUMNS), None))


def _save_all(*, empties: bool) -> Statement:
    """On PostgreSQL: save claims and runs. It returns the claims that were still valid."""
    held = _settle(CLAIMS.c, empties=empties).cte("held")
    source = RUNS.table.join(held, held.c.seq == RUNS.c.seq)
    also = [insert.cte() for insert in _keep("postgresql", RUNS.c, source)]
    if empties:
        settled = CLAIMS.table.join(held, held.c.seq == CLAIMS.c.seq)
        done = sa.select(held.c.seq).select_from(settled).where(CLAIMS.c.state == "done")
        also.append(quieten(attempts, done).cte())
        # A statement cannot change a row twice, and it writes the outcomes of these runs.
        runs = sa.select(RUNS.c.seq).where(
            RUNS.c.seq == outcomes.c.event_seq, RUNS.c.handler == outcomes.c.handler
        )
        also.append(quieten(outcomes, done).where(~runs.exists()).cte())
        those = done.cte("emptied")
        theirs = (names.c.block == block_of(those.c.seq), names.c.event_seq == those.c.seq)
        also.append(names.delete().where(*theirs).cte())
    return Statement(sa.select(held.c.seq).add_cte(*also))


SAVE_ALL = _save_all(empties=False)
SAVE_ALL_AND_EMPTY = _save_all(empties=True)

#: On SQLite: drop the messages of the errors of an event that is emptied.
QUIETEN = tuple(
    Statement(quieten(each, (bindparam("seq_"),))) for each in (outcomes, attempts)
)
#: On SQLite: delete the names in an event that is emptied.
FORGET_NAMES = Statement(
    names.delete().where(
        names.c.block == bindparam("block_"), names.c.event_seq == bindparam("seq_")
    )
)


# The end of another event does not release events that a pause holds.
_release = (
    events.update()
    .where(events.c.parked_due_at < sa.literal_column(f"{HELD:.0f}"))
    .values(due_at=events.c.parked_due_at, parked_due_at=sa.null())
)
_RELEASED = tuple(events.c[name] for name in IDENTITY)
_parked = events.alias("parked")


def _next_parked(key: Any, *correlated: Any) -> Any:
    return (
        sa.select(_parked.c.seq)
        .where(_parked.c.key == key, _parked.c.parked_due_at.is_not(None))
        .order_by(_arrival(_parked))
        .limit(sa.literal_column("1"))
        .with_for_update(skip_locked=True)  # another process releases a locked one
        .correlate(*correlated)
        .scalar_subquery()
    )


def _nothing_is_ahead(key: Any, *correlated: Any) -> Any:
    """Whether no event of that conversation runs or is due."""
    other = events.alias("other")
    same = sa.select(other.c.seq).where(other.c.key == key).correlate(*correlated)
    due = other.c.due_at <= bindparam("now_")
    return ~same.where(other.c.state == _RUNNING).exists() & ~same.where(due).exists()


_one = _release.where(events.c.seq == _next_parked(bindparam("key_")))

#: On SQLite: make the next parked event of a conversation due; and the same, only if no
#: event of the conversation runs or is due.
RELEASE_ONE = Statement(_one.returning(*_RELEASED))
RELEASE_ORPHAN = Statement(
    _one.where(_nothing_is_ahead(bindparam("key_"))).returning(*_RELEASED)
)


def _release_all(*, orphans: bool) -> Statement:
    """Make the next parked event of each of many conversations due.

    :param orphans: only in conversations of which no event runs or is due.
    """
    keys = sa.func.unnest(
        sa.cast(bindparam("keys_"), postgresql.ARRAY(sa.Text))
    ).table_valued(sa.column("key", sa.Text))
    keys = keys.render_derived(name="keys")
    chosen = sa.select(_next_parked(keys.c.key, keys).label("seq")).select_from(keys)
    if orphans:
        chosen = chosen.where(_nothing_is_ahead(keys.c.key, keys))
    return Statement(_release.where(events.c.seq.in_(chosen)).returning(*_RELEASED))


#: On PostgreSQL: make the next parked event of each of many conversations due.
RELEASE_ALL = _release_all(orphans=False)

#: On PostgreSQL: the same for conversations of which no event runs or is due. An event was
#: parked because another was ahead of it, which may have ended at the same time.
RELEASE_ORPHANS = _release_all(orphans=True)

#: Some of the conversations in which events are parked, by their keys.
MANY_KEYS = 5_000
PARKED_KEYS = (
    sa.select(events.c.key)
    .where(events.c.parked_due_at.is_not(None), events.c.key > bindparam("after_"))
    .distinct()
    .order_by(events.c.key)
    .limit(MANY_KEYS)
)

#: Whether this attempt has ended its claim already.
ENDED = Statement(
    sa.select(events.c.seq).where(
        events.c.seq == bindparam("seq_"),
        events.c.attempt == bindparam("attempt_"),
        ~STATES["running"],
    )
)

#: Store which handler runs, and since when.
NOTE_START = Statement(
    events.update()
    .where(
        events.c.seq == bindparam("seq_"),
        events.c.attempt == bindparam("attempt_"),
        STATES["running"],
    )
    .values(handler=bindparam("handler_"), started_at=bindparam("started_"))
)

# -- outcomes --------------------------------------------------------------------------


def _of_event(table: sa.Table, *names: str) -> sa.Select[Any]:
    columns = (table.c[name] for name in names)
    return sa.select(*columns).where(table.c.event_seq == bindparam("seq_"))


_STATE = (
    "event_seq", "handler", "state", "attempts", "next_at", "error", "seconds",
    "updated_at",
)  # fmt: skip
OUTCOMES = Statement(_of_event(outcomes, *_STATE).order_by(outcomes.c.handler))

#: On PostgreSQL: the outcomes of many events.
OUTCOMES_OF = Statement(
    sa.select(*(outcomes.c[name] for name in _STATE))
    .where(
        outcomes.c.event_seq
        == sa.any_(sa.cast(bindparam("seqs_"), postgresql.ARRAY(sa.BigInteger)))
    )
    .order_by(outcomes.c.handler)
)
ATTEMPTS = _of_event(
    attempts, "handler", "number", "state", "ended_at", "seconds", "error"
).order_by(attempts.c.ended_at)

# -- counts ----------------------------------------------------------------------------


def counts(which: sa.ColumnElement[bool]) -> Any:
    """The number of events of each type and state, and when the oldest arrived."""
    columns = (events.c.type, events.c.state)
    figures = (sa.func.count(), sa.func.min(events.c.received_at))
    return sa.select(*columns, *figures).where(which).group_by(*columns)


#: Each reads a partial index, which does not contain events that are done.
COUNTS = (
    counts(events.c.due_at.is_not(None)),
    counts(events.c.parked_due_at.is_not(None)),
    counts(STATES["dead"]),
)
UNHANDLED_COUNT = sa.select(sa.func.count()).select_from(events).where(UNHANDLED)
DISCARDED_COUNT = sa.select(sa.func.count(events.c.seq)).where(STATES["discarded"])


def _waiting(column: Any, *which: Any, new: str, tried: str) -> Any:
    """The number of pending events of each endpoint, by what they wait for."""
    held = column >= sa.literal_column(f"{HELD:.0f}")
    never = column == sa.literal_column("0")
    waits_for = sa.case((held, "pause"), (never, new), else_=tried).label("waits_for")
    query = sa.select(events.c.endpoint, waits_for, sa.func.count(events.c.seq))
    query = query.where(column.is_not(None), *which)
    return query.group_by(events.c.endpoint, sa.text("waits_for"))


#: What pending events wait for, read from the same indexes.
WAITING = (
    _waiting(events.c.due_at, STATES["pending"], new="worker", tried="retry"),
    _waiting(events.c.parked_due_at, new="conversation", tried="conversation"),
)

#: The event that a parked event waits for: the event of its conversation that runs or is
#: due, or else the event that was parked before it.
_in_conversation = sa.select(events.c.id).where(events.c.key == bindparam("key_"))


def _ahead(*which: Any, by: tuple[Any, ...]) -> Any:
    one = _in_conversation.where(*which).order_by(*by).limit(sa.literal_column("1"))
    return one.scalar_subquery()


AHEAD = sa.select(
    sa.func.coalesce(
        _ahead(STATES["running"], by=()),
        _ahead(events.c.due_at <= bindparam("now_"), by=(events.c.due_at, events.c.seq)),
        _ahead(
            events.c.parked_due_at.is_not(None),
            bindparam("seq_") > ARRIVAL,
            by=(ARRIVAL.desc(),),
        ),
    )
)

#: The handlers that have run the longest, in processes that are running.
LONGEST_RUNNING = (
    sa.select(
        events.c.handler,
        events.c.id,
        events.c.started_at,
        events.c.endpoint,
        events.c.tenant,
    )
    .where(
        STATES["running"],
        events.c.started_at.is_not(None),
        events.c.due_at > bindparam("now_"),
    )
    .order_by(events.c.started_at)
    .limit(10)
)

PRUNED_AT_ONCE = 500


def _old(*which: Any) -> Any:
    """Some events that were settled before ``then_``, the oldest first."""
    return (
        sa.select(events.c.seq)
        .where(*which, events.c.settled_at < bindparam("then_"))
        .order_by(events.c.settled_at)
        .limit(PRUNED_AT_ONCE)
        .with_for_update(skip_locked=True)  # another process prunes locked ones
    )


# A part of the condition of the index.
_ENDED: Any = sa.literal_column("state IN ('dead', 'deleted')")

#: Old events, each kind found by an index: done events with a body and without, and dead
#: letters.
OLD_WITH_BODY = _old(STATES["done"], events.c.emptied_at.is_(None))
OLD_EMPTIED = _old(STATES["done"], events.c.emptied_at.is_not(None))
OLD_DEAD = _old(_ENDED, STATES["dead"])

#: Whether the last delivery of an event arrived before ``known_``. A later copy of that
#: delivery is rejected as too old.
FORGETTABLE = sa.and_(
    events.c.received_at < bindparam("known_"),
    sa.func.coalesce(events.c.redelivered_at, 0) < bindparam("known_"),
)

#: Old discarded events, found by an index of their own.
OLD_DISCARDED = _old(STATES["discarded"])
OLD_DISCARDED_WITH_BODY = _old(STATES["discarded"], events.c.emptied_at.is_(None))
#: Some deleted events whose ids are not needed any more.
OLD_DELETED = _old(_ENDED, STATES["deleted"], FORGETTABLE)


def delete(which: Any) -> Any:
    """Delete all data of events but their ids, so that a redelivery stays a duplicate."""
    return (
        events.update()
        .where(which, ~STATES["running"], ~STATES["deleted"])
        .values(
            state="deleted",
            body=b"",
            body_key=None,
            key=None,
            traceparent=None,
            reason=None,
            due_at=None,
            parked_due_at=None,
            unhandled=False,
            settled_at=bindparam("now_"),
            emptied_at=sa.func.coalesce(events.c.emptied_at, bindparam("now_")),
        )
    )


#: The id under which another body with an event's id was stored.
CONFLICT = sa.select(events.c.conflict_id).where(*_IDENTIFIED)

#: Store with an event the id of the first other body that had the event's id.
NOTE_CONFLICT = (
    events.update()
    .where(*_IDENTIFIED, events.c.conflict_id.is_(None))
    .values(conflict_id=bindparam("conflict_"))
    .returning(events.c.seq)
)


def same(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    """Whether a column has this text. No row has a text that cannot be stored."""
    return column == text if can_be_stored(text) else sa.false()


def can_be_stored(text: str) -> bool:
    """Whether a database can store this text: without NUL and surrogates."""
    return not any(each == "\0" or "\ud800" <= each <= "\udfff" for each in text)
