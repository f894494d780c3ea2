"""The order of claims: by arrival, and one event of a key at a time."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database, Inbox, Verdict, open_engine, queries

from ..conftest import Clock
from .support import DONE, SUCCEEDED, accept, claim, identity, state_of


def test_claims_come_in_order_of_arrival_and_once(inbox: Inbox) -> None:
    for number in range(3):
        accept(inbox, f"evt_{number}")
    assert [claim(inbox).id for _ in range(3)] == ["evt_0", "evt_1", "evt_2"]
    assert inbox.claim() is None
    assert state_of(inbox) == "running"


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
    assert inbox.claim(identity("a2")) is None
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
    """The database prevents a second running event, even if the query found none."""
    accept(inbox, "a1", key="a")
    accept(inbox, "a2", key="a")
    claim(inbox)

    # As if that query had run just before the other claim.
    make_due = "UPDATE ycloud_events SET due_at = parked_due_at, parked_due_at = NULL"
    inbox.database.write(lambda tx: tx.exec_driver_sql(f"{make_due} WHERE id = 'a2'"))
    with monkeypatch.context() as patch:
        patch.setattr(queries, "_must_wait", lambda event: sa.false())
        blind = queries._claim_next()
    with monkeypatch.context() as patch:
        patch.setattr(queries, "CLAIM_NEXT", blind)
        assert inbox.claim() is None
    assert state_of(inbox, "a2") == "pending"
    with monkeypatch.context() as patch:
        # Any other error is raised.
        patch.setattr("flask_ycloud.inbox.queue._RACES", ())
        patch.setattr(queries, "CLAIM_NEXT", blind)
        with pytest.raises(InboxUnavailable):
            inbox.claim()
