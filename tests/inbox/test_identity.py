"""Endpoint, tenant and id identify an event. Another body with them is a conflict."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flask_ycloud import AmbiguousEvent, EventNotFound
from flask_ycloud.inbox import Identity, Inbox

from .support import DONE, accept, claim

ACME = Identity("evt_1", "hooks", "acme")


def accept_body(inbox: Inbox, body: bytes, event_id: str = "evt_1") -> str:
    return inbox.accept(event_id, body, endpoint="hooks", event_type="t", tenant="acme")


def test_each_endpoint_and_each_tenant_has_ids_of_its_own(inbox: Inbox) -> None:
    places = [("one", ""), ("two", ""), ("hooks", "acme"), ("hooks", "beta")]
    for endpoint, tenant in places:
        assert accept(inbox, endpoint=endpoint, tenant=tenant) == "accepted"
        assert accept(inbox, endpoint=endpoint, tenant=tenant) == "duplicate"
    assert len(inbox.list()) == 4
    assert [each.tenant for each in inbox.list(tenant="acme")] == ["acme"]
    assert [each.tenant for each in inbox.list(endpoint="one")] == [None]
    taken = claim(inbox)
    assert taken.identity == Identity("evt_1", "one", "")
    assert taken.about == {"event_id": "evt_1", "endpoint": "one"}


def test_an_id_is_enough_where_one_event_has_it(inbox: Inbox) -> None:
    accept(inbox, endpoint="hooks", tenant="acme", endpoint_id="wh1")
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.identity, event.endpoint_id) == (ACME, "wh1")
    assert inbox.get("evt_1", endpoint="hooks", tenant="acme") == event
    assert inbox.get("evt_1", tenant="beta") is None
    assert inbox.get("evt_1", endpoint="other") is None
    assert event.identity in {ACME}


def test_where_it_is_not_the_error_says_who_has_it(inbox: Inbox) -> None:
    for tenant in ("acme", "beta"):
        accept(inbox, endpoint="hooks", tenant=tenant)
    accept(inbox, endpoint="orders")
    expected = (
        r"several events 'evt_1': endpoint 'hooks', tenant 'acme'; endpoint 'hooks',"
        r" tenant 'beta'; endpoint 'orders'\. Say which one"
    )
    with pytest.raises(AmbiguousEvent, match=expected):
        inbox.get("evt_1")
    with pytest.raises(AmbiguousEvent, match="'acme'"):
        inbox.replay("evt_1", endpoint="hooks")
    for held in inbox.fetch(3):
        inbox.save(held, None, DONE)
    inbox.replay("evt_1", tenant="beta")
    states = {event.tenant: event.state for event in inbox.list()}
    assert states == {"acme": "done", "beta": "pending", None: "done"}
    with pytest.raises(EventNotFound):
        inbox.replay("evt_1", tenant="gamma")
    orders = inbox.get("evt_1", endpoint="orders", tenant="")
    assert orders is not None
    assert orders.endpoint == "orders"


def test_an_event_that_is_deleted_just_now_is_none(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "find", lambda *_, **__: ACME)
    assert inbox.get("evt_1") is None


def test_a_known_id_with_another_body_is_a_conflict(inbox: Inbox) -> None:
    assert accept_body(inbox, b"one") == "accepted"
    assert accept_body(inbox, b"two") == "conflict"
    assert accept_body(inbox, b"one") == "duplicate"
    assert accept_body(inbox, b"two") == "conflict"
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.body, event.redeliveries, event.conflict_id) == (b"one", 3, None)


def test_the_first_other_body_is_kept(inbox: Inbox) -> None:
    accept_body(inbox, b"one")
    told = [
        inbox.accept_conflict(ACME, f"sha256:{body!r}", body, event_type="t")
        for body in (b"two", b"three", b"two")
    ]
    assert told == [True, False, False]
    event, other = inbox.get("evt_1"), inbox.get("sha256:b'two'")
    assert event is not None
    assert other is not None
    assert event.conflict_id == other.id
    assert (other.state, other.body, other.tenant) == ("dead", b"two", "acme")
    assert other.reason == "the event id evt_1 is known with another body"
    assert inbox.get("sha256:b'three'") is None


def test_many_bodies_at_once(inbox: Inbox) -> None:
    """One is new, equal bodies are duplicates, and other bodies are conflicts."""
    arrivals: dict[int, str] = {}

    def send(number: int) -> None:
        arrivals[number] = accept_body(inbox, b"%d" % (number % 4))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    event = inbox.get("evt_1")
    assert event is not None
    kept = int(event.body)
    alike = sorted(arrivals[number] for number in range(24) if number % 4 == kept)
    assert alike == ["accepted"] + ["duplicate"] * 5
    others = {arrivals[number] for number in range(24) if number % 4 != kept}
    assert others == {"conflict"}
    assert event.redeliveries == 23


def test_one_batch_with_several_bodies_of_one_id(inbox: Inbox) -> None:
    """Deliveries that waited for the previous commit are written together."""
    inbox.stats()
    rows: list[dict[str, Any]] = []
    write = inbox.database.write_single_together
    inbox.database.write_single_together = lambda work, row: rows.append(row) or "x"  # type: ignore
    for body in (b"one", b"two", b"one", b"three"):
        accept_body(inbox, body)
    accept_body(inbox, b"one", "evt_2")
    inbox.database.write_single_together = write  # type: ignore[method-assign]
    together = inbox.database.write(lambda tx: inbox._insert(tx, rows))
    assert together == ["accepted", "conflict", "duplicate", "conflict", "accepted"]
    event = inbox.get("evt_1")
    assert event is not None
    assert (event.body, event.redeliveries) == (b"one", 3)
