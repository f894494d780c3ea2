"""The durable store, over SQLite and a real PostgreSQL."""

from __future__ import annotations

import re
import threading
from datetime import datetime, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from flask_ycloud import EventNotFound, EventRunning, InboxUnavailable
from flask_ycloud.inbox import (
    Claim,
    Database,
    HandlerState,
    Inbox,
    Verdict,
    open_engine,
    queries,
)
from flask_ycloud.inbox.tables import events

from ..conftest import Clock

DONE = Verdict("done")
SUCCEEDED = HandlerState("app:track", "succeeded", 1)


def accept(inbox: Inbox, event_id: str = "evt_1", **changes: Any) -> bool:
    settings = {"endpoint": "ycloud", "event_type": "sms.message.updated"} | changes
    return inbox.accept(event_id, b'{"a": 1}', **settings)


def claim(inbox: Inbox, event_id: str | None = None) -> Claim:
    claimed = inbox.claim(event_id)
    assert claimed is not None
    return claimed


def state_of(inbox: Inbox, event_id: str = "evt_1") -> str:
    event = inbox.get(event_id)
    assert event is not None
    return event.state


def test_an_event_is_accepted_once(inbox: Inbox, clock: Clock) -> None:
    assert accept(inbox) is True
    assert accept(inbox, endpoint="other") is False
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.type, event.endpoint, event.state) == (
        "sms.message.updated",
        "ycloud",
        "pending",
    )
    assert event.body == b'{"a": 1}'
    assert event.received_at == datetime.fromtimestamp(clock.now, timezone.utc)
    assert (event.settled_at, event.reason, event.handlers) == (None, None, ())
    assert inbox.get("evt_2") is None


def test_the_same_event_many_times_at_once_is_new_once(inbox: Inbox) -> None:
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda: answers.append(accept(inbox))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 15 + [True]


def test_no_repr_shows_the_body(inbox: Inbox) -> None:
    accept(inbox)
    assert '"a"' not in repr(inbox.get("evt_1"))
    assert '"a"' not in repr(inbox.claim())


def test_claims_come_in_order_of_arrival_and_once(inbox: Inbox) -> None:
    for number in range(3):
        accept(inbox, f"evt_{number}")
    assert [claim(inbox).id for _ in range(3)] == ["evt_0", "evt_1", "evt_2"]
    assert inbox.claim() is None
    assert state_of(inbox) == "running"


