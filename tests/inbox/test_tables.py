"""The tables: made at first use, brought up to date, left alone if newer."""

from __future__ import annotations

import warnings

import pytest
import sqlalchemy as sa

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database, Inbox, Verdict
from flask_ycloud.inbox import tables as rooms
from flask_ycloud.inbox.tables import SCHEMA_VERSION, events, metadata, schema


def version(database: Database) -> int | None:
    return database.read(lambda tx: tx.execute(sa.select(schema.c.version)).scalar())


def test_the_first_use_makes_them(database: Database) -> None:
    assert version(database) == SCHEMA_VERSION
    assert database.init() == SCHEMA_VERSION, "and again is no error"


def test_older_ones_are_brought_up_to_date(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.init()
    monkeypatch.setattr(rooms, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    column = "ALTER TABLE ycloud_events ADD COLUMN {} INTEGER"
    upgrades = {SCHEMA_VERSION + n: (column.format(f"new{n}"),) for n in range(2)}
    monkeypatch.setattr(rooms, "UPGRADES", upgrades)
    assert database.init() == SCHEMA_VERSION + 2
    assert version(database) == SCHEMA_VERSION + 2
    found = sa.inspect(database._engine).get_columns("ycloud_events")
    assert {"new0", "new1"} <= {each["name"] for each in found}
    assert database.init() == SCHEMA_VERSION + 2


def test_an_upgrade_that_fails_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.init()
    monkeypatch.setattr(rooms, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    column = "ALTER TABLE ycloud_events ADD COLUMN new INTEGER"
    monkeypatch.setattr(rooms, "UPGRADES", {SCHEMA_VERSION: (column, "NONSENSE")})
    with pytest.raises(InboxUnavailable):
        database.init()
    monkeypatch.undo()
    assert version(database) == SCHEMA_VERSION
    found = sa.inspect(database._engine).get_columns("ycloud_events")
    assert {each["name"] for each in found} == set(events.columns.keys())


def test_newer_ones_are_left_alone(database: Database) -> None:
    database.init()
    database.write(lambda tx: tx.execute(schema.update().values(version=99)))
    late = Database(database._engine)
    for use in (
        late.init,
        lambda: version(late),
        lambda: late.write(lambda tx: tx.scalar(sa.select(1))),
    ):
        with pytest.raises(
            InboxUnavailable, match="tables of version 99; this flask-ycloud"
        ):
            use()


def test_every_table_and_index_is_ours_by_name() -> None:
    """They may stand in the app's own database."""
    for table in metadata.tables.values():
        assert table.name.startswith("ycloud_")
        assert all("ycloud_" in str(index.name) for index in table.indexes)


#: From what is made now back to version 1, which some have tried before a release.
TO_VERSION_1 = (
    "DROP INDEX ix_ycloud_events_unhandled",
    "DROP INDEX ix_ycloud_events_parked",
    "DROP INDEX ix_ycloud_events_key",
    "DROP INDEX ix_ycloud_events_due",
    *(
        f"ALTER TABLE ycloud_events DROP COLUMN {name}"
        for name in ("parked_due_at", "started_at", "handler", "unhandled")
    ),
    "CREATE INDEX ix_ycloud_events_due ON ycloud_events (due_at, seq)"
    " WHERE due_at IS NOT NULL",
    "CREATE INDEX ix_ycloud_events_key ON ycloud_events (key, seq)"
    " WHERE due_at IS NOT NULL AND key IS NOT NULL",
    "ALTER TABLE ycloud_rejections RENAME TO ycloud_refusals",
    "UPDATE ycloud_schema SET version = 1",
)


def test_version_1_is_brought_up_to_date_with_what_is_in_it(inbox: Inbox) -> None:
    inbox.database.init()
    fresh = shape(inbox)
    for statement in TO_VERSION_1:
        inbox.database.write(lambda tx, each=statement: tx.exec_driver_sql(each))  # type: ignore[misc]
    assert shape(inbox) != fresh
    fill = (
        "INSERT INTO ycloud_events (id, endpoint, key, received_at, state, due_at, attempt,"
        " crashes, body) VALUES ('{0}', 'ycloud', 'k', 1, 'pending', 0, 0, 0, '')"
    )
    for event_id in ("evt_1", "evt_2"):
        sql = fill.format(event_id)
        inbox.database.write(lambda tx, each=sql: tx.exec_driver_sql(each))  # type: ignore[misc]
    later = Inbox(Database(inbox.database._engine))
    assert later.database.init() == SCHEMA_VERSION
    assert shape(later) == fresh
    first = later.claim()
    assert first is not None
    assert (first.id, later.claim()) == ("evt_1", None)
    later.save(first, None, Verdict("done"))
    second = later.claim()
    assert second is not None
    assert second.id == "evt_2"


def shape(inbox: Inbox) -> dict[str, tuple[set[str], set[str]]]:
    """The columns and indexes of each table."""
    look = sa.inspect(inbox.database._engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an index over an expression is left out
        return {
            name: (
                {each["name"] for each in look.get_columns(name)},
                {
                    f"{each['name']} {each['column_names']}"
                    for each in look.get_indexes(name)
                },
            )
            for name in look.get_table_names()
        }
