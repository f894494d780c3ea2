"""The events of a person: found, exported and erased."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from flask_ycloud import BodyUnreadable, current_inbox
from flask_ycloud.inbox import Cipher, Database, Identity, Inbox, Verdict
from flask_ycloud.inbox import persons as module
from flask_ycloud.inbox.tables import conversations, events
from flask_ycloud.protocol import conversation_names, parse_event, sample_event

from ..conftest import Clock, MakeApp
from ..support import deliver
from .support import DONE, SUCCEEDED, accept, claim, identity

NUMBER = "15550100123"
USER = "US.13491208655302741918"
OTHER = "15550100999"


def message(
    event_id: str, number: str = NUMBER, text: str = "hello", user: str = ""
) -> Any:
    """A message of WhatsApp, as the receiver understands it."""
    event = sample_event("whatsapp.inbound_message.received")
    event |= {"id": event_id, "createTime": "2025-01-01T00:00:00Z"}
    inbound: dict[str, Any] = {"from": f"+{number}", "to": "+15550109999", "type": "text"}
    inbound |= {"id": event_id, "wamid": "wamid.AAAA", "text": {"body": text}}
    event["whatsappInboundMessage"] = inbound | ({"fromUserId": user} if user else {})
    return event


def arrive(inbox: Inbox, event_id: str, **changes: Any) -> None:
    body = json.dumps(message(event_id, **changes)).encode()
    event = parse_event(body, endpoint="ycloud")
    names = conversation_names(event)
    assert names
    accept(inbox, event_id, body=body, event_type=event.type, names=names)


def ids(found: Any) -> list[str]:
    return [each.id for each in found]


def test_every_event_that_names_the_person(inbox: Inbox) -> None:
    arrive(inbox, "evt_done")
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    arrive(inbox, "evt_of_another", number=OTHER)
    arrive(inbox, "evt_mentioned", number=OTHER, text=f"her number is +{NUMBER}")
    arrive(inbox, "evt_longer", number=f"{NUMBER}1")
    accept(inbox, "sha256:1", body=f"no JSON {NUMBER}".encode(), event_type=None, dead="no")
    arrive(inbox, "evt_pending")
    found = inbox.person("+1 555 010 0123")
    assert ids(found) == ["evt_done", "evt_mentioned", "sha256:1", "evt_pending"]
    assert (len(found), found.unreadable) == (4, ())
    assert [run.handler for run in found.events[0].handlers] == ["app:track"]
    assert ids(inbox.person("nobody@example.com")) == []


def test_there_may_be_many_events(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_READ_AT_ONCE", 3)
    for number in range(20):
        arrive(inbox, f"evt_{number}", number=NUMBER if number % 5 == 0 else OTHER)
    steps: list[tuple[int, int]] = []
    found = inbox.person(NUMBER, on_progress=lambda *step: steps.append(step))
    assert ids(found) == ["evt_0", "evt_5", "evt_10", "evt_15"]
    assert steps == sorted(steps)
    assert steps[-1] == (20, 20)


def test_an_export(inbox: Inbox) -> None:
    arrive(inbox, "evt_1")
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    accept(inbox, "sha256:1", body=f"{NUMBER} \xff".encode("latin-1"), dead="not JSON")
    first, second = json.loads(json.dumps(inbox.export_person(NUMBER)))
    assert first.pop("received_at").endswith("+00:00")
    assert first == {
        "id": "evt_1", "type": "whatsapp.inbound_message.received", "endpoint": "ycloud",
        "tenant": None, "state": "done", "reason": None, "payload": message("evt_1"),
        "handlers": [
            {"handler": "app:track", "state": "succeeded", "attempts": 1, "error": None}
        ],
    }  # fmt: skip
    assert (second["payload"], second["reason"]) == (f"{NUMBER} \\xff", "not JSON")


def test_an_erasure(inbox: Inbox, clock: Clock) -> None:
    arrive(inbox, "evt_done")
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    arrive(inbox, "evt_of_another", number=OTHER)
    arrive(inbox, "evt_pending")
    erasure = inbox.erase_person(f"+{NUMBER}")
    assert erasure.erased == (identity("evt_done"), identity("evt_pending"))
    assert erasure.complete
    assert erasure.at.timestamp() == pytest.approx(clock.now, abs=1e-3)
    assert NUMBER not in repr(erasure)
    assert erasure.person == inbox.erase_person("+1 555 0100123").person
    assert erasure.person != inbox.erase_person("15550100777").person
    assert len(inbox.person(NUMBER)) == 0
    assert ids(inbox.fetch(9)) == ["evt_of_another"]
    again = json.dumps(message("evt_done")).encode()
    assert accept(inbox, "evt_done", body=again) == "duplicate", "and runs nothing"
    assert inbox.fetch(9) == []


def test_the_names_of_a_customer_are_forgotten(inbox: Inbox) -> None:
    arrive(inbox, "evt_1", user=USER)
    arrive(inbox, "evt_2", number=OTHER, user="US.2", text=f"ask {NUMBER}")
    assert len(known(inbox)) == 4
    inbox.erase_person(NUMBER)
    assert len(known(inbox)) == 2, "who only mentions the person stays known"
    inbox.erase_person(OTHER)
    assert len(known(inbox)) == 2, "her events are gone already, so nothing tells her names"
    arrive(inbox, "evt_3", user=USER)
    assert len(known(inbox)) == 4, "what comes later is learned again"


def known(inbox: Inbox) -> list[str]:
    query = sa.select(conversations.c.name)
    return list(inbox.database.read(lambda tx: tx.execute(query).scalars().all()))


def test_those_behind_an_erased_one_go_on(inbox: Inbox) -> None:
    accept(inbox, "evt_1", key="k", body=NUMBER.encode())
    accept(inbox, "evt_2", key="k")
    inbox.erase_person(NUMBER)
    assert ids(inbox.fetch(9)) == ["evt_2"]


@pytest.mark.parametrize("verdict", [DONE, Verdict("pending", due_at=1e12)])
def test_what_runs_is_waited_for(inbox: Inbox, verdict: Verdict) -> None:
    arrive(inbox, "evt_1")
    held = claim(inbox)
    erasing = threading.Event()
    found: list[Any] = []

    def erase() -> None:
        found.append(inbox.erase_person(NUMBER, on_progress=lambda *_: erasing.set()))

    thread = threading.Thread(target=erase)
    thread.start()
    assert erasing.wait(20)
    assert inbox.save(held, None, verdict)
    thread.join()
    (erasure,) = found
    assert (erasure.erased, erasure.complete) == ((identity("evt_1"),), True)
    assert len(inbox.person(NUMBER)) == 0


def test_what_ends_between_two_looks_is_erased(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends after the try to delete it, and before the check whether it still runs."""
    arrive(inbox, "evt_1")
    held = claim(inbox)
    really = inbox._left

    def left(seqs: set[int]) -> set[int]:
        inbox.save(held, None, DONE)
        return really(seqs)

    monkeypatch.setattr(inbox, "_left", left)
    erasure = inbox.erase_person(NUMBER)
    assert (erasure.erased, erasure.complete) == ((identity("evt_1"),), True)


