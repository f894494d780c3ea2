"""The tables of the inbox, and bringing them up to date."""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import InboxUnavailable
from .upgrades import UPGRADES

SCHEMA_VERSION = 3

_SCHEMA_LOCK = 0x59436C6F  # an advisory lock of our own in PostgreSQL

#: What ``due_at`` or ``parked_due_at`` has more than it would have, while a pause holds the
#: event: no clock comes that far.
HELD = 1e12

metadata = sa.MetaData()

#: Of an event: its order of arrival. SQLite counts up in INTEGER alone.
_POSITION = sa.BigInteger().with_variant(sa.Integer, "sqlite")

#: Beside the version a random key: what is hashed with it cannot be guessed by who has
#: only some rows of the tables.
schema = sa.Table(
    "ycloud_schema",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("secret", sa.LargeBinary),
    # Up to that event, names in those that an older version has stored are not indexed.
    sa.Column("unindexed", _POSITION),
)

#: ``due_at`` is when somebody must look at the event: 0 for an event that was never tried,
#: in order of arrival; the time of the next try; or the end of its lease while it runs.
#: NULL says nobody: the event is settled, or it is parked behind another one of its
#: conversation. ``parked_due_at`` is then the ``due_at`` that it gets when that one ends.
#: The indexes leave those rows out, so no claim meets them. Of an event that a pause holds,
#: one of the two is so much later (``HELD``): ``parked_due_at`` if what follows in its
#: conversation waits for it, and ``due_at`` if only some handler of it waits.
events = sa.Table(
    "ycloud_events",
    metadata,
    sa.Column("seq", _POSITION, primary_key=True),  # order of arrival
    sa.Column("id", sa.String(255), nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False, server_default=""),
    sa.Column("endpoint_id", sa.String(255)),  # at YCloud, as the delivery says
    sa.Column("type", sa.String(128)),  # NULL: not understood
    sa.Column("key", sa.String(32)),  # of its conversation: a name, hashed
    sa.Column("received_at", sa.Double, nullable=False),
    sa.Column("signed_at", sa.Double),  # by YCloud's clock
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("due_at", sa.Double),
    sa.Column("parked_due_at", sa.Double),
    sa.Column("attempt", sa.Integer, nullable=False),  # claims so far: the fencing token
    sa.Column("crashes", sa.Integer, nullable=False),  # processes that died handling it
    sa.Column(
        "started_at", sa.Double
    ),  # of the handler that runs, once it is worth telling
    sa.Column("handler", sa.Text),  # its name
    sa.Column("unhandled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("settled_at", sa.Double),
    # Why it is a dead letter, or discarded; or for which paused handler it is held.
    sa.Column("reason", sa.Text),
    sa.Column("redeliveries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("redelivered_at", sa.Double),
    # Whether the last redelivery had another body, and the id of the first that had.
    sa.Column("differs", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("conflict_id", sa.Text),
    sa.Column("traceparent", sa.String(55)),  # W3C Trace Context, of the accept
    # Where the delivery came from; empty for YCloud.
    sa.Column("origin", sa.Text, nullable=False, server_default=""),
    sa.Column("emptied_at", sa.Double),  # since then it has no body
    sa.Column("body_key", sa.String(16)),  # which key encrypted it; NULL: none
    sa.Column("body_hash", sa.String(32)),  # of the plain body, for as long as the row is
    sa.Column("body", sa.LargeBinary, nullable=False),  # last: reads of the rest skip it
)


#: The order of arrival of what is parked. As an expression, for which there is one index:
#: PostgreSQL might look for ``seq`` by the primary key, and go through all that is done.
ARRIVAL = events.c.seq + sa.literal_column("0")


def _partial(name: str, *columns: Any, where: str, unique: bool = False) -> None:
    sa.Index(
        f"{'ux' if unique else 'ix'}_ycloud_events_{name}",
        *(events.c[each] if isinstance(each, str) else each for each in columns),
        unique=unique,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


#: An event is known by its endpoint, its tenant and its id. The id comes first: people look
#: for it without the others.
IDENTITY = ("id", "endpoint", "tenant")
sa.Index("ux_ycloud_events_identity", *(events.c[each] for each in IDENTITY), unique=True)
#: The endpoint, for the index of when its events arrived. As an expression: SQLite might
#: use that index for other questions, and go through all that is done.
PLACE = events.c.endpoint + sa.literal_column("''")
sa.Index("ix_ycloud_events_arrivals", PLACE, events.c.received_at)
_partial("due", "endpoint", "tenant", "due_at", "seq", where="due_at IS NOT NULL")
_partial("key", "key", "due_at", "seq", where="due_at IS NOT NULL AND key IS NOT NULL")
_partial("parked", "key", ARRIVAL, where="parked_due_at IS NOT NULL")
# The database itself holds that a conversation has one running event at most.
_partial("running_key", "key", where="state = 'running'", unique=True)
_partial("dead", "seq", where="state = 'dead'")
# Each of these is in one index alone: what is done and has a body, and what else ends.
_partial("done", "settled_at", where="state = 'done' AND emptied_at IS NULL")
_ENDED = "state IN ('dead', 'deleted') OR emptied_at IS NOT NULL"
_partial("ended", "state", "settled_at", where=_ENDED)
_partial("body_key", "body_key", where="body_key IS NOT NULL")
_partial("unhandled", "seq", where="unhandled")
_partial("discarded", "seq", "settled_at", where="state = 'discarded'")
#: Whether a pause holds an event; as its index has it.
IS_HELD: sa.ColumnElement[bool] = sa.literal_column(
    f"(ycloud_events.due_at >= {HELD:.0f} OR ycloud_events.parked_due_at >= {HELD:.0f})"
)
_partial("held", "seq", where=f"due_at >= {HELD:.0f} OR parked_due_at >= {HELD:.0f}")

outcomes = sa.Table(
    "ycloud_outcomes",
    metadata,
    sa.Column("event_seq", _POSITION, primary_key=True),
    sa.Column("handler", sa.Text, primary_key=True),
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", sa.Double),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Column("seconds", sa.Double),
    sa.Column("error", sa.Text),
    sqlite_with_rowid=False,
)

#: Every run of a handler, for people to look at; nothing is decided by it.
attempts = sa.Table(
    "ycloud_attempts",
    metadata,
    sa.Column("event_seq", _POSITION, primary_key=True),
    sa.Column("handler", sa.Text, primary_key=True),
    sa.Column("ended_at", sa.Double, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("seconds", sa.Double),
    sa.Column("error", sa.Text),
    sqlite_with_rowid=False,
)

#: Which events a telephone number, a user id or the id of a message is in: keyed hashes of
#: what an event has when it is accepted. They end with its body. A block is 64 positions:
#: what arrives together is written to the same few pages, and a search looks once into each
#: block.
names = sa.Table(
    "ycloud_names",
    metadata,
    sa.Column("block", _POSITION, primary_key=True, autoincrement=False),
    sa.Column("hash", _POSITION, primary_key=True, autoincrement=False),
    sa.Column("event_seq", _POSITION, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)


def block_of(seq: Any) -> Any:
    """The block of a position, which is a number or a column."""
    return seq >> 6 if isinstance(seq, int) else seq.op(">>")(sa.literal_column("6"))


#: The conversation that a customer's name stands for, where one has several: both are the
#: hashes that ``events.key`` has.
conversations = sa.Table(
    "ycloud_conversations",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("key", sa.String(32), nullable=False, index=True),
    sa.Column("seen_at", sa.Double, nullable=False, index=True),
)

#: How many deliveries were rejected in an hour, since 1970, and why: a word.
rejections = sa.Table(
    "ycloud_rejections",
    metadata,
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("reason", sa.String(32), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)

#: What is not handled for now: an endpoint, a type or a pattern, a handler, or all.
pauses = sa.Table(
    "ycloud_pauses",
    metadata,
    sa.Column("kind", sa.String(8), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("since", sa.Double, nullable=False),
)

#: The processes that handle, and the last heartbeat of each.
workers = sa.Table(
    "ycloud_workers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("seen_at", sa.Double, nullable=False),
)


#: The names of all of them.
TABLES = frozenset(metadata.tables)


def are_current(connection: Connection) -> bool:
    """Whether the tables are there and up to date. It takes no lock."""
    return _version(connection) == SCHEMA_VERSION


def make_tables(connection: Connection) -> int:
    """Make the tables, or bring older ones up to date.

    :param connection: in a transaction that keeps other writers out.
    :returns: their version.
    :raises InboxUnavailable: if a newer flask-ycloud made them.
    """
    if connection.dialect.name == "postgresql":
        # Two processes may start together; CREATE … IF NOT EXISTS can collide.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
    version = _version(connection)
    if version is None:
        metadata.create_all(connection)
        new = {"version": SCHEMA_VERSION, "secret": os.urandom(32)}
        connection.execute(schema.insert().values(new))
        return SCHEMA_VERSION
    if version > SCHEMA_VERSION:
        raise InboxUnavailable(
            f"The inbox has tables of version {version}; this flask-ycloud knows version"
            f" {SCHEMA_VERSION}. Install the one that made them, or newer."
        )
    for older in range(version, SCHEMA_VERSION):
        for step in UPGRADES[older][connection.dialect.name]:
            if callable(step):
                step(connection)
            else:
                connection.exec_driver_sql(step)
    if version < SCHEMA_VERSION:
        connection.execute(schema.update().values(version=SCHEMA_VERSION))
    return SCHEMA_VERSION


def secret_of(connection: Connection) -> bytes:
    """The random key of this database, made with its tables."""
    known = sa.select(schema.c.secret).where(schema.c.secret.is_not(None))
    secret: bytes = connection.execute(known).scalars().first() or b""
    return secret


def _version(connection: Connection) -> int | None:
    if not sa.inspect(connection).has_table(schema.name):
        return None
    return connection.execute(sa.select(schema.c.version)).scalar()
