"""The statements of an event's way through the tables, each built once.

SQLite executes them in one transaction, so several may follow each other. On PostgreSQL
each is one statement that commits as it ends: arrays carry a whole batch.
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

#: An insert that may meet a row that is there, by dialect.
INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

#: The states of an event. As literals, since a database cannot tell that a parameter
#: will fit a partial index.
STATES = {
    name: events.c.state == sa.literal_column(f"'{name}'")
    for name in ("pending", "running", "done", "dead", "discarded", "deleted")
}

#: Whether no handler was subscribed to an event that is done; as its index has it.
UNHANDLED: Any = sa.literal_column("unhandled")

# Where nothing else says of which table a column is.
_RUNNING: Any = sa.literal_column("'running'")

_LINE_BREAK: Any = sa.literal("\n", sa.Text)


class position(FunctionElement[int]):
    """Where a text has another text for the first time, from 1; 0 if it does not."""

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
    """Of an error its type and place. The message is below."""
    return sa.func.substr(text, 1, position(text + _LINE_BREAK, _LINE_BREAK) - 1)


def below_first_line(text: Any) -> Any:
    """Of an error its message; the whole text if it has one line."""
    return sa.func.substr(text, position(text, _LINE_BREAK) + 1)


def starts_with(text: Any, start: str) -> sa.ColumnElement[bool]:
    """Whether a text starts so. Unlike LIKE, it tells upper from lower case on SQLite."""
    found: sa.ColumnElement[bool] = sa.func.substr(text, 1, len(start)) == start
    return found


class Batch:
    """Arrays of values, as a table in a statement of PostgreSQL.

    :param name: what the table is called, and what its parameters begin with.
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
        """The parameters that these rows make."""
        rows = list(rows)
        return {self._prefix + each: [row[each] for row in rows] for each in self._columns}


def _plain(column_type: Any) -> Any:
    """A type without its length: PostgreSQL refuses what is too long, and casts cut it."""
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
    names=events.c.id,  # as hashes: a text, as PostgreSQL writes an array of numbers
)


def _somebody_is_ahead(key: Any, now: Any) -> Any:
    """Whether an event of that conversation runs, is due or is parked.

    An event that waits for its retry is not ahead of anybody.
    """
    other = events.alias("other")
    same = other.c.key == key
    return (
        _first(other, same, other.c.state == _RUNNING)
        | _first(other, same, other.c.due_at <= now, by=(other.c.due_at, other.c.seq))
        | _first(other, same, other.c.parked_due_at.is_not(None), by=(_arrival(other),))
    )


def _arrival(table: Any) -> Any:
    """As ``ARRIVAL`` of the tables has it."""
    return table.c.seq + sa.literal_column("0")


def _first(table: Any, *which: Any, by: tuple[Any, ...] = ()) -> Any:
    """Whether there is such a row, found by one look at an index in that order.

    Without an order PostgreSQL may think that it soon meets one by going through the
    table, where those that are done lie first.
    """
    one = sa.select(table.c.seq).where(*which).order_by(*by)
    return one.limit(sa.literal_column("1")).scalar_subquery().is_not(None)


def _insert(dialect: str, given: Any, follows: Any, source: Any) -> Any:
    """Insert events, or count that they arrived again; give ids and what became of them.

    The key that is given is a name of the conversation, which may be known by another one.
    """
    key = sa.func.coalesce(conversations.c.key, given["key"])
    ahead = key.is_not(None) & (follows | _somebody_is_ahead(key, given["received_at"]))
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
    # Without a WHERE, SQLite would take the ON of ON CONFLICT for that of a join.
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
    """On PostgreSQL: insert events, and in the same statement the names in new ones.

    :param hashes: those of the names, as a text.
    :param given: what tells of which event they are. One that was there before has more
        redeliveries than it has now.
    :param source: the table that has both, if there is one.
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
    """Whether a redelivery has another body, which the hash tells without the body."""
    other = events.c.body_hash != excluded.body_hash
    return sa.func.coalesce(other, sa.false())


def _insert_one(dialect: str) -> Statement:
    def given(name: str) -> Any:
        column_type = events.c[name].type
        bound = bindparam(name, type_=column_type, required=True)
        # PostgreSQL does not know of what type a NULL is.
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
#: On SQLite: one name in an event that was inserted. Whatever somebody else has left there,
#: no delivery is rejected for it.
NAME = Statement(_name.on_conflict_do_nothing())

# -- claim -----------------------------------------------------------------------------


def _due(*which: Any) -> tuple[Any, Any]:
    """Events that are due, in their order: those never tried, and those tried before.

    ``turn`` is when each fell due.
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
    """The same, with turns that go up even where the clock stepped back.

    :param lane: what tells the lanes apart, where there are several.
    """
    turn = part.c.turn
    if number == 0:  # those never tried
        turn = sa.func.max(turn).over(partition_by=lane, order_by=part.c.seq).label("turn")
    return sa.select(part.c.seq, turn)