def test_what_goes_on_running_is_reported(inbox: Inbox) -> None:
    arrive(inbox, "evt_1")
    held = claim(inbox)
    arrive(inbox, "evt_2", number=OTHER, text=NUMBER)
    erasure = inbox.erase_person(NUMBER, wait_seconds=0.2)
    assert (erasure.erased, erasure.running) == ((identity("evt_2"),), (identity("evt_1"),))
    assert (erasure.new, erasure.complete) == ((), False)
    assert inbox.save(held, SUCCEEDED, DONE)
    assert inbox.erase_person(NUMBER).erased == (identity("evt_1"),)


def test_what_was_pruned_while_it_was_waited_for(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(inbox, "evt_1")
    inbox.save(claim(inbox), SUCCEEDED, DONE)
    really = inbox.delete_some
    first: list[Any] = []

    def delete_some(which: Any) -> Any:
        if not first:
            first.append(which)
            inbox.database.write(lambda tx: tx.execute(events.delete()))
        return really(which)

    monkeypatch.setattr(inbox, "delete_some", delete_some)
    erasure = inbox.erase_person(NUMBER)
    assert (erasure.erased, erasure.complete) == ((), True)


def test_what_arrives_meanwhile_is_reported(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(inbox, "evt_1")
    really = inbox.delete_some

    def delete_some(which: Any) -> Any:
        if inbox.get("evt_2") is None:
            arrive(inbox, "evt_2")
        return really(which)

    monkeypatch.setattr(inbox, "delete_some", delete_some)
    erasure = inbox.erase_person(NUMBER)
    assert (erasure.erased, erasure.new) == ((identity("evt_1"),), (identity("evt_2"),))
    assert ids(inbox.person(NUMBER)) == ["evt_2"]


def test_deliveries_go_on_while_a_person_is_erased(inbox: Inbox) -> None:
    """Each one is erased or reported, whichever thread was first."""
    for number in range(30):
        arrive(inbox, f"evt_before_{number}")
    stop = threading.Event()
    arrived: list[str] = []

    def send() -> None:
        while not stop.is_set():
            event_id = f"evt_{len(arrived)}"
            arrive(inbox, event_id, number=NUMBER if len(arrived) % 3 == 0 else OTHER)
            arrived.append(event_id)

    sender = threading.Thread(target=send)
    sender.start()
    while len(arrived) < 3:
        time.sleep(0.001)
    erasure = inbox.erase_person(NUMBER)
    stop.set()
    sender.join()
    left = set(ids(inbox.person(NUMBER)))
    assert not left & set(ids(erasure.erased))
    assert len(erasure.erased) >= 30
    assert set(ids(erasure.new)) <= left
    assert left <= set(arrived)
    assert len(inbox.person(OTHER)) == len(arrived) - len(range(0, len(arrived), 3))
    inbox.erase_person(NUMBER)
    assert len(inbox.person(NUMBER)) == 0


def test_what_cannot_be_read_is_reported(database: Database) -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    arrive(Inbox(database, cipher=Cipher(keys[:1])), "evt_1")
    inbox = Inbox(database, cipher=Cipher(keys[1:]))
    arrive(inbox, "evt_2")
    found = inbox.person(NUMBER)
    assert (ids(found), found.unreadable) == (["evt_2"], (identity("evt_1"),))
    with pytest.raises(BodyUnreadable, match="1 event cannot be searched"):
        inbox.export_person(NUMBER)
    erasure = inbox.erase_person(NUMBER)
    assert erasure.erased == (Identity("evt_2", "ycloud"),)
    assert (erasure.unreadable, erasure.complete) == ((identity("evt_1"),), False)
    every = Inbox(database, cipher=Cipher(keys))
    assert every.erase_person(NUMBER).erased == (identity("evt_1"),)


@pytest.mark.parametrize("who", ["123", "+"])
def test_what_tells_no_person_erases_nobody(inbox: Inbox, who: str) -> None:
    for ask in (inbox.person, inbox.export_person, inbox.erase_person):
        with pytest.raises(ValueError, match="A person is a telephone number"):
            ask(who)


def test_the_inbox_of_an_app(make_app: MakeApp) -> None:
    app = make_app()
    body = json.dumps(message("evt_1")).encode()
    assert deliver(app, body).json == {"status": "accepted"}
    with app.app_context():
        assert ids(current_inbox.person(NUMBER)) == ["evt_1"]
        assert current_inbox.export_person(NUMBER)[0]["payload"] == json.loads(body)
        assert current_inbox.erase_person(NUMBER).complete
    assert deliver(app, body).json == {"status": "duplicate"}
