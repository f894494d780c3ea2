"""The tables: created at first use, brought up to date, not changed if newer."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database, Inbox, Verdict, index_some, open_engine
from flask_ycloud.inbox import tables as rooms
from flask_ycloud.inbox.tables import SCHEMA_VERSION, events, metadata, schema

from .support import accept


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
    steps = [(column.format(f"new{n}"),) for n in range(2)]
    upgrades = {
        SCHEMA_VERSION + n: dict.fromkeys(("sqlite", "postgresql"), step)
        for n, step in enumerate(steps)
    }
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
    steps = dict.fromkeys(("sqlite", "postgresql"), (column, "NONSENSE"))
    monkeypatch.setattr(rooms, "UPGRADES", {SCHEMA_VERSION: steps})
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
    """They may be in the app's own database."""
    for table in metadata.tables.values():
        assert table.name.startswith("ycloud_")
        assert all("ycloud_" in str(index.name) for index in table.indexes)


DATA = Path(__file__).parent.parent / "data"


def older(inbox_url: str, version: int, *statements: str) -> Database:
    """A database with the tables of an older version, and with some rows in them."""
    database = Database(open_engine(inbox_url), owned=True)
    sql = (DATA / f"tables-{version}.{database.dialect}.sql").read_text("utf-8")
    with database._engine.begin() as connection:
        for statement in (*sql.rstrip(";\n").split(";"), *statements):
            connection.exec_driver_sql(statement)
    return database


def test_version_1_is_brought_up_to_date_with_what_is_in_it(
    inbox_url: str, tmp_path: Path
) -> None:
    rows = (
        "INSERT INTO ycloud_events (id, endpoint, key, received_at, state, due_at,"
        " attempt, crashes, body) VALUES"
        f" ('{event_id}', 'ycloud', 'k', 1, 'pending', 0, 0, 0, '')"
        for event_id in ("evt_1", "evt_2")
    )
    inbox = Inbox(older(inbox_url, 1, *rows))
    assert inbox.database.init() == SCHEMA_VERSION
    assert shape(inbox) == fresh_shape(inbox_url, tmp_path)
    first = inbox.claim()
    assert first is not None
    assert (first.id, inbox.claim()) == ("evt_1", None)
    inbox.save(first, None, Verdict("done"))
    second = inbox.claim()
    assert second is not None
    assert second.id == "evt_2"
    assert accept(inbox, "evt_1" + "x" * 250) == "accepted", "it is wide enough"
    assert accept(inbox, "evt_2") == "duplicate"


#: Events of version 2: id, state, due_at, parked_due_at, settled_at, attempt, redeliveries.
ROWS_2 = (
    ("evt_done", "done", "NULL", "NULL", "2", 1, 0),
    ("evt_dead", "dead", "NULL", "NULL", "2", 8, 0),
    ("evt_running", "running", "0", "NULL", "NULL", 1, 0),
    ("evt_parked", "pending", "NULL", "0", "NULL", 0, 3),
    ("evt_waiting", "pending", "1e12", "NULL", "NULL", 2, 0),
)


def rows_of_version_2(dialect: str) -> list[str]:
    body = "X'7b2261223a20317d'" if dialect == "sqlite" else "'{\"a\": 1}'::bytea"
    names = (conversation("user"), conversation("number"))
    made = [
        "INSERT INTO ycloud_events (id, endpoint, tenant, type, key, received_at, state,"
        " due_at, parked_due_at, settled_at, attempt, redeliveries, crashes, reason, body)"
        f" VALUES ('{event_id}', 'ycloud', '', 'sms.message.updated', '{names[0]}', 1,"
        f" '{state}', {due}, {parked}, {settled}, {attempt}, {redeliveries}, 0,"
        f" {repr('why') if state == 'dead' else 'NULL'}, {body})"
        for event_id, state, due, parked, settled, attempt, redeliveries in ROWS_2
    ]
    outcome = (
        "INSERT INTO ycloud_outcomes VALUES ({}, 'app:track', 'failed', 1, {}, 2, 1, 'E')"
    )
    run = "INSERT INTO ycloud_attempts VALUES (1, 'app:track', 2, 1, 'succeeded', 1, NULL)"
    made += [outcome.format(2, "NULL"), outcome.format(5, "1e12"), run]
    learned = "INSERT INTO ycloud_conversations VALUES ('{}', '{}', 4e9)"
    return made + [learned.format(name, names[0]) for name in names]


