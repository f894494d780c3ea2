"""Key rotation: stored data is encrypted again while the inbox is used."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import (
    Cipher,
    Database,
    HandlerState,
    Inbox,
    Verdict,
    encrypt,
    has_plain,
    keys_in_use,
)
from flask_ycloud.inbox import cipher as ciphers
from flask_ycloud.inbox import rotation as module
from flask_ycloud.inbox.tables import attempts, events, outcomes

from ..conftest import Clock
from .support import DONE, SUCCEEDED, accept, claim

FIRST, SECOND = (Fernet.generate_key().decode() for _ in range(2))
FAILED = HandlerState("app:track", "failed", 1, error="ValueError at app.py:1\nof Ann")
DISCARDED = HandlerState("app:other", "discarded", 1, error="Ann is unknown")


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 3)


def with_keys(database: Database, *keys: str) -> Inbox:
    return Inbox(database, cipher=Cipher(keys))


def fill(inbox: Inbox, first: int, last: int) -> None:
    """Events that failed with a message, that were discarded, and that wait."""
    for number in range(first, last):
        accept(inbox, f"evt_{number}", body=f"of Ann {number}".encode())
        if number % 2:
            inbox.save(claim(inbox), FAILED, Verdict("pending", due_at=1e12))
        else:
            inbox.save(claim(inbox), DISCARDED, DONE)


def stored(inbox: Inbox) -> list[Any]:
    """Every body, and every error, as the tables have them."""

    def work(tx: sa.Connection) -> list[Any]:
        bodies = tx.execute(sa.select(events.c.body).order_by(events.c.seq)).scalars()
        errors = [
            error
            for table in (outcomes, attempts)
            for error in tx.execute(sa.select(table.c.error)).scalars()
        ]
        return [bytes(body).decode() for body in bodies] + errors

    return inbox.database.read(work)


def assert_all_is_there(inbox: Inbox, count: int) -> None:
    for number in range(count):
        event = inbox.get(f"evt_{number}")
        assert event is not None
        assert event.body == f"of Ann {number}".encode()
        error = (FAILED if number % 2 else DISCARDED).error
        assert [state.error for state in event.handlers] == [error]
        assert [run.error for run in event.attempts] == [error]


def test_from_plain_to_a_key_to_another_and_back(database: Database) -> None:
    plain = with_keys(database)
    fill(plain, 0, 8)
    assert (keys_in_use(plain), has_plain(plain)) == (frozenset(), True)

    first = with_keys(database, FIRST)
    assert_all_is_there(first, 8)
    done = encrypt(first)
    assert (done.bodies, done.texts, done.unreadable) == (8, 16, 0)
    assert not any("Ann" in each for each in stored(first))
    assert keys_in_use(first) == first.cipher.key_ids
    assert not has_plain(first)
    fill(first, 8, 10)
    assert_all_is_there(first, 10)
    assert encrypt(first) == module.Rotation(0, 0, 0)

    second = with_keys(database, SECOND, FIRST)
    steps: list[tuple[int, int]] = []
    done = encrypt(second, on_progress=lambda *step: steps.append(step))
    assert (done.bodies, done.texts, done.unreadable) == (10, 20, 0)
    assert steps == [(3, 10), (6, 10), (9, 10), (10, 10)]
    assert_all_is_there(with_keys(database, SECOND), 10)

    done = encrypt(with_keys(database, "", SECOND), decrypt=True)
    assert (done.bodies, done.texts, done.unreadable) == (10, 20, 0)
    assert_all_is_there(plain, 10)
    assert all("Ann" in each for each in stored(plain))


def test_what_cannot_be_read_stays_as_it_is(database: Database) -> None:
    fill(with_keys(database, FIRST), 0, 4)
    before = stored(with_keys(database))
    done = encrypt(with_keys(database, SECOND))
    assert (done.bodies, done.texts, done.unreadable) == (0, 0, 4)
    assert stored(with_keys(database)) == before
    assert_all_is_there(with_keys(database, FIRST), 4)


def test_a_sealed_reason_goes_along(database: Database) -> None:
    first = with_keys(database, FIRST)
    accept(first, dead=first.cipher.seal_text("of Ann"))
    encrypt(with_keys(database, SECOND, FIRST))
    event = with_keys(database, SECOND).get("evt_1")
    assert event is not None
    assert event.reason == "of Ann"


def reason_of(inbox: Inbox, event_id: str) -> str | None:
    event = inbox.get(event_id)
    assert event is not None
    return event.reason


def stored_reasons(inbox: Inbox) -> list[str]:
    query = sa.select(events.c.reason).where(events.c.reason.is_not(None))
    return inbox.database.read(lambda tx: list(tx.scalars(query.order_by(events.c.seq))))


def test_the_reasons_of_what_is_emptied_go_along(database: Database, clock: Clock) -> None:
    inbox = Inbox(database, cipher=Cipher([FIRST]), clock=clock, body_retention_days=1)
    for number in range(7):
        accept(inbox, f"evt_{number}")
        inbox.discard(f"evt_{number}", f"Ann has called {number}")
    clock.now += 2 * 86_400
    assert inbox.prune() == 7
    assert keys_in_use(inbox) == Cipher([FIRST]).key_ids
    assert encrypt(with_keys(database, SECOND)) == module.Rotation(0, 0, 0)
    assert keys_in_use(inbox) == Cipher([FIRST]).key_ids, "these cannot be read"

    assert encrypt(with_keys(database, SECOND, FIRST)) == module.Rotation(0, 7, 0)
    second = with_keys(database, SECOND)
    assert keys_in_use(second) == second.cipher.key_ids
    for number in range(7):
        assert reason_of(second, f"evt_{number}") == f"Ann has called {number}"
    assert encrypt(with_keys(database, "", SECOND), decrypt=True).texts == 7
    assert keys_in_use(second) == frozenset()
    assert reason_of(with_keys(database), "evt_6") == "Ann has called 6"


def test_reasons_of_discards_from_before_the_keys_are_sealed(database: Database) -> None:
    plain = with_keys(database)
    accept(plain, "evt_1")
    plain.discard("evt_1", "Ann has called")
    accept(plain, "evt_2", dead="the body is not JSON")
    inbox = with_keys(database, FIRST)
    encrypt(inbox)
    sealed, dead = stored_reasons(inbox)
    assert "Ann" not in sealed
    assert dead == "the body is not JSON"
    assert reason_of(inbox, "evt_1") == "Ann has called"
    assert not has_plain(inbox)
    inbox.database.write(
        lambda tx: tx.execute(
            events.update().where(events.c.id == "evt_1").values(reason="Ann has called")
        )
    )
    assert has_plain(inbox)
    assert encrypt(inbox) == module.Rotation(0, 1, 0)


@pytest.mark.parametrize("table", [outcomes, attempts])
def test_keys_of_errors_are_in_use(database: Database, table: sa.Table) -> None:
    inbox = with_keys(database, FIRST)
    fill(inbox, 0, 2)
    inbox.database.write(lambda tx: tx.execute(events.update().values(body_key=None)))
    for each in (outcomes, attempts):
        if each is not table:
            inbox.database.write(lambda tx, t=each: tx.execute(t.delete()))  # type: ignore[misc]
    assert keys_in_use(inbox) == inbox.cipher.key_ids


def test_bodies_come_last(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it is stopped in the middle, the older key is reported as in use."""
    first, second = with_keys(database, FIRST), with_keys(database, SECOND, FIRST)
    fill(first, 0, 4)
    accept(first, "evt_9")
    first.discard("evt_9", "Ann has called")

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_rotate_bodies", stopped)
        with pytest.raises(KeyboardInterrupt):
            encrypt(second)
    assert keys_in_use(second) == second.cipher.key_ids
    assert encrypt(second) == module.Rotation(5, 0, 0)
    assert keys_in_use(second) == with_keys(database, SECOND).cipher.key_ids


