"""Fairness and constant cost: the order of events, and what a claim reads."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import (
    Claim,
    Database,
    Identity,
    Inbox,
    Verdict,
    open_engine,
    queries,
)
from flask_ycloud.inbox.driver import Statement, _Compiled

from ..conftest import Clock
from ..support import eventually
from .support import DONE, accept, claim, identity, state_of


def ids(claims: list[Claim]) -> list[str]:
    return [each.id for each in claims]


def retry(inbox: Inbox, held: Claim, due_at: float) -> None:
    assert inbox.save(held, None, Verdict("pending", due_at=due_at))


def test_a_retry_waits_behind_what_was_due_before_it_and_nothing_else(
    inbox: Inbox, clock: Clock
) -> None:
    accept(inbox, "first")
    retry(inbox, claim(inbox), clock.now + 10)
    clock.now += 5
    accept(inbox, "before")
    clock.now += 10
    for number in range(20):
        accept(inbox, f"after_{number}")
    assert ids(inbox.fetch(3)) == ["before", "first", "after_0"]


def test_what_a_dead_process_had_is_due_when_its_lease_ends(
    inbox: Inbox, clock: Clock
) -> None:
    accept(inbox, "taken")
    claim(inbox)
    clock.now += inbox.lease - 1
    accept(inbox, "before")
    clock.now += 2
    accept(inbox, "after")
    assert ids(inbox.fetch(9)) == ["before", "taken", "after"]


def test_a_replay_is_due_now(inbox: Inbox, clock: Clock) -> None:
    accept(inbox, "old")
    inbox.save(claim(inbox), None, DONE)
    clock.now += 60
    accept(inbox, "before")
    clock.now += 1
    inbox.replay("old")
    clock.now += 1
    accept(inbox, "after")
    assert ids(inbox.fetch(9)) == ["before", "old", "after"]


def test_a_clock_that_steps_back_holds_nothing_up(inbox: Inbox, clock: Clock) -> None:
    accept(inbox, "first")
    accept(inbox, "second", key="k")
    accept(inbox, "third", key="k")
    clock.now -= 3600
    accept(inbox, "fourth")
    fetched = inbox.fetch(9)
    assert ids(fetched) == ["first", "second", "fourth"], "in order of arrival"
    inbox.save(fetched[1], None, DONE)
    assert claim(inbox).id == "third"


def test_a_conversation_goes_on_in_order_one_at_a_time(inbox: Inbox, clock: Clock) -> None:
    for number in range(4):
        accept(inbox, f"k{number}", key="k")
    accept(inbox, "other")
    first, other = inbox.fetch(9)
    assert ids([first, other]) == ["k0", "other"]
    # A failure does not hold back the others. Its retry is queued behind them.
    retry(inbox, first, clock.now + 10)
    second = claim(inbox)
    assert second.id == "k1"
    clock.now += 10
    assert inbox.claim() is None, "its retry is due, and waits for k1"
    inbox.save(second, None, DONE)
    again = claim(inbox)
    assert (again.id, again.attempt) == ("k0", 2)
    inbox.save(again, None, DONE)
    assert [state_of(inbox, f"k{number}") for number in range(4)] == [
        "done", "done", "pending", "pending",
    ]  # fmt: skip
    assert claim(inbox).id == "k2"


def test_what_is_parked_is_pending_for_people(inbox: Inbox, clock: Clock) -> None:
    for number in range(3):
        accept(inbox, f"k{number}", key="k")
    event = inbox.get("k2")
    assert event is not None
    assert (event.state, event.due_at) == ("pending", event.received_at)
    assert inbox.stats().pending == 3
    assert [event.id for event in inbox.list(state="pending")] == ["k2", "k1", "k0"]


@pytest.mark.parametrize("end", ["done", "dead", "pending", "given back"])
def test_every_end_lets_the_next_one_go(inbox: Inbox, clock: Clock, end: str) -> None:
    accept(inbox, "k0", key="k")
    accept(inbox, "k1", key="k")
    held = claim(inbox)
    due_at = {"pending": clock.now + 60, "given back": held.due_at}.get(end)
    state = end if end in ("done", "dead") else "pending"
    inbox.save(held, None, Verdict(state, due_at=due_at))
    expected = "k0" if end == "given back" else "k1"
    assert claim(inbox).id == expected


def test_one_fetch_looks_through_a_conversation_only_so_far(
    inbox: Inbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        accept(inbox, f"k{number}", key="k")
        retry(inbox, claim(inbox), clock.now + 10)
    accept(inbox, "running", key="k")
    assert claim(inbox).id == "running"
    clock.now += 11
    accept(inbox, "other")
    monkeypatch.setattr("flask_ycloud.inbox.queue._MOST_LOOKS", 2)
    assert ids(inbox.fetch(2)) == [], "it parked the four retries"
    assert ids(inbox.fetch(2)) == ["other"]


def test_a_replay_of_what_is_parked_harms_no_order(inbox: Inbox) -> None:
    for number in range(3):
        accept(inbox, f"k{number}", key="k")
    held = claim(inbox)
    inbox.replay("k2")
    assert inbox.claim() is None
    inbox.save(held, None, DONE)
    second = claim(inbox)
    assert second.id == "k1"
    inbox.save(second, None, DONE)
    assert claim(inbox).id == "k2"


def test_events_of_endpoints_that_are_not_here_are_left_alone(
    database: Database, clock: Clock
) -> None:
    ours = Inbox(database, clock=clock, endpoints=lambda: ["ours", "mine"])
    theirs = Inbox(database, clock=clock, endpoints=lambda: ["theirs"])
    for number, endpoint in enumerate(["theirs", "ours", "theirs", "mine"]):
        accept(ours, f"evt_{number}", endpoint=endpoint)
    assert ours.claim(identity("evt_0")) is None
    assert ids(ours.fetch(9)) == ["evt_1", "evt_3"]
    clock.now += 91
    assert [each.id for each in ours.overdue(30, limit=9)] == ["evt_1", "evt_3"]
    assert ids(theirs.fetch(9)) == ["evt_0", "evt_2"]
    assert Inbox(database, clock=clock, endpoints=list).claim() is None


MANY = 3_000


def accept_many(inbox: Inbox, prefix: str, many: int = MANY, **columns: Any) -> None:
    """Accept so many events in one commit."""
    row = {
        "endpoint": "ycloud", "tenant": "", "endpoint_id": None, "type": "t", "key": None,
        "received_at": inbox.clock(),
        "signed_at": None, "state": "pending", "due_at": 0.0, "settled_at": None,
        "reason": None, "redeliveries": 0, "traceparent": None, "origin": "",
        "body_key": None, "body_hash": inbox.database.hashed(b"{}"), "body": b"{}",
        "hashes": [], "names": "{}",
    } | columns  # fmt: skip
    if row["key"]:
        row["key"] = inbox.database.hashed(row["key"])
    rows = [{**row, "id": f"{prefix}{number:05}"} for number in range(many)]
    arrivals = inbox.database.write(lambda tx: inbox._insert(tx, rows))
    assert set(arrivals) == {"accepted"}
    inbox.database.write(lambda tx: tx.exec_driver_sql("ANALYZE"))


def work_of_a_claim(inbox: Inbox) -> int:
    """The cost of a call: steps of SQLite, or blocks that PostgreSQL reads."""
    values = {"now_": inbox.clock(), "until_": inbox.clock() + 60}
    values |= {"limit_": 8, "each_": 8}
    with inbox.database._engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "sqlite":
            steps: list[int] = []
            driver.set_progress_handler(lambda: steps.append(1), 1)
            lane = {"endpoint_": "ycloud", "tenant_": ""}
            found = queries.CANDIDATES.run(connection, values | lane)
            driver.set_progress_handler(None, 0)
            assert found
            return len(steps)
        claim = _Compiled(queries.CLAIM_NEXT._statement, connection.dialect)
        lanes = {"endpoints_": ["ycloud"], "tenants_": [""], "places_": [0]}
        parameters = claim.parameters(values | lanes)
        how = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
        ((plans,),) = driver.execute(f"{how} {claim.text}", parameters).fetchall()
        driver.rollback()
        plan = plans[0]["Plan"]
        assert plan["Actual Rows"] > 0
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.parametrize(
    "stored",
    [
        "behind one conversation",
        "done",
        "of another endpoint",
        "of another tenant",
        "waiting for a retry",
    ],
)
def test_a_claim_does_not_meet_what_it_cannot_take(
    inbox: Inbox, clock: Clock, stored: str
) -> None:
    accept(inbox, "running", key="one")
    held = claim(inbox)
    for number in range(20):
        accept(inbox, f"free_{number}", key=f"k{number}")
    columns: dict[str, dict[str, Any]] = {
        "behind one conversation": {"key": "one"},
        "done": {"state": "done", "due_at": None, "settled_at": clock.now},
        "of another tenant": {"tenant": "other"},
        "of another endpoint": {"endpoint": "theirs"},
        "waiting for a retry": {"due_at": clock.now + 60, "key": "one"},
    }
    accept_many(inbox, "some", MANY // 3, **columns[stored])
    before = work_of_a_claim(inbox)
    accept_many(inbox, "many", **columns[stored])
    # Four times as many events are stored: its writes may need a few more pages.
    assert work_of_a_claim(inbox) <= 1.6 * before
    inbox.save(held, None, DONE)


def test_an_accept_does_not_meet_what_waits_in_its_conversation(inbox: Inbox) -> None:
    """The same for the save that releases the next event."""
    accept(inbox, "first", key="one")
    held = claim(inbox)
    accept_many(inbox, "many", key="one")

    def plan(statement: Statement, values: dict[str, Any]) -> str:
        def work(tx: Connection) -> str:
            compiled = _Compiled(statement._statement, tx.dialect)
            how = "EXPLAIN QUERY PLAN" if tx.dialect.name == "sqlite" else "EXPLAIN"
            driver: Any = tx.connection.driver_connection
            rows = driver.execute(f"{how} {compiled.text}", compiled.parameters(values))
            return "\n".join(str(row[-1]) for row in rows.fetchall())

        return inbox.database.write(work)

    names = (*queries.NEW_EVENTS.c.keys(),)
    if inbox.database.dialect == "sqlite":
        accepts = plan(queries.INSERT_ONE["sqlite"], dict.fromkeys(names))
        releases = plan(queries.RELEASE_ONE, {"key_": "one"})
        assert "SCAN ycloud_events" not in accepts + releases
        assert "SCAN other" not in accepts
        assert "SCAN parked" not in releases
    else:
        arrays = {f"new_{name}": [None] for name in names}
        accepts = plan(queries.INSERT_MANY, arrays)
        releases = plan(queries.RELEASE_ALL, {"keys_": ["one"]})
        assert "Seq Scan on ycloud_events" not in accepts + releases
    for index in ("running_key", "key"):
        assert f"x_ycloud_events_{index}" in accepts, accepts
    assert "ix_ycloud_events_parked" in releases
    inbox.save(held, None, DONE)
    assert claim(inbox).id == "many00000"


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_nothing_stays_parked_behind_what_ends_in_the_same_instant(
    inbox_url: str, inbox: Inbox
) -> None:
    """Accepts, claims and saves of one conversation, from many processes at once."""
    inboxes = [Inbox(Database(open_engine(inbox_url), owned=True)) for _ in range(4)]
    number, lock = iter(range(400)), threading.Lock()
    failures: list[BaseException] = []

    def accepts(mine: Inbox) -> None:
        try:
            while True:
                with lock:
                    each = next(number, None)
                if each is None:
                    return
                accept(mine, f"evt_{each:03}", key="one")
        except BaseException as error:
            failures.append(error)

    def handles(mine: Inbox) -> None:
        try:
            while not over.is_set():
                for held in mine.fetch(4):
                    mine.save(held, None, DONE)
        except BaseException as error:
            failures.append(error)

    over = threading.Event()
    accepting = [threading.Thread(target=accepts, args=(each,)) for each in inboxes[:2]]
    handling = [threading.Thread(target=handles, args=(each,)) for each in inboxes[2:]]
    for thread in accepting + handling:
        thread.start()
    for thread in accepting:
        thread.join()
    try:
        eventually(lambda: failures or inbox.stats().pending == 0)
    finally:
        over.set()
        for thread in handling:
            thread.join()
    assert failures == []
    stats = inbox.stats()
    assert (stats.pending, stats.running) == (0, 0)


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_what_a_killed_process_left_parked_is_found(inbox: Inbox) -> None:
    """A process died between the end of an event and the release of the next."""
    accept(inbox, "first", key="one")
    accept(inbox, "second", key="one")
    held = claim(inbox)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inbox, "_release_after", lambda ended: None)
        inbox.save(held, None, DONE)
    assert inbox.claim() is None
    assert inbox.release_orphans() == ""
    assert claim(inbox).id == "second"


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_an_outage_after_the_end_of_an_event_changes_nothing_of_it(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(inbox, "first", key="one")
    accept(inbox, "second", key="one")
    held = claim(inbox)

    class Broken:
        def run(self, *_: Any) -> list[Any]:
            raise InboxUnavailable("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(queries, "RELEASE_ALL", Broken())
        assert inbox.save(held, None, DONE), "it is saved"
    assert state_of(inbox, "first") == "done"
    inbox.release_orphans()
    assert claim(inbox).id == "second"


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_the_look_for_them_goes_on_where_it_stopped(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MANY_KEYS", 2)
    monkeypatch.setattr(queries, "PARKED_KEYS", queries.PARKED_KEYS.limit(2))
    for key in sorted("abc", key=inbox.database.hashed):
        accept(inbox, f"{key}0", key=key)
        accept(inbox, f"{key}1", key=key)
    first, second, third = sorted("abc", key=inbox.database.hashed)
    monkeypatch.setattr(inbox, "_release_after", lambda ended: None)
    for held in inbox.fetch(9):
        inbox.save(held, None, DONE)
    after = inbox.release_orphans()
    assert after == inbox.database.hashed(second)
    assert ids(inbox.fetch(9)) == [f"{first}1", f"{second}1"]
    assert inbox.release_orphans(after) == ""
    assert ids(inbox.fetch(9)) == [f"{third}1"]


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_what_is_accepted_meanwhile_overtakes_nobody(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the end of an event and the release of the next one."""
    accept(inbox, "k0", key="k")
    accept(inbox, "k1", key="k")
    held = claim(inbox)
    monkeypatch.setattr(inbox, "_release_after", lambda ended: None)
    inbox.save(held, None, DONE)
    accept(inbox, "k2", key="k")
    first = claim(inbox)
    assert first.id == "k1"
    assert inbox.claim() is None


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_one_that_is_locked_just_now_is_not_overtaken(inbox: Inbox) -> None:
    """For example a redelivery locks it when the event before it ends."""
    for number in range(3):
        accept(inbox, f"k{number}", key="k")
    held = claim(inbox)
    with inbox.database._engine.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM ycloud_events WHERE id = 'k1' FOR UPDATE")
        inbox.save(held, None, DONE)
    assert claim(inbox).id == "k1"


