"""Customers with several names: one conversation, in order, in limited space."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.inbox.conversations import KNOWN_FOR
from flask_ycloud.inbox.tables import conversations

from ..conftest import Clock
from .support import DONE, claim
from .support import accept as accept_one

NUMBER, USER = ("number",), ("user",)
BOTH = ("user", "number")


def accept(inbox: Inbox, event_id: str, names: tuple[str, ...], **changes: Any) -> None:
    assert accept_one(inbox, event_id, names=names, **changes) == "accepted"


#: Every name that the tests use.
NAMES = (
    *BOTH, "new user", "another user", "another number", *"abc",
    *(f"{kind}{number}" for kind in "un" for number in range(9)),
)  # fmt: skip


def known(inbox: Inbox) -> dict[str, str]:
    """The hashed names and keys in the table."""
    plain = {inbox.database.hashed(name): name for name in NAMES}
    query = sa.select(conversations.c.name, conversations.c.key)
    rows = inbox.database.read(lambda tx: tx.execute(query).all())
    return {plain[row.name]: plain[row.key] for row in rows}


def assert_in_order(inbox: Inbox, event_ids: list[str]) -> None:
    """One after the other, never two at a time."""
    for event_id in event_ids:
        held = claim(inbox)
        assert held.id == event_id
        assert inbox.claim() is None, "the next one waits for it"
        assert inbox.save(held, None, DONE)
    assert inbox.claim() is None


@pytest.mark.parametrize(
    "seen",
    [
        (NUMBER, BOTH, USER),
        (USER, BOTH, NUMBER),
        (BOTH, NUMBER, USER, BOTH),
        (NUMBER, NUMBER, BOTH, USER, NUMBER, BOTH, USER),
        (USER, USER, BOTH, NUMBER, NUMBER),
    ],
)
@pytest.mark.parametrize("started", [False, True])
def test_a_customer_is_seen_now_by_number_now_by_user_id(
    inbox: Inbox, seen: tuple[tuple[str, ...], ...], started: bool
) -> None:
    accept(inbox, "evt_0", seen[0])
    first = claim(inbox) if started else None
    for number, names in enumerate(seen[1:], 1):
        accept(inbox, f"evt_{number}", names)
    if first is not None:
        assert inbox.claim() is None
        assert inbox.save(first, None, DONE)
    rest = range(1 if started else 0, len(seen))
    assert_in_order(inbox, [f"evt_{number}" for number in rest])


def test_what_waits_under_both_names_waits_for_the_message_that_joins_them_or_before(
    inbox: Inbox,
) -> None:
    """Before that message the two names are unrelated. After it all events are in order."""
    accept(inbox, "number_1", NUMBER)
    accept(inbox, "user_1", USER)
    accept(inbox, "number_2", NUMBER)
    running = claim(inbox)
    accept(inbox, "both", BOTH)
    assert inbox.claim() is None
    inbox.save(running, None, DONE)
    assert_in_order(inbox, ["user_1", "number_2", "both"])


def test_both_were_running_when_they_became_one(inbox: Inbox) -> None:
    accept(inbox, "number_1", NUMBER)
    accept(inbox, "user_1", USER)
    accept(inbox, "number_2", NUMBER)
    running = [claim(inbox), claim(inbox)]
    accept(inbox, "both", BOTH)
    for held in running:
        inbox.save(held, None, DONE)
    assert_in_order(inbox, ["number_2", "both"])


def test_what_was_parked_under_a_name_that_is_given_up_is_not_forgotten(
    inbox: Inbox,
) -> None:
    accept(inbox, "user_1", USER)
    accept(inbox, "user_2", USER)
    held = claim(inbox)
    assert inbox.claim() is None, "the second one is parked"
    accept(inbox, "number_1", NUMBER)
    other = claim(inbox)
    inbox.save(held, None, DONE)
    accept(inbox, "both", BOTH)
    inbox.save(other, None, DONE)
    assert_in_order(inbox, ["user_2", "both"])


def test_it_is_known_in_another_process_too(inbox: Inbox, clock: Clock) -> None:
    accept(inbox, "evt_0", BOTH)
    later = Inbox(inbox.database, clock=clock)
    accept(later, "evt_1", NUMBER)
    accept(later, "evt_2", USER)
    assert_in_order(later, ["evt_0", "evt_1", "evt_2"])


def test_three_names_become_one(inbox: Inbox) -> None:
    """A customer who takes a new number gets a new user id, and a note that has both."""
    accept(inbox, "evt_0", BOTH)
    accept(inbox, "evt_1", ("new user", "user"))
    accept(inbox, "evt_2", ("new user",))
    accept(inbox, "evt_3", NUMBER)
    assert len(set(known(inbox).values())) == 1
    assert_in_order(inbox, ["evt_0", "evt_1", "evt_2", "evt_3"])


def test_others_do_not_wait(inbox: Inbox) -> None:
    accept(inbox, "evt_0", BOTH)
    accept(inbox, "evt_1", ("another user", "another number"))
    assert (claim(inbox).id, claim(inbox).id) == ("evt_0", "evt_1")


def test_what_nobody_was_seen_by_for_a_month_is_forgotten(
    inbox: Inbox, clock: Clock
) -> None:
    accept(inbox, "evt_0", BOTH)
    accept(inbox, "evt_1", ("u2", "n2"))
    clock.now += KNOWN_FOR - 60
    accept(inbox, "evt_2", ("u2", "n2"))
    clock.now += 120
    inbox.prune()
    assert set(known(inbox)) == {"u2", "n2"}
    accept(inbox, "evt_3", BOTH)
    assert set(known(inbox)) == {"u2", "n2", *BOTH}


def test_it_is_written_once_a_day(inbox: Inbox, clock: Clock) -> None:
    """The names are not written with each message."""
    accept(inbox, "evt_0", BOTH)
    inbox.database.write(lambda tx: tx.execute(conversations.delete()))
    accept(inbox, "evt_1", BOTH)
    assert known(inbox) == {}
    clock.now += 86_401
    accept(inbox, "evt_2", BOTH)
    assert set(known(inbox)) == set(BOTH)


def test_a_process_remembers_only_so_many(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that it does not remember are learned again, which changes nothing."""
    monkeypatch.setattr("flask_ycloud.inbox.conversations._MOST_REMEMBERED", 2)
    for number in range(5):
        accept(inbox, f"evt_{number}", (f"u{number}", f"n{number}"))
    accept(inbox, "evt_5", ("u0", "n0"))
    assert len(inbox._conversations._learned) <= 2
    assert known(inbox)["n0"] == "u0"
    held = [claim(inbox).id for _ in range(5)]
    assert (held, inbox.claim()) == ([f"evt_{number}" for number in range(5)], None)


