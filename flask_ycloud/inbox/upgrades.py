"""The steps that upgrade older tables of the inbox.

The statements are written out, so that later changes of the tables do not change them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .hashes import KeyedHash

#: A statement, or a function if one statement is not enough.
Step = str | Callable[[Connection], None]

_ADDED = (
    "ALTER TABLE ycloud_refusals RENAME TO ycloud_rejections",
    "CREATE TABLE ycloud_conversations (name VARCHAR(32) NOT NULL PRIMARY KEY,"
    " key VARCHAR(32) NOT NULL, seen_at DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX ix_ycloud_conversations_key ON ycloud_conversations (key)",
    "CREATE INDEX ix_ycloud_conversations_seen_at ON ycloud_conversations (seen_at)",
    "DROP INDEX ix_ycloud_events_due",
    "DROP INDEX ix_ycloud_events_key",
)

_INDEXES = (
    "CREATE UNIQUE INDEX ux_ycloud_events_identity ON ycloud_events (id, endpoint, tenant)",
    "CREATE INDEX ix_ycloud_events_due"
    " ON ycloud_events (endpoint, tenant, due_at, seq) WHERE due_at IS NOT NULL",
    "CREATE INDEX ix_ycloud_events_key ON ycloud_events (key, due_at, seq)"
    " WHERE due_at IS NOT NULL AND key IS NOT NULL",
    "CREATE INDEX ix_ycloud_events_parked ON ycloud_events (key, (seq + 0))"
    " WHERE parked_due_at IS NOT NULL",
    "CREATE INDEX ix_ycloud_events_unhandled ON ycloud_events (seq) WHERE unhandled",
)

_POSTGRESQL_2 = (
    *_ADDED,
    "ALTER TABLE ycloud_events DROP CONSTRAINT ycloud_events_id_key",
    "ALTER TABLE ycloud_events ALTER COLUMN id TYPE VARCHAR(255)",
    "ALTER TABLE ycloud_events"
    " ADD COLUMN tenant TEXT NOT NULL DEFAULT '',"
    " ADD COLUMN endpoint_id VARCHAR(255),"
    " ADD COLUMN parked_due_at DOUBLE PRECISION,"
    " ADD COLUMN started_at DOUBLE PRECISION,"
    " ADD COLUMN handler TEXT,"
    " ADD COLUMN unhandled BOOLEAN NOT NULL DEFAULT FALSE,"
    " ADD COLUMN differs BOOLEAN NOT NULL DEFAULT FALSE,"
    " ADD COLUMN conflict_id TEXT",
    *_INDEXES,
)

_KEPT = (
    "seq, id, endpoint, type, key, received_at, signed_at, state, due_at, attempt,"
    " crashes, settled_at, reason, redeliveries, redelivered_at, traceparent, body"
)

# SQLite cannot drop a constraint, so the table is created again and filled.
_SQLITE_2 = (
    *_ADDED,
    "DROP INDEX ux_ycloud_events_running_key",
    "DROP INDEX ix_ycloud_events_dead",
    "DROP INDEX ix_ycloud_events_done",
    "ALTER TABLE ycloud_events RENAME TO ycloud_events_1",
    "CREATE TABLE ycloud_events (seq INTEGER NOT NULL PRIMARY KEY,"
    " id VARCHAR(255) NOT NULL, endpoint TEXT NOT NULL,"
    " tenant TEXT DEFAULT '' NOT NULL, endpoint_id VARCHAR(255), type VARCHAR(128),"
    " key VARCHAR(32), received_at DOUBLE NOT NULL, signed_at DOUBLE,"
    " state VARCHAR(8) NOT NULL, due_at DOUBLE, parked_due_at DOUBLE,"
    " attempt INTEGER NOT NULL, crashes INTEGER NOT NULL, started_at DOUBLE,"
    " handler TEXT, unhandled BOOLEAN DEFAULT 0 NOT NULL, settled_at DOUBLE,"
    " reason TEXT, redeliveries INTEGER DEFAULT '0' NOT NULL, redelivered_at DOUBLE,"
    " differs BOOLEAN DEFAULT 0 NOT NULL, conflict_id TEXT, traceparent VARCHAR(55),"
    " body BLOB NOT NULL)",
    f"INSERT INTO ycloud_events ({_KEPT}) SELECT {_KEPT} FROM ycloud_events_1",  # noqa: S608
    "DROP TABLE ycloud_events_1",
    "CREATE UNIQUE INDEX ux_ycloud_events_running_key ON ycloud_events (key)"
    " WHERE state = 'running'",
    "CREATE INDEX ix_ycloud_events_dead ON ycloud_events (seq) WHERE state = 'dead'",
    "CREATE INDEX ix_ycloud_events_done ON ycloud_events (settled_at) WHERE state = 'done'",
    *_INDEXES,
)

# -- to version 3: bodies can be deleted before events; names are hashed with a key -----


def _make_secret(connection: Connection) -> None:
    secret = os.urandom(32)
    known = sa.text("UPDATE ycloud_schema SET secret = :secret")
    connection.execute(known, {"secret": secret})
    if connection.dialect.name != "sqlite":
        return

    keyed = KeyedHash(secret)
    driver: Any = connection.connection.driver_connection
    driver.create_function(
        "ycloud_hash", 1, lambda value: keyed.of(value) if value else None
    )


def _hash_on_postgresql(connection: Connection) -> None:
    """Hash the stored values with HMAC-SHA256 (RFC 2104), by functions of PostgreSQL."""
    secret = connection.exec_driver_sql("SELECT secret FROM ycloud_schema").scalar_one()
    keyed = KeyedHash(secret)
    pads = {"inner": keyed.inner, "outer": keyed.outer}

    def hashed(value: str) -> str:
        inside = f"sha256(CAST(:inner AS bytea) || {value})"
        digest = f"sha256(CAST(:outer AS bytea) || {inside})"
        return f"left(encode({digest}, 'hex'), 32)"

    of_key, of_name = (hashed(f"convert_to({each}, 'UTF8')") for each in ("key", "name"))
    of_body = f"CASE WHEN length(body) > 0 THEN {hashed('body')} END"
    for statement in (
        f"UPDATE ycloud_events SET key = {of_key}, body_hash = {of_body}",  # noqa: S608
        f"UPDATE ycloud_conversations SET name = {of_name}, key = {of_key}",  # noqa: S608
    ):
        connection.execute(sa.text(statement), pads)


_KEEPING_INDEXES = (
    "CREATE INDEX ix_ycloud_events_done ON ycloud_events (settled_at)"
    " WHERE state = 'done' AND emptied_at IS NULL",
    "CREATE INDEX ix_ycloud_events_ended ON ycloud_events (state, settled_at)"
    " WHERE state IN ('dead', 'deleted') OR emptied_at IS NOT NULL",
    "CREATE INDEX ix_ycloud_events_body_key ON ycloud_events (body_key)"
    " WHERE body_key IS NOT NULL",
)

_KEEPING_POSTGRESQL_3: tuple[Step, ...] = (
    "ALTER TABLE ycloud_schema ADD COLUMN secret BYTEA",
    _make_secret,
    "DROP INDEX ix_ycloud_events_done",
    "ALTER TABLE ycloud_events"
    " ALTER COLUMN state TYPE VARCHAR(9),"
    " ADD COLUMN origin TEXT NOT NULL DEFAULT '',"
    " ADD COLUMN emptied_at DOUBLE PRECISION,"
    " ADD COLUMN body_key VARCHAR(16),"
    " ADD COLUMN body_hash VARCHAR(32)",
    _hash_on_postgresql,
    *_KEEPING_INDEXES,
)

_KEPT_3 = (
    "seq, id, endpoint, tenant, endpoint_id, type, {key}, received_at, signed_at, state,"
    " due_at, parked_due_at, attempt, crashes, started_at, handler, unhandled, settled_at,"
    " reason, redeliveries, redelivered_at, differs, conflict_id, traceparent,"
    " {body_hash}, body"
)

# The body must be the last column, so the table is created again and filled.
_KEEPING_SQLITE_3: tuple[Step, ...] = (
    "ALTER TABLE ycloud_schema ADD COLUMN secret BLOB",
    _make_secret,
    *(
        f"DROP INDEX {name}"
        for name in (
            "ux_ycloud_events_identity",
            "ux_ycloud_events_running_key",
            *(
                f"ix_ycloud_events_{each}"
                for each in (
                    "dead",
                    "done",
                    "due",
                    "key",
                    "parked",
                    "unhandled",
                )
            ),
        )
    ),
    "ALTER TABLE ycloud_events RENAME TO ycloud_events_2",
    "CREATE TABLE ycloud_events (seq INTEGER NOT NULL PRIMARY KEY,"
    " id VARCHAR(255) NOT NULL, endpoint TEXT NOT NULL,"
    " tenant TEXT DEFAULT '' NOT NULL, endpoint_id VARCHAR(255), type VARCHAR(128),"
    " key VARCHAR(32), received_at DOUBLE NOT NULL, signed_at DOUBLE,"
    " state VARCHAR(9) NOT NULL, due_at DOUBLE, parked_due_at DOUBLE,"
    " attempt INTEGER NOT NULL, crashes INTEGER NOT NULL, started_at DOUBLE,"
    " handler TEXT, unhandled BOOLEAN DEFAULT 0 NOT NULL, settled_at DOUBLE,"
    " reason TEXT, redeliveries INTEGER DEFAULT '0' NOT NULL, redelivered_at DOUBLE,"
    " differs BOOLEAN DEFAULT 0 NOT NULL, conflict_id TEXT, traceparent VARCHAR(55),"
    " origin TEXT DEFAULT '' NOT NULL, emptied_at DOUBLE, body_key VARCHAR(16),"
    " body_hash VARCHAR(32), body BLOB NOT NULL)",
    f"INSERT INTO ycloud_events ({_KEPT_3.format(key='key', body_hash='body_hash')})"  # noqa: S608
    f" SELECT {_KEPT_3.format(key='ycloud_hash(key)', body_hash='ycloud_hash(body)')}"
    " FROM ycloud_events_2",
    "DROP TABLE ycloud_events_2",
    "UPDATE ycloud_conversations SET name = ycloud_hash(name), key = ycloud_hash(key)",
    "CREATE UNIQUE INDEX ux_ycloud_events_running_key ON ycloud_events (key)"
    " WHERE state = 'running'",
    "CREATE INDEX ix_ycloud_events_dead ON ycloud_events (seq) WHERE state = 'dead'",
    *_INDEXES,
    *_KEEPING_INDEXES,
)

# -- to version 3, too: discarded events, and pauses -------------------------------------

_OPERATING_3 = (
    "CREATE INDEX ix_ycloud_events_discarded ON ycloud_events (seq, settled_at)"
    " WHERE state = 'discarded'",
    "CREATE INDEX ix_ycloud_events_held ON ycloud_events (seq)"
    " WHERE due_at >= 1000000000000 OR parked_due_at >= 1000000000000",
    "CREATE TABLE ycloud_pauses (kind VARCHAR(8) NOT NULL, name TEXT NOT NULL,"
    " since DOUBLE PRECISION NOT NULL, PRIMARY KEY (kind, name))",
)

_ARRIVALS_3 = (
    "CREATE INDEX ix_ycloud_events_arrivals ON ycloud_events"
    " ((endpoint || ''), received_at)",
)

# -- to version 3, too: an index of names. Older events are not in it yet. ----------------

_NAMES_3 = (
    "CREATE TABLE ycloud_names (block BIGINT NOT NULL, hash BIGINT NOT NULL,"
    " event_seq BIGINT NOT NULL, PRIMARY KEY (block, hash, event_seq)){}",
    "ALTER TABLE ycloud_schema ADD COLUMN unindexed BIGINT",
    "UPDATE ycloud_schema SET unindexed = (SELECT max(seq) FROM ycloud_events)",
)
_NAMES_SQLITE_3 = tuple(each.format(" WITHOUT ROWID") for each in _NAMES_3)
_NAMES_POSTGRESQL_3 = tuple(each.format("") for each in _NAMES_3)

#: The steps from each version to the next, by dialect. They run in one transaction.
UPGRADES: dict[int, dict[str, tuple[Step, ...]]] = {
    1: {"sqlite": _SQLITE_2, "postgresql": _POSTGRESQL_2},
    2: {
        "sqlite": (*_KEEPING_SQLITE_3, *_OPERATING_3, *_ARRIVALS_3, *_NAMES_SQLITE_3),
        "postgresql": (
            *_KEEPING_POSTGRESQL_3,
            *_OPERATING_3,
            *_ARRIVALS_3,
            *_NAMES_POSTGRESQL_3,
        ),
    },
}