@pytest.mark.parametrize("what", ["_write_bodies", "_write_reasons"])
def test_a_reason_of_the_same_instant_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    inbox = with_keys(database, SECOND, FIRST)
    older = with_keys(database, FIRST)
    accept(older, "evt_1")
    if what == "_write_reasons":
        older.discard("evt_1", "before")
    really = getattr(module, what)

    def write(tx: sa.Connection, *args: Any) -> Any:
        tx.execute(
            events.update().values(state="discarded", due_at=None, reason="in between")
        )
        return really(tx, *args)

    monkeypatch.setattr(module, what, write)
    encrypt(inbox)
    assert reason_of(inbox, "evt_1") == "in between"


def test_what_changes_in_the_same_instant_stays_changed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that is emptied between the read and the write stays empty."""
    inbox = with_keys(database, FIRST)
    fill(with_keys(database), 0, 1)
    really = module._write_bodies

    def write(tx: sa.Connection, sealed: Any) -> int:
        inbox._delete(tx, events.c.id == "evt_0")
        return really(tx, sealed)

    monkeypatch.setattr(module, "_write_bodies", write)
    assert encrypt(inbox) == module.Rotation(0, 2, 0)
    assert stored(inbox) == [""]


def test_deliveries_arrive_and_are_handled_meanwhile(database: Database) -> None:
    """By a process that still has the older key first, and by one that has the new one."""
    old, new = with_keys(database, FIRST, SECOND), with_keys(database, SECOND, FIRST)
    fill(old, 0, 20)
    for number in range(100, 160):
        accept(old, f"evt_{number}", body=f"of Ann {number}".encode())
    stop = threading.Event()
    handled: list[bytes] = []
    arrived: list[int] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                number = 1000 + len(arrived)
                accept(old, f"evt_{number}", body=f"of Ann {number}".encode())
                arrived.append(number)
                for held in new.fetch(2):
                    handled.append(new.body_of(held))
                    assert new.save(held, SUCCEEDED, DONE)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not handled:
        time.sleep(0.001)
    encrypt(new)
    stop.set()
    thread.join()
    assert errors == []
    while held := new.claim():
        handled.append(new.body_of(held))
        new.save(held, SUCCEEDED, DONE)
    numbers = [*range(100, 160), *arrived]
    assert sorted(handled) == sorted(f"of Ann {number}".encode() for number in numbers)
    encrypt(new)
    only = with_keys(database, SECOND)
    assert keys_in_use(only) == only.cipher.key_ids
    assert_all_is_there(only, 20)


def test_an_emptied_event_needs_no_key(database: Database) -> None:
    accept(Inbox(database, cipher=Cipher([FIRST]), body_retention_days=0))
    inbox = Inbox(database, cipher=Cipher([FIRST]), body_retention_days=0)
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    accept(with_keys(database, FIRST), "evt_2")
    inbox.delete("evt_2")
    assert keys_in_use(inbox) == frozenset()
    assert not has_plain(inbox)
    assert encrypt(with_keys(database, SECOND)) == module.Rotation(0, 0, 0)


def test_it_says_at_once_that_the_package_is_missing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cipher, "_fernets", property(_missing))
    with pytest.raises(InboxUnavailable, match="pip install"):
        encrypt(with_keys(database, FIRST))


def _missing(_: Cipher) -> None:
    raise InboxUnavailable(ciphers._MISSING)
