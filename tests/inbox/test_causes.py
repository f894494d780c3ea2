"""Causes: dead letters in groups, by the handler, the error and its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flask_ycloud.inbox import HandlerState, Identity, Inbox, Progress, Verdict, search

from ..conftest import Clock
from .support import accept, claim, identity


def die(inbox: Inbox, event_id: str, handler: str, error: str, **changes: str) -> None:
    accept(inbox, event_id, **changes)
    verdict = Verdict("dead", reason=f"{handler}: {error}")
    state = HandlerState(handler, "failed", 8, None, f"{error}\nits message {event_id}")
    inbox.save(claim(inbox), state, verdict)


@pytest.fixture
def buried(inbox: Inbox, clock: Clock) -> Inbox:
    for number in range(3):
        clock.now += 60
        die(inbox, f"key_{number}", "shop: crm", "KeyError at app.py:7")
    die(inbox, "os_1", "shop: crm", "OSError at app.py:9", event_type="contact.created")
    die(inbox, "os_2", "app:mail", "OSError at app.py:9")
    for number in range(2):
        accept(inbox, f"sha256:{number}", event_type=None, dead="the body is not JSON")
        other, body = f"sha256:c{number}", b"other"
        event = Identity(f"os_{number + 1}", "ycloud")
        inbox.accept_conflict(event, other, body, event_type="sms.message.updated")
    return inbox


def test_dead_letters_by_cause(buried: Inbox) -> None:
    found = {
        (each.kind, each.handler, each.error): (each.count, each.example.id)
        for each in buried.dead_by_cause()
    }
    assert found == {
        ("handler", "shop: crm", "KeyError at app.py:7"): (3, "key_2"),
        ("handler", "shop: crm", "OSError at app.py:9"): (1, "os_1"),
        ("handler", "app:mail", "OSError at app.py:9"): (1, "os_2"),
        ("not understood", None, "the body is not JSON"): (2, "sha256:1"),
        ("conflict", None, "the event id … is known with another body"): (2, "sha256:c1"),
    }
    first = buried.dead_by_cause()[0]
    assert first.count == 3
    assert first.newest - first.oldest == timedelta(minutes=2)
    assert first.example == identity("key_2")
    assert len({each.id for each in buried.dead_by_cause()}) == 5
    assert buried.dead_by_cause() == buried.select(state="dead").dead_by_cause()


def test_other_handlers_that_failed_the_same_events(inbox: Inbox) -> None:
    reason = "shop:crm: KeyError at app.py:7"
    for number, others in enumerate([(), ("app:mail",), ("app:mail", "app:log")]):
        accept(inbox, f"evt_{number}")
        names = ("shop:crm", *others)
        states = tuple(HandlerState(each, "failed", 8) for each in names)
        states += (HandlerState("app:good", "succeeded", 1),)
        inbox.save_all([Progress(claim(inbox), states, Verdict("dead", reason=reason))])
    (cause,) = inbox.dead_by_cause()
    assert (cause.handler, cause.count) == ("shop:crm", 3)
    assert cause.also_failed == {"app:log": 1, "app:mail": 2}
    (cause,) = inbox.dead_by_cause(handler="app:log")
    assert (cause.count, cause.also_failed) == (1, {"app:log": 1, "app:mail": 1})
    assert hash(cause) == hash(replace(cause)), "it can be a key of a dict"


def test_a_cause_selects_its_dead_letters(buried: Inbox) -> None:
    for cause in buried.dead_by_cause():
        selected = buried.select(cause=cause.id)
        assert selected.count() == cause.count
        assert cause.example.id in [each.id for each in selected]
        assert selected.dead_by_cause() == [cause]
    crm = buried.dead_by_cause()[0]
    assert buried.select(cause=crm.id).replay().done == 3
    assert buried.stats().dead == 6
    assert buried.select(cause=crm.id).count() == 0, "there are none of it any more"
    assert buried.select(cause="nonsense").count() == 0


def test_causes_of_some(buried: Inbox, clock: Clock) -> None:
    (contact,) = buried.dead_by_cause(type="contact.*")
    assert contact.example.id == "os_1"
    since = buried.get("key_2")
    assert since is not None
    newer = buried.dead_by_cause(since=since.received_at)
    assert sum(each.count for each in newer) == 7
    assert sum(each.count for each in buried.dead_by_cause(until=since.received_at)) == 9
    assert {each.handler for each in buried.dead_by_cause(handler="shop: crm")} == {
        "shop: crm"
    }


def test_a_dead_letter_without_a_reason(inbox: Inbox) -> None:
    accept(inbox)
    inbox.save(claim(inbox), None, Verdict("dead"))
    (cause,) = inbox.dead_by_cause()
    assert (cause.kind, cause.handler, cause.error) == ("handler", None, "")
    assert inbox.select(cause=cause.id).count() == 1


def test_which_handler_a_dead_letter_is_of(buried: Inbox) -> None:
    handlers = {
        each.id: each.failed_handler for each in buried.select(state="dead").newest(9)
    }
    assert handlers["key_0"] == "shop: crm"
    assert handlers["sha256:0"] is None


def test_a_page_of_a_cause(buried: Inbox) -> None:
    cause = buried.dead_by_cause()[0]
    page = search(buried, cause=cause.id, limit=2)
    assert [each.id for each in page.events] == ["key_2", "key_1"]
    rest = search(buried, cause=cause.id, limit=2, before=page.older)
    assert [each.id for each in rest.events] == ["key_0"]