_IDENTIFIED = tuple(events.c[name] == bindparam(f"{name}_") for name in IDENTITY)
_THE_ONE = (*_IDENTIFIED, events.c.due_at <= bindparam("now_"))


def _must_wait(event: Any) -> Any:
    """Whether another event of its conversation runs, or is next and arrived before."""
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
    # What runs already, by a claim that has run out, is the one for which others wait.
    waits = runs | before | parked
    return event.c.key.is_not(None) & (event.c.state != _RUNNING) & waits


_CLAIMED = (
    "seq", "attempt", "id", "endpoint", "tenant", "endpoint_id", "key", "received_at",
    "crashes", "traceparent", "body", "body_key",
)  # fmt: skip


def _take(**also: Any) -> Any:
    """Claim an event until ``until_``. Its process died if nobody ended an earlier claim.

    That counts as a crash only if its handlers had been noted as started: what waited
    for its turn in that process has nothing to do with its death.
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

#: On SQLite: the next due events of a lane, and what a claim must know of them; and the
#: same of one event.
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
    """On PostgreSQL: claim what is free, and park what must wait for its conversation.

    It gives a row for each event that was met: what was claimed, or nothing if it was
    parked; and then the key and the lane.
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

# -- questions about what is due -------------------------------------------------------


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


#: Events of an endpoint that were due by ``then_``, and have been in the inbox since, the
#: oldest first.
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

#: The tenants of an endpoint behind ``after_`` who have unsettled events, up to ``most_``.
#: Each is found by one look at the index, however many events wait.
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

# The columns that are written of a claim, and of each run of a handler.
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

#: What is saved of a claim, and of the runs of its handlers.
CLAIMS = Batch("claim", **_CLAIM_COLUMNS)
RUNS = Batch("run", **_RUN_COLUMNS)


def _settle(given: Any, *, empties: bool) -> Any:
    """End or renew a claim; nothing if it is no longer theirs.

    :param empties: whether the body of an event ends with its success.
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
    """Drop the messages of errors of some events: all but the first line.

    :param table: of the outcomes or of the attempts. Both keep the messages.
    """
    error = table.c.error
    with_message = table.c.event_seq.in_(seqs) & (position(error, _LINE_BREAK) > 0)
    return table.update().where(with_message).values(error=first_line(error))


def _keep(dialect: str, given: Any, source: Any) -> tuple[Any, Any]:
    """Insert or renew a handler's outcome, and insert the run that it stands so by."""
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


#: On SQLite, each for one claim: its row, and then the runs of its handlers.
SETTLE = Statement(_settle(_bound(**_CLAIM_COLUMNS), empties=False))
SETTLE_AND_EMPTY = Statement(_settle(_bound(**_CLAIM_COLUMNS), empties=True))
KEEP = tuple(Statement(each) for each in _keep("sqlite", _bound(**_RUN_COLUMNS), None))


def _save_all(*, empties: bool) -> Statement:
    """On PostgreSQL: all of it. It gives the claims that were still theirs."""
    held = _settle(CLAIMS.c, empties=empties).cte("held")
    source = RUNS.table.join(held, held.c.seq == RUNS.c.seq)
    also = [insert.cte() for insert in _keep("postgresql", RUNS.c, source)]
    if empties:
        settled = CLAIMS.table.join(held, held.c.seq == CLAIMS.c.seq)
        done = sa.select(held.c.seq).select_from(settled).where(CLAIMS.c.state == "done")
        also.append(quieten(attempts, done).cte())
        # One statement cannot change a row twice, and it writes the outcomes of the runs.
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

#: On SQLite: the errors of an event that is emptied.
QUIETEN = tuple(
    Statement(quieten(each, (bindparam("seq_"),))) for each in (outcomes, attempts)
)
#: And the names in it.
FORGET_NAMES = Statement(
    names.delete().where(
        names.c.block == bindparam("block_"), names.c.event_seq == bindparam("seq_")
    )
)


# What a pause holds is not released by the end of another event.
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
        .with_for_update(skip_locked=True)  # another process releases that one just now
        .correlate(*correlated)
        .scalar_subquery()
    )


def _nobody_is_ahead(key: Any, *correlated: Any) -> Any:
    """Whether no event of that conversation runs or is due."""
    other = events.alias("other")
    same = sa.select(other.c.seq).where(other.c.key == key).correlate(*correlated)
    due = other.c.due_at <= bindparam("now_")
    return ~same.where(other.c.state == _RUNNING).exists() & ~same.where(due).exists()


_one = _release.where(events.c.seq == _next_parked(bindparam("key_")))

#: On SQLite: make the next parked event of a conversation due; and the same where no event
#: of it runs or is due.
RELEASE_ONE = Statement(_one.returning(*_RELEASED))
RELEASE_ORPHAN = Statement(
    _one.where(_nobody_is_ahead(bindparam("key_"))).returning(*_RELEASED)
)


