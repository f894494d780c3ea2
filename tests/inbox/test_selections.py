"""Selections: which events they find, and which arguments are rejected."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.fernet import Fernet

from flask_ycloud.inbox import (
    Cipher,
    Database,
    HandlerState,
    Inbox,
    Selection,
    Verdict,
    selected,
)

from ..conftest import Clock
from .support import DONE, SUCCEEDED, accept, claim

SMS = "sms.message.updated"
UPDATED = "whatsapp.message.updated"
INBOUND = "whatsapp.inbound_message.received"


def fail(inbox: Inbox, handler: str, error: str, *, dead: bool = True) -> None:
    verdict = Verdict("dead", reason=f"{handler}: {error}")
    retry = Verdict("pending", due_at=inbox.clock() + 60)
    next_at = None if dead else retry.due_at
    state = HandlerState(handler, "failed", 1, next_at, error)
    inbox.save(claim(inbox), state, verdict if dead else retry)


@pytest.fixture
def stocked(inbox: Inbox, clock: Clock) -> Inbox:
    """An inbox with an event of each kind, a minute apart."""
    accept(inbox, "done")
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    clock.now += 60
    accept(inbox, "unhandled", event_type=INBOUND, endpoint="eu")
    inbox.save(claim(inbox), None, Verdict("done", unhandled=True))
    clock.now += 60
    accept(inbox, "dead", event_type=UPDATED, tenant="acme")
    held = claim(inbox)
    inbox.save(held, SUCCEEDED)
    verdict = Verdict("dead", reason="app:fail: KeyError at app.py:7")
    failed = HandlerState("app:fail", "failed", 8, None, "KeyError at app.py:7\nof Ann")
    inbox.save(held, failed, verdict)
    clock.now += 60
    accept(inbox, "sha256:1", event_type=None, dead="the body is not JSON")
    clock.now += 60
    accept(inbox, "retry")
    fail(inbox, "app:fail", "OSError at app.py:9", dead=False)
    accept(inbox, "running")
    claim(inbox)
    accept(inbox, "pending")
    accept(inbox, "parked", key="k")
    inbox.discard("parked", "not needed")
    accept(inbox, "odd", event_type=None, dead="100%_of it")
    return inbox


@pytest.mark.parametrize(
    ("narrow", "found"),
    [
        ({"state": "done"}, "done unhandled"),
        ({"state": "dead"}, "dead sha256:1 odd"),
        ({"state": "pending"}, "retry pending"),
        ({"state": "running"}, "running"),
        ({"state": "discarded"}, "parked"),
        ({"type": UPDATED}, "dead"),
        ({"type": "whatsapp.*"}, "unhandled dead"),
        ({"type": "whatsapp.message.*"}, "dead"),
        ({"type": "Whatsapp.*"}, ""),
        ({"type": "whatsapp*"}, ""),
        ({"type": "*.updated"}, ""),
        ({"type": "*", "state": "dead"}, "dead"),
        ({"endpoint": "eu"}, "unhandled"),
        ({"tenant": "acme"}, "dead"),
        ({"tenant": "", "state": "dead"}, "sha256:1 odd"),
        ({"handler": "app:track"}, "done dead"),
        ({"handler": "app:fail"}, "dead retry"),
        ({"handler": "app:track", "state": "dead"}, ""),
        ({"handler": "app:fail", "state": "dead"}, "dead"),
        ({"error": "keyerror"}, "dead"),
        ({"error": "100%_O"}, "odd"),
        ({"error": "1000_o"}, ""),
        ({"error": "of Ann"}, ""),
        ({"error": "not json"}, "sha256:1"),
        ({"error": "OSError", "handler": "app:fail"}, "retry"),
        ({"error": "OSError", "handler": "app:track"}, ""),
        ({"unhandled": True}, "unhandled"),
        ({"unhandled": False, "state": "done"}, "done"),
        ({"ids": ("done", "dead", "done", "nope")}, "done dead"),
        ({"ids": [f"no_{n}" for n in range(1200)] + ["retry"]}, "retry"),
        ({"ids": ()}, ""),
    ],
)
def test_what_a_selection_finds(stocked: Inbox, narrow: Any, found: str) -> None:
    selected = stocked.select(**narrow)
    assert [each.id for each in selected] == found.split()
    assert selected.count() == len(found.split())
    newest = [each.id for each in selected.newest(9)]
    assert newest == list(reversed(found.split()))
    assert [each.id for each in stocked.list(**narrow)] == newest
    assert [each.id for each in selected.newest(1)] == newest[:1]


def test_what_is_encrypted_is_not_searched(database: Database) -> None:
    """A short text could be in every encrypted reason, and all events would match."""
    inbox = Inbox(database, cipher=Cipher([Fernet.generate_key().decode()]))
    accept(inbox, "dead")
    failed = HandlerState("app:fail", "failed", 1, None, "KeyError at app.py:7\nof Ann")
    inbox.save(claim(inbox), failed, Verdict("dead", reason="app:fail: KeyError"))
    accept(inbox, "discarded")
    inbox.discard("discarded", "Ann has called")
    accept(inbox, "failed")
    fail(inbox, "app:fail", "OSError at app.py:9\nof Bob", dead=False)

    def found(text: str) -> list[str]:
        return [each.id for each in inbox.select(error=text, state=None)]

    for text in ("ycloud-fernet", "gAAAA", "=", "-", "Ann", "Bob"):
        assert found(text) == [], text
    assert found("oserror AT") == ["failed"]
    assert found("keyerror") == ["dead"]
    assert inbox.select(error="=").delete().done == 0


def test_times(inbox: Inbox, clock: Clock) -> None:
    for number in range(5):
        accept(inbox, f"evt_{number}")
        clock.now += 60
    start = datetime.fromtimestamp(clock.now - 300, timezone.utc)

    def ids(**narrow: Any) -> str:
        selected = inbox.select(**narrow)
        found = [each.id[-1] for each in selected]
        assert selected.count() == len(found)
        return "".join(found)

    minute = timedelta(minutes=1)
    assert ids(since=start) == "01234"
    assert ids(since=start + minute) == "1234"
    assert ids(since=start + minute * 1.5) == "234"
    assert ids(until=start + minute * 1.5) == "01"
    assert ids(until=start + minute) == "01"
    assert ids(until=start - minute) == ""
    assert ids(since=start + minute, until=start + 2 * minute, state="pending") == "12"
    assert ids(since=start + 9 * minute) == ""
    bounded = inbox.select(since=start + minute, until=start + 3 * minute)
    assert [each.id for each in bounded.newest(2)] == ["evt_3", "evt_2"]
    last = bounded.newest(2)[-1].position
    assert [each.id for each in bounded.newest(2, before=last)] == ["evt_1"]


@pytest.mark.parametrize(
    ("narrow", "said"),
    [
        ({"state": "lost"}, "No state 'lost'; there is pending, running, done, dead, disc"),
        ({"since": datetime(2026, 1, 1)}, "since has no time zone"),
        ({"until": datetime(2026, 1, 1)}, "until has no time zone"),
        ({"cause": "12345678", "state": "done"}, "Only dead letters have a cause"),
    ],
)
def test_what_cannot_be_selected(narrow: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Selection(**narrow)


def test_a_filter_that_is_none_is_an_error() -> None:
    with pytest.raises(TypeError, match="kind"):
        Selection(kind="dead")  # type: ignore[call-arg]


def test_bodies_are_loaded_if_asked_for(inbox: Inbox) -> None:
    accept(inbox)
    selected = inbox.select(state="pending")
    assert [each.body for each in selected] == [b""]
    assert [each.body for each in selected.with_bodies()] == [b'{"a": 1}']
    assert [each.body for each in inbox.list()] == [b'{"a": 1}']
    assert [each.body for each in selected.newest(1, bodies=True)] == [b'{"a": 1}']
    assert repr(selected).startswith("<SelectedEvents Selection(state='pending', type=None")


def test_a_selection_can_be_narrowed_further(inbox: Inbox) -> None:
    accept(inbox, "evt_1", endpoint="eu")
    accept(inbox, "evt_2")
    pending = Selection(state="pending")
    assert inbox.select(pending).count() == 2
    assert inbox.select(pending, endpoint="eu").count() == 1
    assert inbox.select().count() == 2


@pytest.mark.parametrize("odd", ["a\0b", "\udcff"])
def test_what_no_database_can_hold_selects_nothing(inbox: Inbox, odd: str) -> None:
    inbox.accept("evt_1", b"{}", endpoint="eu", event_type="a.b", dead="x")
    for name in ("type", "endpoint", "tenant", "handler", "error", "cause"):
        chosen: Any = {name: odd}
        assert inbox.select(**chosen).count() == 0, name
    assert inbox.select(type=f"{odd}.*").count() == 0
    assert inbox.select(ids=[odd]).count() == 0


def test_what_narrows_a_selection_is_told() -> None:
    assert Selection().narrowing == {}
    assert Selection(state="dead", ids=["a"]).narrowing == {"state": "dead", "ids": ("a",)}


def test_what_no_index_finds_is_looked_for_in_parts(
    stocked: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selected, "_LOOKED_AT", 2)
    whatsapp = stocked.select(type="whatsapp.*")
    assert [each.id for each in whatsapp] == ["unhandled", "dead"]
    assert whatsapp.count() == 2
    assert [each.id for each in whatsapp.newest(9)] == ["dead", "unhandled"]
    assert [each.id for each in whatsapp.newest(1)] == ["dead"]
    assert whatsapp.replay().done == 2
