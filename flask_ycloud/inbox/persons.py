"""Find, export and erase the events that name a person."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import BodyUnreadable, EventNotUnderstood
from ..formats import counted
from ..protocol import conversation_names, conversation_values, parse_event
from . import queries
from .keeping import Keeping
from .mentions import Person
from .receipts import Erasure, PersonEvents
from .records import Identity, StoredEvent
from .rows import attempts_of, handler_states, stored
from .tables import IDENTITY, events

#: Called with the number of positions read so far, and their total.
OnProgress = Callable[[int, int], object]

_READ_AT_ONCE = 100
_LOOK_AGAIN_SECONDS = 0.1
# Positions to read again: on PostgreSQL an event may be committed after later events.
_LATE = 1_000


class _Row(NamedTuple):
    seq: int
    identity: Identity
    type: str | None
    body: bytes


def _nothing(done: int, total: int) -> None:
    """Ignore the progress."""


class Persons(Keeping):
    """An inbox that finds and erases the events of a person."""

    def person(self, who: str, *, on_progress: OnProgress = _nothing) -> PersonEvents:
        """The events whose bodies name a person, in any state, understood or not.

        It reads all events in batches, and locks none.

        :param who: a telephone number, with or without a plus and spaces; a user id; or an
            e-mail address. It does not match a part of a longer number or word.
        :param on_progress: called after each batch.
        :raises ValueError: if ``who`` is too short to identify a person.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        found: list[StoredEvent] = []
        unreadable: list[Identity] = []
        for rows in self._naming(Person(who), unreadable, on_progress):
            found += self._whole([row.seq for row in rows])
        return PersonEvents(tuple(found), tuple(unreadable))

    def export_person(
        self, who: str, *, on_progress: OnProgress = _nothing
    ) -> list[dict[str, Any]]:
        """The stored data of a person, as values for JSON: one for each event.

        :param who: as for :meth:`person`.
        :raises BodyUnreadable: if some events cannot be searched. The result could be
            incomplete then.
        :raises ValueError: if ``who`` is too short to identify a person.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        found = self.person(who, on_progress=on_progress)
        if found.unreadable:
            raise BodyUnreadable(
                f"{counted(len(found.unreadable), 'event')} cannot be searched, since a key"
                " is not in YCLOUD_BODY_KEYS: the export would be incomplete."
            )
        return [_exported(event) for event in found]

    def erase_person(
        self,
        who: str,
        *,
        wait_seconds: float = 30.0,
        on_progress: OnProgress = _nothing,
    ) -> Erasure:
        """Delete the events whose bodies name a person, as :meth:`delete` does.

        The ids are kept until their signatures are too old for a replay. It waits for
        events that are being handled. Events that arrive meanwhile are not deleted, but
        reported.

        :param who: as for :meth:`person`.
        :param wait_seconds: how long it waits for events that are being handled.
        :raises ValueError: if ``who`` is too short to identify a person.
        :raises InboxUnavailable: if the inbox cannot be written. The events erased before
            that stay erased: call it again for the others.
        """
        person = Person(who)
        unreadable: list[Identity] = []
        identities: dict[int, Identity] = {}
        erased: set[int] = set()
        last = self._last()
        for rows in self._naming(person, unreadable, on_progress, last=last):
            identities |= {row.seq: row.identity for row in rows}
            erased.update(self.delete_some(_these(row.seq for row in rows)))
            self._forget_names(person, rows)
        running = self._wait_for(identities.keys() - erased, wait_seconds, erased)
        new = self._arrived_since(person, last)
        self.truncate_log()
        return Erasure(
            person=self.database.hashed(f"person {person.name}"),
            at=datetime.fromtimestamp(self.clock(), timezone.utc),
            erased=tuple(identities[seq] for seq in sorted(erased)),
            running=tuple(identities[seq] for seq in sorted(running)),
            new=tuple(new[seq] for seq in sorted(new.keys() - running)),
            unreadable=tuple(unreadable),
        )

    def _arrived_since(self, person: Person, last: int) -> dict[int, Identity]:
        late = self._naming(person, [], _nothing, after=max(0, last - _LATE))
        return {row.seq: row.identity for rows in late for row in rows}

    def _naming(
        self,
        person: Person,
        unreadable: list[Identity],
        on_progress: OnProgress,
        *,
        after: int = 0,
        last: int | None = None,
    ) -> Iterator[list[_Row]]:
        """The events that name a person, in batches.

        :param unreadable: the events that cannot be read are added to it.
        """
        last = self._last() if last is None else last
        first = after
        columns = (
            events.c.seq, events.c.type, events.c.body_key, events.c.body,
            *(events.c[name] for name in IDENTITY),
        )  # fmt: skip
        query = (
            sa.select(*columns)
            .where(events.c.seq > sa.bindparam("after_"), events.c.seq <= last)
            .where(events.c.emptied_at.is_(None))
            .order_by(events.c.seq)
            .limit(_READ_AT_ONCE)
        )
        while rows := self._read(query, after):
            after = rows[-1].seq
            found = [
                row for row in self._opened(rows, unreadable) if person.is_in(row.body)
            ]
            if found:
                yield found
            on_progress(after - first, last - first)
        on_progress(last - first, last - first)

    def _opened(self, rows: Sequence[Any], unreadable: list[Identity]) -> Iterator[_Row]:
        for row in rows:
            identity = Identity(row.id, row.endpoint, row.tenant)
            try:
                body = self.cipher.open(row.body, row.body_key)
            except BodyUnreadable:
                unreadable.append(identity)
            else:
                yield _Row(row.seq, identity, row.type, body)

    def _read(self, query: sa.Select[Any], after: int) -> Sequence[Any]:
        return self.database.read(lambda tx: tx.execute(query, {"after_": after}).all())

    def _last(self) -> int:
        query = sa.select(sa.func.max(events.c.seq))
        return self.database.read(lambda tx: tx.execute(query).scalar()) or 0

    def _whole(self, seqs: Sequence[int]) -> list[StoredEvent]:
        query = events.select().where(events.c.seq.in_(seqs)).order_by(events.c.seq)

        def work(tx: Connection) -> list[StoredEvent]:
            states: dict[int, Any] = {}
            for seq, state in handler_states(tx, seqs, self.cipher):
                states.setdefault(seq, []).append(state)
            return [
                stored(
                    row,
                    tuple(states.get(row.seq, ())),
                    attempts_of(tx, row.seq, self.cipher),
                    self.cipher,
                )
                for row in tx.execute(query).all()
            ]

        return self.database.read(work)

    def _wait_for(self, left: set[int], seconds: float, erased: set[int]) -> set[int]:
        """Delete events as soon as they no longer run. Return those that still run."""
        until = time.monotonic() + seconds
        while left:
            erased.update(self.delete_some(_these(left)))
            # An event that has just ended is deleted in the next round.
            left = self._left(left)
            if time.monotonic() >= until:
                break
            time.sleep(_LOOK_AGAIN_SECONDS if left else 0)
        return left

    def _left(self, seqs: set[int]) -> set[int]:
        left = sa.select(events.c.seq).where(~queries.STATES["deleted"], _these(seqs))
        return set(self.database.read(lambda tx: tx.execute(left).scalars().all()))

    def _forget_names(self, person: Person, rows: Sequence[_Row]) -> None:
        """Forget the names of the conversations in which this person is the customer."""
        names = {name for row in rows for name in _names_of(person, row)}
        if names:
            self._conversations.forget_names(sorted(map(self.database.hashed, names)))


def _these(seqs: Any) -> sa.ColumnElement[bool]:
    return events.c.seq.in_(list(seqs))


def _names_of(person: Person, row: _Row) -> tuple[str, ...]:
    """The names of an event's conversation, if that person is the customer."""
    _, endpoint, tenant = row.identity
    try:
        event = parse_event(row.body, endpoint=endpoint, tenant=tenant or None)
    except EventNotUnderstood:
        return ()
    if not any(map(person.is_named, conversation_values(event))):
        return ()
    return conversation_names(event)


def _exported(event: StoredEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "endpoint": event.endpoint,
        "tenant": event.tenant,
        "received_at": event.received_at.isoformat(),
        "state": event.state,
        "reason": event.reason,
        "handlers": [
            {
                "handler": each.handler,
                "state": each.state,
                "attempts": each.attempts,
                "error": each.error,
            }
            for each in event.handlers
        ],
        "payload": _payload(event.body),
    }


def _payload(body: bytes) -> Any:
    """The parsed JSON of a body, or its text if it is not JSON."""
    text = body.decode("utf-8", "backslashreplace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