def _release_all(*, orphans: bool) -> Statement:
    """Make the next parked event of each of many conversations due.

    :param orphans: only where no event of theirs runs or is due.
    """
    keys = sa.func.unnest(
        sa.cast(bindparam("keys_"), postgresql.ARRAY(sa.Text))
    ).table_valued(sa.column("key", sa.Text))
    keys = keys.render_derived(name="keys")
    chosen = sa.select(_next_parked(keys.c.key, keys).label("seq")).select_from(keys)
    if orphans:
        chosen = chosen.where(_nobody_is_ahead(keys.c.key, keys))
    return Statement(_release.where(events.c.seq.in_(chosen)).returning(*_RELEASED))


#: On PostgreSQL: the same for many conversations.
RELEASE_ALL = _release_all(orphans=False)

#: On PostgreSQL: the same where no event of theirs runs or is due. What parked an event
#: saw one ahead of it, and that one may have ended in the same instant.
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

#: Whether a claim has ended already, by this attempt.
ENDED = Statement(
    sa.select(events.c.seq).where(
        events.c.seq == bindparam("seq_"),
        events.c.attempt == bindparam("attempt_"),
        ~STATES["running"],
    )
)

#: Note which handler runs, and since when.
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

#: On PostgreSQL: those of many events.
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
    """How many events there are of each type and state, and since when."""
    columns = (events.c.type, events.c.state)
    figures = (sa.func.count(), sa.func.min(events.c.received_at))
    return sa.select(*columns, *figures).where(which).group_by(*columns)


#: Each over a partial index: none meets an event that is done.
COUNTS = (
    counts(events.c.due_at.is_not(None)),
    counts(events.c.parked_due_at.is_not(None)),
    counts(STATES["dead"]),
)
UNHANDLED_COUNT = sa.select(sa.func.count()).select_from(events).where(UNHANDLED)
DISCARDED_COUNT = sa.select(sa.func.count(events.c.seq)).where(STATES["discarded"])


def _waiting(column: Any, *which: Any, new: str, tried: str) -> Any:
    """How many events of each endpoint are pending, and what for."""
    held = column >= sa.literal_column(f"{HELD:.0f}")
    never = column == sa.literal_column("0")
    waits_for = sa.case((held, "pause"), (never, new), else_=tried).label("waits_for")
    query = sa.select(events.c.endpoint, waits_for, sa.func.count(events.c.seq))
    query = query.where(column.is_not(None), *which)
    return query.group_by(events.c.endpoint, sa.text("waits_for"))


#: What pending events wait for; over the same indexes.
WAITING = (
    _waiting(events.c.due_at, STATES["pending"], new="worker", tried="retry"),
    _waiting(events.c.parked_due_at, new="conversation", tried="conversation"),
)

#: The event for which a parked one waits: the one of its conversation that runs or is due,
#: or else the one parked before it.
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

#: The handlers that have run the longest, in processes that are alive.
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
        .with_for_update(skip_locked=True)  # another process prunes those
    )


# A part of what the index has.
_ENDED: Any = sa.literal_column("state IN ('dead', 'deleted')")

#: What is old, each found by an index: events that are done, with a body and without, and
#: dead letters.
OLD_WITH_BODY = _old(STATES["done"], events.c.emptied_at.is_(None))
OLD_EMPTIED = _old(STATES["done"], events.c.emptied_at.is_not(None))
OLD_DEAD = _old(_ENDED, STATES["dead"])

#: Whether the last delivery of an event came before ``known_``: no copy of it passes any
#: more.
FORGETTABLE = sa.and_(
    events.c.received_at < bindparam("known_"),
    sa.func.coalesce(events.c.redelivered_at, 0) < bindparam("known_"),
)

#: Events that were discarded, by an index of their own.
OLD_DISCARDED = _old(STATES["discarded"])
OLD_DISCARDED_WITH_BODY = _old(STATES["discarded"], events.c.emptied_at.is_(None))
#: Some deleted events whose ids need not be known any more.
OLD_DELETED = _old(_ENDED, STATES["deleted"], FORGETTABLE)


def delete(which: Any) -> Any:
    """Leave of events their ids alone, so that a copy of the delivery stays a duplicate."""
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


#: The id of the other body that came under an event's id.
CONFLICT = sa.select(events.c.conflict_id).where(*_IDENTIFIED)

#: Keep on an event the id of the first other body that came under its id.
NOTE_CONFLICT = (
    events.update()
    .where(*_IDENTIFIED, events.c.conflict_id.is_(None))
    .values(conflict_id=bindparam("conflict_"))
    .returning(events.c.seq)
)


def same(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    """Whether a column has this text. What no database can hold, no row has."""
    return column == text if can_be_stored(text) else sa.false()


def can_be_stored(text: str) -> bool:
    """Whether a database can hold this text: without NUL and halves of characters."""
    return not any(each == "\0" or "\ud800" <= each <= "\udfff" for each in text)