def test_all_conversations_are_looked_at(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    answers = iter(["b", ""])

    def look(after: str = "") -> str:
        looked.append(after)
        return next(answers)

    monkeypatch.setattr(inbox, "release_orphans", look)
    inbox.release_all_orphans()
    assert looked == ["", "b"]


def test_a_fetch_ends_whatever_it_meets(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_ycloud.inbox.queue._MOST_LOOKS", 0)
    accept(inbox)
    assert inbox.fetch(1) == []


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_one_that_is_released_as_it_is_parked_is_claimed(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task claims it by its id. No other task would try again."""
    accept(inbox, "k0", key="k")
    really_release, answers = inbox._release_orphans, [[identity("k0")]]

    def release(tx: Connection, keys: Any) -> list[Identity]:
        return answers.pop() if answers else really_release(tx, keys)

    monkeypatch.setattr(inbox, "_release_orphans", release)
    assert inbox.claim(identity("k0")) is None, "it ran in the answer that was lost"
    accept(inbox, "k1", key="other")
    assert claim(inbox, "k1").id == "k1"


def test_a_value_that_no_database_takes_is_refused(inbox: Inbox) -> None:
    with pytest.raises(InboxUnavailable):
        inbox.accept("half \ud83d", b"{}", endpoint="ycloud", event_type="t")
    if inbox.database.dialect == "postgresql":
        with pytest.raises(InboxUnavailable, match="DataError"):
            inbox.accept("a\0b", b"{}", endpoint="ycloud", event_type="t")
    accept(inbox)
