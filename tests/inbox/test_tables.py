"""The tables: made at first use, brought up to date, left alone if newer."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database
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
