"""Names in events that an older version has stored: found once they are indexed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from flask_ycloud.inbox import Cipher, Database, Inbox, index_some, indexing
from flask_ycloud.inbox.tables import events, names, schema
from flask_ycloud.protocol import sample_event

from .support import DONE, SUCCEEDED, accept, claim


def body(number: int) -> bytes:
    event = sample_event("whatsapp.inbound_message.received")
    event["whatsappInboundMessage"] |= {"from": f"+155501{number:02}"}
    return json.dumps(event).encode()


def older(inbox: Inbox, count: int) -> None:
    """Store events as if there had been no index."""
    for number in range(count):
        accept(inbox, f"evt_{number}", body=body(number))
    last = sa.select(sa.func.max(events.c.seq)).scalar_subquery()
    inbox.database.write(lambda tx: tx.execute(schema.update().values(unindexed=last)))


def ids(inbox: Inbox, about: str) -> list[str]:
    return [event.id for event in inbox.select(about=about)]


def test_the_newest_are_indexed_first(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_AT_ONCE", 2)
    older(inbox, 5)
    accept(inbox, "new", body=body(0), found_by=("1555 0100",))
    assert ids(inbox, "1555 0104") == []
    assert index_some(inbox) == 2
    assert (ids(inbox, "+15550104"), ids(inbox, "+15550100")) == (["evt_4"], [])
    assert [index_some(inbox) for _ in range(3)] == [2, 1, 0]
    assert [ids(inbox, f"+155501{n:02}") for n in range(5)] == [
        [f"evt_{n}"] for n in range(5)
    ]


def test_it_ends_where_the_number_of_events_is_just_so(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_AT_ONCE", 2)
    older(inbox, 4)
    assert [index_some(inbox) for _ in range(4)] == [2, 2, 0, 0]
    assert (
        inbox.database.read(lambda tx: tx.execute(sa.select(schema.c.unindexed)).scalar())
        is None
    )


def test_an_inbox_that_is_new_has_nothing_to_index(inbox: Inbox) -> None:
    accept(inbox)
    assert index_some(inbox) == 0


def test_what_cannot_be_read_is_left_out(database: Database) -> None:
    keyed = Inbox(database, cipher=Cipher([Fernet.generate_key().decode()]))
    accept(keyed, "other key", body=body(1))
    inbox = Inbox(database, body_retention_days=0)
    accept(inbox, "emptied", body=body(2))
    inbox.save(claim(inbox, "emptied"), SUCCEEDED, DONE)
    accept(inbox, "not understood", body=b"{", dead="not JSON")
    accept(inbox, "running", body=body(3))
    claim(inbox, "running")
    older(inbox, 1)
    assert index_some(inbox) == 5
    assert ids(inbox, "+15550100") == ["evt_0"]
    assert [ids(inbox, f"+155501{n:02}") for n in (1, 2, 3)] == [[], [], []]


def test_what_is_deleted_meanwhile_leaves_nothing(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(inbox, 2)
    found = indexing._hashes

    def late(inbox: Inbox, row: Any) -> list[int]:
        made = list(found(inbox, row))
        event = inbox.database.read(
            lambda tx: tx.execute(
                sa.select(events.c.id, events.c.state).where(events.c.seq == row.seq)
            ).one()
        )
        if event.id == "evt_1" and event.state != "deleted":
            inbox.delete("evt_1")
        return made

    monkeypatch.setattr(indexing, "_hashes", late)
    index_some(inbox)
    assert ids(inbox, "+15550100") == ["evt_0"]
    query = sa.select(names.c.event_seq).distinct()
    assert len(inbox.database.read(lambda tx: tx.execute(query).all())) == 1


def test_two_processes_can_index_together(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_AT_ONCE", 2)
    older(inbox, 6)
    ahead: list[int] = []
    other = Inbox(Database(inbox.database._engine))
    read = inbox.database.read

    def overtaken(work: Any) -> Any:
        found = read(work)
        if not ahead and found == 6:
            ahead.append(index_some(other) + index_some(other))
        return found

    monkeypatch.setattr(inbox.database, "read", overtaken)
    assert index_some(inbox) == 2
    assert ahead == [4]
    assert [index_some(inbox) for _ in range(2)] == [2, 0]
    assert [ids(inbox, f"+155501{n:02}") for n in range(6)] == [
        [f"evt_{n}"] for n in range(6)
    ]