def conversation(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def test_version_2_is_brought_up_to_date_with_what_is_in_it(
    inbox_url: str, tmp_path: Path
) -> None:
    """Rows in every state are handled as before, under the same names."""
    dialect = "sqlite" if inbox_url.startswith("sqlite") else "postgresql"
    inbox = Inbox(older(inbox_url, 2, *rows_of_version_2(dialect)))
    assert inbox.database.init() == SCHEMA_VERSION
    assert shape(inbox) == fresh_shape(inbox_url, tmp_path)
    with inbox.database._engine.connect() as connection:
        columns = sa.inspect(connection).get_columns("ycloud_events")
    assert dialect != "sqlite" or columns[-1]["name"] == "body", "reads of others skip it"
    found = {event.id: event for event in inbox.list()}
    assert {name: event.state for name, event in found.items()} == {
        name: state for name, state, *_ in ROWS_2
    }
    for event in found.values():
        assert (event.body, event.origin, event.emptied_at) == (b'{"a": 1}', "", None)
    dead, done = inbox.get("evt_dead"), inbox.get("evt_done")
    assert dead is not None
    assert done is not None
    assert (dead.reason, dead.handlers[0].error) == ("why", "E")
    assert [run.handler for run in done.attempts] == ["app:track"]
    taken = inbox.fetch(9)
    assert [each.id for each in taken] == ["evt_running"], "the others wait for it"
    accept(inbox, "evt_new", names=(conversation("number"),))
    inbox.save(taken[0], None, Verdict("done"))
    assert [each.id for each in inbox.fetch(9)] == ["evt_parked"], "and so does a new one"
    assert accept(inbox, "evt_done") == "duplicate"
    assert accept(inbox, "evt_dead", body=b"another") == "conflict"
    assert index_some(inbox) == len(ROWS_2), "and not the new one"
    assert index_some(inbox) == 0


def test_each_database_hashes_with_a_key_of_its_own(
    database: Database, tmp_path: Path
) -> None:
    other = Database(open_engine(f"sqlite:///{tmp_path / 'other.db'}"), owned=True)
    first = database.hashed("15550100")
    assert first == Database(database._engine).hashed(b"15550100"), "in each process"
    assert first != other.hashed("15550100")
    assert len(first) == 32


def fresh_shape(inbox_url: str, tmp_path: Path) -> dict[str, tuple[set[str], set[str]]]:
    """The schema of new tables, which are dropped again."""
    if inbox_url.startswith("sqlite"):
        inbox_url = f"sqlite:///{tmp_path / 'fresh.db'}"
        fresh = Inbox(Database(open_engine(inbox_url), owned=True))
        fresh.database.init()
        return shape(fresh)
    inbox = Inbox(Database(open_engine(inbox_url), owned=True))
    with inbox.database._engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA fresh")
        connection.exec_driver_sql("SET LOCAL search_path TO fresh")
        metadata.create_all(connection, checkfirst=False)
        found = shape_on(connection)
        connection.exec_driver_sql("DROP SCHEMA fresh CASCADE")
    return found


def shape(inbox: Inbox) -> dict[str, tuple[set[str], set[str]]]:
    """The columns and indexes of each table."""
    with inbox.database._engine.connect() as connection:
        return shape_on(connection)


def shape_on(connection: sa.Connection) -> dict[str, tuple[set[str], set[str]]]:
    look = sa.inspect(connection)
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