def test_a_claim_has_what_handling_needs(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    taken = claim(inbox)
    assert (taken.id, taken.endpoint, taken.body) == ("evt_1", "ycloud", b'{"a": 1}')
    assert (taken.received_at, taken.attempt, taken.crashes) == (clock.now, 1, 0)
    assert taken.handlers == {}


def test_one_event_can_be_claimed_by_its_id(inbox: Inbox) -> None:
    accept(inbox, "evt_1")
    accept(inbox, "evt_2")
    assert claim(inbox, "evt_2").id == "evt_2"
    assert inbox.claim("evt_2") is None
    assert inbox.claim("evt_3") is None


def test_a_verdict_settles(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    assert inbox.save(claim(inbox), SUCCEEDED, DONE)
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.state, event.due_at, event.handlers) == ("done", None, (SUCCEEDED,))
    assert event.settled_at == datetime.fromtimestamp(clock.now, timezone.utc)
    clock.now += 10**6
    assert inbox.claim() is None


def test_a_retry_waits_for_its_time_and_knows_its_past(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    failed = HandlerState(
        "app:track", "failed", 1, clock.now + 10, "ValueError at app.py:1"
    )
    inbox.save(claim(inbox), failed, Verdict("pending", due_at=clock.now + 10))
    clock.now += 9
    assert inbox.claim() is None
    assert inbox.next_due() == pytest.approx(1)
    clock.now += 1
    again = claim(inbox)
    assert (again.attempt, again.crashes) == (2, 0)
    assert again.handlers == {"app:track": failed}
    inbox.save(again, HandlerState("app:track", "succeeded", 2), DONE)
    event = inbox.get("evt_1")
    assert event is not None
    assert event.handlers == (HandlerState("app:track", "succeeded", 2),)


def test_a_lease_that_ran_out_is_taken_over(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    dead = claim(inbox)
    clock.now += 59
    assert inbox.claim() is None
    clock.now += 1
    taken = claim(inbox)
    assert (taken.id, taken.attempt, taken.crashes) == (dead.id, 2, 1)


def test_a_lease_that_is_renewed_is_not(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    held = claim(inbox)
    for renew in (lambda: inbox.renew([held]), lambda: inbox.save(held, SUCCEEDED)):
        clock.now += 59
        renew()
        clock.now += 59
        assert inbox.claim() is None


def test_who_was_away_too_long_changes_nothing(inbox: Inbox, clock: Clock) -> None:
    """Fencing: the attempt of an earlier claim is refused."""
    accept(inbox)
    late = claim(inbox)
    clock.now += 60
    current = claim(inbox)
    assert inbox.save(late, SUCCEEDED, DONE) is False
    assert inbox.save(late, SUCCEEDED) is False
    inbox.renew([late])
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.state, event.handlers) == ("running", ())
    assert inbox.save(current, None, DONE)
    assert inbox.save(current, SUCCEEDED, Verdict("dead")) is False


def test_a_step_of_the_clock_backwards_holds_nothing_up(inbox: Inbox, clock: Clock) -> None:
    accept(inbox, "evt_1")
    clock.now -= 3600
    accept(inbox, "evt_2")
    assert [claim(inbox).id, claim(inbox).id] == ["evt_1", "evt_2"]


def test_events_of_a_key_come_one_at_a_time_in_order(inbox: Inbox) -> None:
    for event_id, key in (
        ("a1", "a"),
        ("a2", "a"),
        ("b1", "b"),
        ("n1", None),
        ("n2", None),
    ):
        accept(inbox, event_id, key=key)
    first = claim(inbox)
    others = [claim(inbox).id for _ in range(3)]
    assert (first.id, others) == ("a1", ["b1", "n1", "n2"])
    assert inbox.claim() is None
    assert inbox.claim("a2") is None
    inbox.save(first, None, DONE)
    assert claim(inbox).id == "a2"


def test_a_waiting_retry_does_not_block_its_key(inbox: Inbox, clock: Clock) -> None:
    accept(inbox, "a1", key="a")
    accept(inbox, "a2", key="a")
    inbox.save(claim(inbox), None, Verdict("pending", due_at=clock.now + 10))
    second = claim(inbox)
    assert second.id == "a2"
    clock.now += 10
    assert inbox.claim() is None, "one at a time, retries too"
    inbox.save(second, None, DONE)
    assert claim(inbox).id == "a1"


def test_a_dead_process_does_not_block_its_key_for_ever(inbox: Inbox, clock: Clock) -> None:
    accept(inbox, "a1", key="a")
    accept(inbox, "a2", key="a")
    claim(inbox)
    clock.now += 60
    taken = claim(inbox)
    assert taken.id == "a1"
    inbox.save(taken, None, DONE)
    assert claim(inbox).id == "a2"


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_a_claim_passes_over_what_another_is_taking(inbox: Inbox) -> None:
    """FOR UPDATE SKIP LOCKED: it waits for nobody."""
    accept(inbox, "evt_1")
    accept(inbox, "evt_2")
    with inbox.database._engine.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM ycloud_events WHERE id = 'evt_1' FOR UPDATE")
        assert claim(inbox).id == "evt_2"
    assert claim(inbox).id == "evt_1"


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_no_lock_outlives_the_statement_that_takes_renews_or_settles(inbox: Inbox) -> None:
    """Or a process that is stopped right behind it would keep the event from all others."""
    accept(inbox, "evt_1")
    engine = inbox.database._engine
    locked = sa.text("SELECT 1 FROM ycloud_events FOR UPDATE NOWAIT")
    seen: list[str] = []

    def elsewhere(*about: Any) -> None:
        statement = about[2]
        if statement.startswith(("UPDATE", "WITH")):
            seen.append(statement)
            with sa.create_engine(engine.url, poolclass=sa.NullPool).begin() as other:
                other.execute(locked)

    sa.event.listen(engine, "after_cursor_execute", elsewhere)
    held = claim(inbox)
    inbox.renew([held, held])
    assert inbox.save(held, SUCCEEDED)
    assert inbox.save(held, None, DONE)
    assert len(seen) == 4


def test_two_processes_never_take_the_same_event(inbox_url: str) -> None:
    """Two engines on one store, four threads each, keys included."""
    inboxes = [Inbox(Database(open_engine(inbox_url), owned=True)) for _ in range(2)]
    for number in range(60):
        accept(inboxes[0], f"evt_{number}", key="k" if number % 3 == 0 else None)
    taken: list[str] = []
    running, most, lock = 0, 0, threading.Lock()

    def work(inbox: Inbox) -> None:
        nonlocal running, most
        while len(taken) < 60:
            mine = inbox.claim()
            if mine is None:
                continue
            keyed = int(mine.id[4:]) % 3 == 0
            with lock:
                taken.append(mine.id)
                running += keyed
                most = max(most, running)
            with lock:
                running -= keyed
            assert inbox.save(mine, SUCCEEDED, DONE)

    threads = [threading.Thread(target=work, args=(each,)) for each in inboxes * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken) == len(set(taken)) == 60
    assert most == 1
    keyed = [each for each in taken if int(each[4:]) % 3 == 0]
    assert keyed == sorted(keyed, key=lambda each: int(each[4:]))


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)  # where races can be
def test_a_lost_race_for_a_key_is_no_error(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the look for others of the key saw none, the database holds the line."""
    accept(inbox, "a1", key="a")
    accept(inbox, "a2", key="a")
    claim(inbox)

    blind = queries._take(sa.select(events.c.seq).where(events.c.id == "a2"))
    with monkeypatch.context() as patch:
        patch.setattr(queries, "TAKE_NEXT", blind)
        assert inbox.claim() is None
    assert state_of(inbox, "a2") == "pending"
    with monkeypatch.context() as patch:
        # Any other error is one.
        patch.setattr("flask_ycloud.inbox.queue._RACES", ())
        patch.setattr(queries, "TAKE_NEXT", blind)
        with pytest.raises(InboxUnavailable):
            inbox.claim()


def test_a_delivery_may_be_a_dead_letter_from_the_start(inbox: Inbox) -> None:
    accept(inbox, "sha256:1", event_type=None, dead="the body is not JSON")
    event = inbox.get("sha256:1")
    assert event is not None
    assert (event.state, event.reason, event.type) == ("dead", "the body is not JSON", None)
    assert event.settled_at == event.received_at
    assert inbox.claim() is None


def test_the_list_is_the_newest_first_in_pages(inbox: Inbox) -> None:
    for number in range(5):
        accept(inbox, f"evt_{number}")
    page = inbox.list(limit=2)
    assert [event.id for event in page] == ["evt_4", "evt_3"]
    page = inbox.list(limit=2, before=page[-1].position)
    assert [event.id for event in page] == ["evt_2", "evt_1"]


def test_the_list_can_be_narrowed(inbox: Inbox) -> None:
    accept(inbox, "evt_1")
    accept(inbox, "evt_2", endpoint="eu")
    accept(inbox, "evt_3", event_type="contact.created")
    inbox.save(claim(inbox), None, DONE)

    def ids(**narrow: Any) -> list[str]:
        return [event.id for event in inbox.list(**narrow)]

    assert ids(state="done") == ["evt_1"]
    assert ids(endpoint="eu") == ["evt_2"]
    assert ids(type="contact.created") == ["evt_3"]
    assert ids(type="contact.created", endpoint="eu") == []


@pytest.mark.parametrize("verdict", [DONE, Verdict("dead", reason="gone")])
def test_a_replay_runs_what_has_not_succeeded(
    inbox: Inbox, clock: Clock, verdict: Verdict
) -> None:
    due: list[str] = []
    inbox._on_due = due.append
    accept(inbox)
    held = claim(inbox)
    inbox.save(held, HandlerState("app:fail", "failed", 8, None, "ValueError"))
    inbox.save(held, HandlerState("app:drop", "discarded", 1, None, "no text"))
    inbox.save(held, SUCCEEDED, verdict)
    inbox.replay("evt_1")
    assert due == ["evt_1"]
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.state, event.reason, event.settled_at) == ("pending", None, None)
    assert claim(inbox).handlers == {"app:track": SUCCEEDED}


def test_a_replay_of_everything(inbox: Inbox) -> None:
    accept(inbox)
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    inbox.replay("evt_1", succeeded_too=True)
    assert claim(inbox).handlers == {}


def test_a_replay_forgets_crashes(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    claim(inbox)
    clock.now += 60
    inbox.save(claim(inbox), None, Verdict("dead"))
    inbox.replay("evt_1")
    assert claim(inbox).crashes == 0


def test_a_replay_brings_a_waiting_retry_forward(inbox: Inbox, clock: Clock) -> None:
    accept(inbox)
    inbox.save(claim(inbox), None, Verdict("pending", due_at=clock.now + 7200))
    inbox.replay("evt_1")
    assert claim(inbox).id == "evt_1"


def test_what_cannot_be_replayed(inbox: Inbox) -> None:
    with pytest.raises(EventNotFound, match="no event 'evt_9'"):
        inbox.replay("evt_9")
    accept(inbox)
    claim(inbox)
    with pytest.raises(EventRunning, match="being handled now"):
        inbox.replay("evt_1")


def test_the_inbox_at_a_glance(inbox: Inbox, clock: Clock) -> None:
    assert inbox.stats().oldest_pending_seconds is None
    for number, event_type in enumerate(["a", "a", "b", "a"]):
        accept(inbox, f"evt_{number}", event_type=event_type)
        clock.now += 10
    accept(inbox, "sha256:1", event_type=None, dead="not JSON")
    inbox.save(claim(inbox), None, DONE)
    claim(inbox)
    stats = inbox.stats()
    assert (stats.pending, stats.running, stats.dead) == (2, 1, 1)
    assert stats.oldest_pending_seconds == pytest.approx(20)
    assert stats.by_type == {
        "a": {"pending": 1, "running": 1, "dead": 0},
        "b": {"pending": 1, "running": 0, "dead": 0},
        None: {"pending": 0, "running": 0, "dead": 1},
    }


def test_pruning_deletes_what_was_done_long_ago(inbox: Inbox, clock: Clock) -> None:
    for event_id in ("done", "dead", "waiting"):
        accept(inbox, event_id)
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    inbox.save(claim(inbox), SUCCEEDED, Verdict("dead"))
    clock.now += 30 * 86_400 - 1
    assert inbox.prune() == 0
    clock.now += 2
    assert inbox.prune(days=0) == 0
    assert inbox.prune() == 1
    assert [event.id for event in inbox.list()] == ["waiting", "dead"]
    left = inbox.database.read(
        lambda tx: tx.exec_driver_sql("SELECT * FROM ycloud_outcomes").all()
    )
    assert len(left) == 1


def test_pruning_goes_in_small_batches(inbox: Inbox, clock: Clock) -> None:
    """So that accepts come in between."""
    inbox.stats()
    row = {
        "endpoint": "e",
        "type": "t",
        "received_at": 1.0,
        "state": "done",
        "settled_at": 1.0,
        "attempt": 1,
        "crashes": 0,
        "body": b"",
    }
    rows = [{"id": f"evt_{number}", **row} for number in range(1200)]
    inbox.database.write(lambda tx: tx.execute(events.insert(), rows))
    commits: list[int] = []
    sa.event.listen(inbox.database._writing, "commit", lambda _: commits.append(1))
    assert inbox.prune() == 1200
    assert len(commits) == 4


PLANS = {
    "claim": (queries.DUE, "ix_ycloud_events_due"),
    "next due": (queries.SOONEST, "ix_ycloud_events_due"),
    "unsettled": (queries.UNSETTLED, "ix_ycloud_events_due"),
    "dead": (queries.DEAD, "ix_ycloud_events_dead"),
    "old": (queries.OLD, "ix_ycloud_events_done"),
    "overdue": (queries.OVERDUE, "ix_ycloud_events_due"),
    "follower": (queries.FOLLOWER, "ix_ycloud_events_"),
    "list of dead": (queries.newest("dead").limit(9), "ix_ycloud_events_dead"),
    "list of pending": (queries.newest("pending").limit(9), "ix_ycloud_events_due"),
    "list of running": (queries.newest("running").limit(9), "x_ycloud_events_"),
}


@pytest.mark.parametrize("query", PLANS)
def test_no_look_meets_the_events_that_are_done(inbox: Inbox, query: str) -> None:
    """The query plans at 20,000 of them: partial indexes, which leave those rows out."""
    inbox.stats()
    fill = (
        "INSERT INTO ycloud_events (id, endpoint, received_at, state, settled_at, attempt,"
        " crashes, body) SELECT 'evt_' || n, 'e', n, 'done', n, 1, 0, '' FROM ({}) AS many"
    )
    numbers = "SELECT generate_series(1, 20000) AS n"
    if inbox.database.dialect == "sqlite":
        numbers = (
            "WITH RECURSIVE s(n) AS"
            " (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000) SELECT n FROM s"
        )
    inbox.database.write(lambda tx: tx.exec_driver_sql(fill.format(numbers)))
    inbox.database.write(lambda tx: tx.exec_driver_sql("ANALYZE"))
    accept(inbox, "evt_pending")
    statement, index = PLANS[query]
    values = {"now_": 1e9, "then_": 5.0, "key_": "k"}
    known = {name: values[name] for name in statement.compile().params if name in values}

    def explain(tx: sa.Connection) -> str:
        # As it is executed, with parameters: a plan must not need their values.
        compiled = statement.compile(dialect=tx.dialect)
        how = "EXPLAIN QUERY PLAN" if tx.dialect.name == "sqlite" else "EXPLAIN"
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        ran = tx.execute(sa.text(f"{how} {_named(compiled)}"), {**compiled.params, **known})
        return "\n".join(str(row[3] if how.endswith("PLAN") else row[0]) for row in ran)

    plan = inbox.database.write(explain)
    assert index in plan, plan
    if inbox.database.dialect == "sqlite":
        assert "SCAN other" not in plan
        assert "SCAN ycloud_events\n" not in f"{plan}\n"
    else:
        assert "Seq Scan" not in plan, plan


def _named(compiled: Any) -> str:
    """The statement with its parameters in the form that ``text`` takes."""
    text = str(compiled)
    if compiled.positional:
        for name in compiled.positiontup:
            text = text.replace("?", f":{name}", 1)
        return text
    return re.sub(r"%\((\w+)\)s(?:::(?:VARCHAR|INTEGER)(?:\(\d+\))?)?", r":\1", text)


def test_there_is_no_such_state(inbox: Inbox) -> None:
    with pytest.raises(ValueError, match="No state 'lost'; there is pending"):
        inbox.list(state="lost")


def test_an_event_that_is_replayed_just_now_is_not_pruned(
    inbox: Inbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(inbox)
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    inbox.replay("evt_1")
    clock.now += 31 * 86_400
    # As if the look for old ones had come before the replay.
    monkeypatch.setattr(queries, "OLD", sa.select(events.c.seq))
    assert inbox.prune() == 0
    assert claim(inbox).handlers == {"app:track": SUCCEEDED}
