"""Search by a person or a message: fast and exact. Hashes are deleted with the body."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from flask_ycloud.inbox import (
    Cipher,
    Database,
    HandlerState,
    Inbox,
    Selection,
    Verdict,
    search,
    selected,
)
from flask_ycloud.inbox.naming import (
    are_named,
    forget_names,
    hash_searched,
    hashes_of,
    is_named,
)
from flask_ycloud.inbox.selections import newest
from flask_ycloud.inbox.tables import events, names, schema

from ..conftest import Clock
from .support import DONE, SUCCEEDED, accept, claim

DAY = 86_400
ANN = ("15550100", "us.1", "wamid.a")
BOB = ("15550101", "bob@example.com")


def ids(inbox: Inbox, about: str, **narrow: Any) -> list[str]:
    return [event.id for event in inbox.select(about=about, **narrow)]


def rows(inbox: Inbox) -> Sequence[Any]:
    query = names.select().order_by(names.c.event_seq)
    return inbox.database.read(lambda tx: tx.execute(query).all())


@pytest.fixture
def stocked(inbox: Inbox) -> Inbox:
    accept(inbox, "ann_1", found_by=ANN)
    accept(inbox, "bob", found_by=BOB)
    accept(inbox, "nobody", dead="not JSON")
    accept(inbox, "ann_2", found_by=(ANN[0], "wamid.b"))
    return inbox


@pytest.mark.parametrize(
    ("about", "found"),
    [
        ("+1 (555) 01-00", ["ann_1", "ann_2"]),
        ("15550100", ["ann_1", "ann_2"]),
        ("US.1", ["ann_1"]),
        ("wamid.A", ["ann_1"]),
        ("wamid.B", ["ann_2"]),
        ("Bob@Example.com", ["bob"]),
        ("5550100", []),
        ("1555010", []),
        ("a name \ud800 that no database takes \0", []),
    ],
)
def test_events_are_found_by_each_of_their_names(
    stocked: Inbox, about: str, found: list[str]
) -> None:
    assert ids(stocked, about) == found
    chosen = stocked.select(about=about)
    assert chosen.count() == len(found)
    assert [each.id for each in chosen.newest(9)] == found[::-1]
    assert [each.id for each in stocked.list(about=about)] == found[::-1]
    assert [each.id for each in search(stocked, about=about).events] == found[::-1]


def test_it_goes_with_all_that_narrows(stocked: Inbox) -> None:
    stocked.discard("ann_2", "not needed")
    about = "+15550100"
    assert ids(stocked, about, state="discarded") == ["ann_2"]
    assert ids(stocked, about, state="pending") == ["ann_1"]
    assert stocked.select(about=about, state="pending").count() == 1
    assert ids(stocked, about, ids=("ann_1", "bob")) == ["ann_1"]
    assert ids(stocked, about, endpoint="eu") == []
    (first,) = stocked.select(about=about, state="pending")
    assert ids(stocked, about, until=first.received_at) == ["ann_1", "ann_2"]
    newest_two = stocked.select(about=about).newest(1)
    assert [each.id for each in newest_two] == ["ann_2"]
    before = newest_two[0].position
    assert [each.id for each in stocked.select(about=about).newest(1, before=before)] == [
        "ann_1"
    ]


def test_causes_of_dead_letters_can_be_of_a_person(inbox: Inbox) -> None:
    for event_id, found_by in (("ann", ANN), ("bob", BOB)):
        accept(inbox, event_id, found_by=found_by)
        state = HandlerState("app:track", "failed", 1, error=f"OSError of {event_id}")
        dead = Verdict("dead", reason=f"app:track: OSError of {event_id}")
        inbox.save(claim(inbox, event_id), state, dead)
    (cause,) = inbox.dead_by_cause(about="+1 555 0101")
    assert (cause.example.id, cause.count) == ("bob", 1)
    assert ids(inbox, "15550101", cause=cause.id) == ["bob"]
    assert ids(inbox, "15550100", cause=cause.id) == []


def test_all_that_is_done_to_a_selection_can_be_about_a_person(stocked: Inbox) -> None:
    assert stocked.select(about="15550100").discard("asked for").done == 2
    assert stocked.select(about="15550100").replay().done == 2
    assert stocked.select(about="15550100").delete().done == 2
    assert ids(stocked, "15550100") == []
    assert [event.id for event in stocked.select(state="pending")] == ["bob"]


def test_the_pages_of_a_name_in_very_many_events(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example your own number: the search reads small parts."""
    monkeypatch.setattr(selected, "_LOOKED_AT", 3)
    monkeypatch.setattr(selected, "AT_ONCE", 2)
    for number in range(10):
        accept(inbox, f"evt_{number}", found_by=ANN if number % 3 else BOB)
    expected = [f"evt_{number}" for number in range(10) if number % 3]
    assert ids(inbox, "15550100") == expected
    assert inbox.select(about="15550100").count() == 6
    found = inbox.select(about="15550100").newest(4)
    assert [each.id for each in found] == expected[:1:-1]