def test_many_learn_the_same_at_once(inbox_url: str, clock: Clock) -> None:
    inboxes = [
        Inbox(Database(open_engine(inbox_url), owned=True), clock=clock) for _ in range(4)
    ]
    errors: list[BaseException] = []

    def learn(number: int) -> None:
        names = [("a", "b"), ("b", "c"), ("c", "a"), ("b", "a")][number % 4]
        try:
            accept(inboxes[number % 4], f"evt_{number}", names)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=learn, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(known(inboxes[0])) == {"a", "b", "c"}
    handled = 0
    while held := inboxes[0].claim():
        inboxes[0].save(held, None, DONE)
        inboxes[0].release_all_orphans()
        handled += 1
    assert handled == 16


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.sampled_from([NUMBER, USER, BOTH]), min_size=1, max_size=8), st.data())
def test_whatever_comes_nothing_is_lost_and_the_joined_are_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    seen: list[tuple[str, ...]],
    data: Any,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    inbox = Inbox(Database(open_engine(f"sqlite:///{folder / 'inbox.db'}"), owned=True))
    running: list[Any] = []
    order: list[str] = []
    flip: st.SearchStrategy[bool] = st.booleans()
    for number, names in enumerate(seen):
        accept(inbox, f"{number}", names)
        if data.draw(flip) and (held := inbox.claim()):
            running.append(held)
            order.append(held.id)
        if running and data.draw(flip):
            inbox.save(running.pop(0), None, DONE)
    for held in running:
        inbox.save(held, None, DONE)
    while held := inbox.claim():
        order.append(held.id)
        assert BOTH not in seen or inbox.claim() is None
        inbox.save(held, None, DONE)
    assert sorted(order) == sorted(map(str, range(len(seen))))
    if BOTH in seen:
        after = [each for each in order if int(each) > seen.index(BOTH)]
        assert after == sorted(after, key=int)
