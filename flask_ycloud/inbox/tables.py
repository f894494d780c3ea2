"""The tables of the inbox. Create them and bring them up to date."""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import InboxUnavailable
from .upgrades import UPGRADES

SCHEMA_VERSION = 3

_SCHEMA_LOCK = 0x59436C6F  # the key of our advisory lock in PostgreSQL

#: Added to ``due_at`` or ``parked_due_at`` while a pause holds the event. No clock reaches
#: such a time.
HELD = 1e12

metadata = sa.MetaData()

#: The type of an event's order of arrival. On SQLite only INTEGER counts up automatically.
_POSITION = sa.BigInteger().with_variant(sa.Integer, "sqlite")

#: The version of the tables, and a random key for hashes. Hashed values cannot be guessed
#: by anyone who has only some rows of the tables.
schema = sa.Table(
    "ycloud_schema",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("secret", sa.LargeBinary),
    # Events up to this position were stored by an older version. Their names may not be
    # indexed yet.
    sa.Column("unindexed", _POSITION),
)

#: ``due_at`` is when the event can be claimed: 0 if it was never tried, so that the order
#: of arrival decides; the time of the next try; or the end of its lease while it runs. NULL
#: means never: the event is settled, or it is parked behind another event of its
#: conversation. For a parked event, ``parked_due_at`` is the ``due_at`` that it gets when
#: the other event ends. The indexes do not contain rows with NULL, so no claim finds them.
#: While a pause holds an event, one of the two times is later by ``HELD``. It is
#: ``parked_due_at`` if the next events of its conversation wait for it, and ``due_at`` if
#: only some of its handlers wait.
events = sa.Table(
    "ycloud_events",
    metadata,
    sa.Column("seq", _POSITION, primary_key=True),  # order of arrival
    sa.Column("id", sa.String(255), nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False, server_default=""),
    sa.Column("endpoint_id", sa.String(255)),  # at YCloud, from the delivery
    sa.Column("type", sa.String(128)),  # NULL: not understood
    sa.Column("key", sa.String(32)),  # of its conversation: a hashed name
    sa.Column("received_at", sa.Double, nullable=False),
    sa.Column("signed_at", sa.Double),  # by YCloud's clock
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("due_at", sa.Double),
    sa.Column("parked_due_at", sa.Double),
    sa.Column("attempt", sa.Integer, nullable=False),  # claims so far: the fencing token
    sa.Column("crashes", sa.Integer, nullable=False),  # processes that died handling it
    # When the running handler started, and its name. Short runs are not written.
    sa.Column("started_at", sa.Double),
    sa.Column("handler", sa.Text),
    sa.Column("unhandled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("settled_at", sa.Double),
    # Why it is a dead letter or discarded, or the paused handlers that it is held for.
    sa.Column("reason", sa.Text),
    sa.Column("redeliveries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("redelivered_at", sa.Double),
    # Whether the last redelivery had another body, and the id under which the first such
    # body was stored.
    sa.Column("differs", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("conflict_id", sa.Text),
    sa.Column("traceparent", sa.String(55)),  # W3C Trace Context, when it was accepted
    # Where the delivery came from; empty for YCloud.
    sa.Column("origin", sa.Text, nullable=False, server_default=""),
    sa.Column("emptied_at", sa.Double),  # when the body was deleted
    sa.Column("body_key", sa.String(16)),  # the id of its key; NULL: not encrypted
    sa.Column("body_hash", sa.String(32)),  # of the plain body; kept when that is deleted
    sa.Column("body", sa.LargeBinary, nullable=False),  # the last, so reads can skip it
)


#: The order of arrival of parked events. It is an expression that only one index has. With
#: ``seq`` itself PostgreSQL might use the primary key, and read all done events.
ARRIVAL = events.c.seq + sa.literal_column("0")


def _partial(name: str, *columns: Any, where: str, unique: bool = False) -> None:
    sa.Index(
        f"{'ux' if unique else 'ix'}_ycloud_events_{name}",
        *(events.c[each] if isinstance(each, str) else each for each in columns),
        unique=unique,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


#: The columns that identify an event. The id is the first in the index, since it is often
#: searched for without the others.
IDENTITY = ("id", "endpoint", "tenant")
sa.Index("ux_ycloud_events_identity", *(events.c[each] for each in IDENTITY), unique=True)
#: The endpoint, for the index of its arrivals. It is an expression, since SQLite might use
#: the index for other queries, too, and read all done events.
PLACE = events.c.endpoint + sa.literal_column("''")
sa.Index("ix_ycloud_events_arrivals", PLACE, events.c.received_at)
_partial("due", "endpoint", "tenant", "due_at", "seq", where="due_at IS NOT NULL")
_partial("key", "key", "due_at", "seq", where="due_at IS NOT NULL AND key IS NOT NULL")
_partial("parked", "key", ARRIVAL, where="parked_due_at IS NOT NULL")
# The database enforces that a conversation has one running event at most.
_partial("running_key", "key", where="state = 'running'", unique=True)
_partial("dead", "seq", where="state = 'dead'")
# Each ended event is in only one of these two: done events with a body, and the others.
_partial("done", "settled_at", where="state = 'done' AND emptied_at IS NULL")
_ENDED = "state IN ('dead', 'deleted') OR emptied_at IS NOT NULL"
_partial("ended", "state", "settled_at", where=_ENDED)
_partial("body_key", "body_key", where="body_key IS NOT NULL")
_partial("unhandled", "seq", where="unhandled")
_partial("discarded", "seq", "settled_at", where="state = 'discarded'")
#: Whether a pause holds an event, as written in its index.
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

#: Every run of a handler. It is only shown: the handling does not depend on it.
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

#: The telephone numbers, user ids and ids of messages in each event, as keyed hashes. They
#: are written when the event is accepted and deleted with its body. A block is 64
#: positions: events that arrive together are written to the same few pages, and a search
#: does one lookup for each block.
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


#: The conversation of a customer's name, for customers with several names. Both columns are
#: hashes, as in ``events.key``.
conversations = sa.Table(
    "ycloud_conversations",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("key", sa.String(32), nullable=False, index=True),
    sa.Column("seen_at", sa.Double, nullable=False, index=True),
)

#: How many deliveries were rejected in an hour, counted from 1970, by reason.
rejections = sa.Table(
    "ycloud_rejections",
    metadata,
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("reason", sa.String(32), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)

#: What is paused: an endpoint, an event type or pattern, a handler, or everything.
pauses = sa.Table(
    "ycloud_pauses",
    metadata,
    sa.Column("kind", sa.String(8), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("since", sa.Double, nullable=False),
)

#: The processes that handle events, and the last heartbeat of each.
workers = sa.Table(
    "ycloud_workers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("seen_at", sa.Double, nullable=False),
)


#: The names of all tables.
TABLES = frozenset(metadata.tables)


def are_current(connection: Connection) -> bool:
    """Whether the tables exist and are up to date. It takes no lock."""
    return _version(connection) == SCHEMA_VERSION


def make_tables(connection: Connection) -> int:
    """Create the tables, or bring older ones up to date.

    :param connection: a connection in a transaction that keeps other writers out.
    :returns: the version of the tables.
    :raises InboxUnavailable: if a newer flask-ycloud has created them.
    """
    if connection.dialect.name == "postgresql":
        # Two processes may start together, and CREATE … IF NOT EXISTS can collide.
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
            f" {SCHEMA_VERSION}. Install the release that created them, or a newer one."
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
    """The random key of this database, created with its tables."""
    known = sa.select(schema.c.secret).where(schema.c.secret.is_not(None))
    secret: bytes = connection.execute(known).scalars().first() or b""
    return secret


def _version(connection: Connection) -> int | None:
    if not sa.inspect(connection).has_table(schema.name):
        return None
    return connection.execute(sa.select(schema.c.version)).scalar()