@pytest.mark.parametrize("about", ["", " ", "+", "(-)"])
def test_a_name_with_nothing_in_it_is_an_error(about: str) -> None:
    with pytest.raises(ValueError, match="about is empty: give a telephone number"):
        Selection(about=about)


def test_no_repr_and_no_log_has_whom_it_is_about(inbox: Inbox) -> None:
    chosen = inbox.select(about="+15550100")
    assert "15550100" not in f"{chosen!r} {chosen.selection!r} {chosen.selection.narrowing}"
    assert chosen.selection.narrowing == {"about": "(not shown)"}
    assert Selection().narrowing == {}


def test_the_hashes_are_keyed_and_no_names(stocked: Inbox, tmp_path: Any) -> None:
    kept = {row.hash for row in rows(stocked)}
    assert len(kept) == len({*ANN, *BOB, "wamid.b"})
    database = stocked.database
    hash = database.read(lambda tx: hash_searched(tx, "+1 555 0100"))
    assert hash in kept
    assert [hash] == hashes_of(database.keyed(), ["15550100"])
    other = b"another key".ljust(32)
    database.write(lambda tx: tx.execute(schema.update().values(secret=other)))
    assert database.read(lambda tx: hash_searched(tx, "15550100")) not in kept


def test_a_redelivery_adds_nothing_and_a_conflict_has_its_own(inbox: Inbox) -> None:
    accept(inbox, "evt_1", found_by=ANN)
    before = rows(inbox)
    assert accept(inbox, "evt_1", found_by=ANN) == "duplicate"
    assert accept(inbox, "evt_1", body=b"other", found_by=BOB) == "conflict"
    assert rows(inbox) == before
    (known,) = inbox.select()
    identity = known.identity
    inbox.accept_conflict(identity, "sha256:1", b"other", event_type=None, found_by=BOB)
    assert ids(inbox, "15550101") == ["sha256:1"]


