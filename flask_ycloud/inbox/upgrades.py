"""How older tables of the inbox become newer ones.

The statements are written out: what a version had does not change with what we have now.
"""

from __future__ import annotations

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

# SQLite cannot drop a constraint, so the table is written again.
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

# Discarded events, and pauses.
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

_POSTGRESQL_3 = (
    "ALTER TABLE ycloud_events ALTER COLUMN state TYPE VARCHAR(9)",
    *_OPERATING_3,
    *_ARRIVALS_3,
)

# SQLite does not mind how long a text is.
_SQLITE_3 = (*_OPERATING_3, *_ARRIVALS_3)

#: The statements that lead from a version to the next, by dialect.
UPGRADES: dict[int, dict[str, tuple[str, ...]]] = {
    1: {"sqlite": _SQLITE_2, "postgresql": _POSTGRESQL_2},
    2: {"sqlite": _SQLITE_3, "postgresql": _POSTGRESQL_3},
}