def test_a_batch_gives_each_event_its_names(inbox: Inbox) -> None:
    """Deliveries that share a commit, one of them twice."""
    inbox.stats()
    barrier = threading.Barrier(24)

    def deliver(number: int) -> None:
        barrier.wait()
        accept(inbox, f"evt_{number // 2}", found_by=(f"1555{number // 2:03}", "44"))

    threads = [threading.Thread(target=deliver, args=(each,)) for each in range(24)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for number in range(12):
        assert ids(inbox, f"1555{number:03}") == [f"evt_{number}"]
    assert inbox.select(about="+44").count() == 12
    assert len(rows(inbox)) == 24


def test_many_in_one_statement_get_their_names(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.stats()
    made: list[dict[str, Any]] = []

    def later(work: Any, row: dict[str, Any]) -> None:
        made.append(row)

    monkeypatch.setattr(inbox.database, "write_single_together", later)
    for event_id, found_by in (("a", ANN), ("b", BOB), ("c", ()), ("a", ANN)):
        accept(inbox, event_id, found_by=found_by)
    accept(inbox, "b", body=b"other", found_by=ANN)
    became = inbox.database.write(lambda tx: inbox._insert(tx, made))
    assert became == ["accepted", "accepted", "accepted", "duplicate", "conflict"]
    assert (ids(inbox, "15550100"), ids(inbox, "15550101")) == (["a"], ["b"])
    assert len(rows(inbox)) == len(ANN) + len(BOB)


def test_what_is_left_of_rows_that_somebody_removed_rejects_nothing(inbox: Inbox) -> None:
    """SQLite gives their positions again."""
    for _ in range(2):
        assert accept(inbox, "evt_1", found_by=ANN) == "accepted"
        assert ids(inbox, "15550100") == ["evt_1"]
        inbox.database.write(lambda tx: tx.execute(events.delete()))


def test_names_end_with_a_deletion(stocked: Inbox) -> None:
    stocked.delete("ann_1")
    stocked.delete("bob")
    assert ids(stocked, "15550100") == ["ann_2"]
    assert [row.hash for row in rows(stocked)] == [
        row.hash for row in rows(stocked) if row.event_seq == rows(stocked)[0].event_seq
    ]
    assert accept(stocked, "ann_1", found_by=ANN) == "duplicate"
    assert ids(stocked, "15550100") == ["ann_2"], "a copy brings nothing back"
    assert len(rows(stocked)) == 2


def test_names_end_with_the_person(inbox: Inbox) -> None:
    for number in range(3):
        body = json.dumps({"from": f"+1555010{number % 2}"}).encode()
        accept(inbox, f"evt_{number}", body=body, found_by=(f"1555010{number % 2}",))
    inbox.erase_person("+1 555 0100")
    assert ids(inbox, "15550100") == []
    assert ids(inbox, "15550101") == ["evt_1"]
    assert len(rows(inbox)) == 1


def test_names_end_with_the_retention(database: Database, clock: Clock) -> None:
    inbox = Inbox(database, clock=clock, retention_days=3, dead_retention_days=1)
    accept(inbox, "done", found_by=ANN)
    accept(inbox, "dead", found_by=ANN, dead="why")
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    clock.now += 2 * DAY
    inbox.prune()
    assert ids(inbox, "15550100") == ["done"]
    clock.now += 2 * DAY
    inbox.prune()
    assert rows(inbox) == []


def test_names_end_with_the_body(database: Database, clock: Clock) -> None:
    inbox = Inbox(database, clock=clock, body_retention_days=1)
    accept(inbox, "done", found_by=ANN)
    accept(inbox, "discarded", found_by=ANN)
    inbox.discard("discarded", "not needed")
    accept(inbox, "pending", found_by=BOB)
    inbox.save(claim(inbox, "done"), SUCCEEDED, DONE)
    assert len(ids(inbox, "15550100")) == 2
    clock.now += 2 * DAY
    inbox.prune()
    assert ids(inbox, "15550100") == []
    assert len(rows(inbox)) == len(BOB)
    assert inbox.get("done") is not None


def test_names_end_with_the_success(database: Database, clock: Clock) -> None:
    inbox = Inbox(database, clock=clock, body_retention_days=0)
    for event_id in ("done", "dead", "retry"):
        accept(inbox, event_id, found_by=ANN)
    inbox.save(claim(inbox, "done"), SUCCEEDED, DONE)
    inbox.save(claim(inbox, "dead"), None, Verdict("dead", reason="why"))
    inbox.save(claim(inbox, "retry"), None, Verdict("pending", due_at=clock.now + 60))
    assert ids(inbox, "15550100") == ["dead", "retry"]
    assert len(rows(inbox)) == 2 * len(ANN)


def test_encrypted_bodies_are_found_as_well(database: Database) -> None:
    key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    inbox = Inbox(database, cipher=Cipher([key]))
    accept(inbox, "evt_1", found_by=ANN)
    assert ids(Inbox(database), "15550100") == ["evt_1"], "without the key"


def fill(inbox: Inbox) -> None:
    """20,000 events that are done, each with a name of its own and one that all have."""
    inbox.stats()
    numbers = "SELECT generate_series(1, 20000) AS n"
    if inbox.database.dialect == "sqlite":
        numbers = (
            "WITH RECURSIVE s(n) AS"
            " (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000) SELECT n FROM s"
        )
    for statement in (
        "INSERT INTO ycloud_events (id, endpoint, received_at, state, settled_at, attempt,"
        f" crashes, body) SELECT 'evt_' || n, 'e', n, 'done', n, 1, 0, '' FROM ({numbers})"
        " AS many",
        "INSERT INTO ycloud_names (block, hash, event_seq) SELECT n >> 6, n + 7, n FROM"
        f" ({numbers}) AS many",
        "INSERT INTO ycloud_names (block, hash, event_seq) SELECT n >> 6, 7, n FROM"
        f" ({numbers}) AS many",
    ):
        inbox.database.write(lambda tx, s=statement: tx.exec_driver_sql(s))  # type: ignore[misc]


QUERIES: dict[str, Any] = {
    "newest": lambda hash: newest(Selection()).where(are_named(hash, 1, 20_000)).limit(9),
    "batch": lambda hash: (
        sa.select(events.c.seq)
        .where(are_named(hash, 1, 20_000))
        .order_by(events.c.seq)
        .limit(500)
    ),
    "count": lambda hash: sa.select(sa.func.count(events.c.seq)).where(
        are_named(hash, 1, 20_000)
    ),
    "dead": lambda hash: newest(Selection(state="dead")).where(is_named(hash)).limit(9),
    "forgotten": lambda _: forget_names([5, 6]),
}


@pytest.mark.parametrize("analyzed", [False, True], ids=["new", "analyzed"])
@pytest.mark.parametrize("query", QUERIES)
def test_no_search_goes_through_all_events(
    inbox: Inbox, query: str, analyzed: bool
) -> None:
    fill(inbox)
    if analyzed:
        inbox.database.write(lambda tx: tx.exec_driver_sql("ANALYZE"))

    def explain(tx: sa.Connection) -> str:
        compiled = QUERIES[query](8).compile(
            dialect=tx.dialect, compile_kwargs={"literal_binds": True}
        )
        if tx.dialect.name == "sqlite":
            plan = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
            return "\n".join(str(row[3]) for row in plan)
        text = str(compiled).replace("%%", "%")
        return "\n".join(row[0] for row in tx.execute(sa.text(f"EXPLAIN {text}")))

    plan = inbox.database.write(explain)
    scan = "SCAN ycloud_events USING INDEX ix_ycloud_events_dead"  # dead letters only
    assert "SCAN ycloud" not in plan.replace(scan, ""), plan
    assert "Seq Scan" not in plan, plan
