"""Customers with two names, which are learned from messages that have both.

A WhatsApp message has the customer's user id, telephone number, or both. Events stored
under one name must stay in order with events that arrive under the other. So when a message
has both names, they become names of one conversation before the message is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from . import queries
from .database import Database
from .tables import conversations, events

_DAY = 86_400.0
#: Seconds for which names are kept after the last message that had both.
KNOWN_FOR = 30 * _DAY
_NOTED_FOR = _DAY  # the time of the last message is written only so often
_MOST_REMEMBERED = 10_000
_FORGOTTEN_AT_ONCE = 500


class Conversations:
    """The conversations whose customers have several names.

    :param clock: unix seconds.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._learned: dict[tuple[str, ...], float] = {}  # and when

    def learn(self, names: Sequence[str]) -> None:
        """Store that these are names of one conversation. It is durable when this returns.

        On PostgreSQL each statement is a transaction of its own, so that a process that is
        stopped in between holds no lock.

        :raises InboxUnavailable: if it was not stored.
        """
        now = self._clock()
        known = tuple(names)
        if abs(now - self._learned.get(known, -_NOTED_FOR)) < _NOTED_FOR:
            return
        self._database.write_single(lambda tx: _learn(tx, known, now))
        if len(self._learned) >= _MOST_REMEMBERED:
            self._learned.clear()
        self._learned[known] = now

    def forget(self, tx: Connection) -> None:
        """Delete some names that were not in one message for a long time."""
        old = (
            sa.select(conversations.c.name)
            .where(conversations.c.seen_at < self._clock() - KNOWN_FOR)
            .limit(_FORGOTTEN_AT_ONCE)
        )
        tx.execute(conversations.delete().where(conversations.c.name.in_(old)))

    def forget_names(self, names: Sequence[str]) -> None:
        """Forget the conversations of these names, and the other names of these.

        Another process may remember the names for up to a day. Until then, messages of the
        customer are in order under each name, but not across the names.

        :raises InboxUnavailable: if this was not stored.
        """
        keys = sa.select(conversations.c.key).where(conversations.c.name.in_(names))

        def work(tx: Connection) -> None:
            known = [*names, *tx.execute(keys).scalars()]
            theirs = conversations.c.name.in_(known) | conversations.c.key.in_(known)
            tx.execute(conversations.delete().where(theirs))

        self._database.write(work)
        self._learned.clear()


def _learn(tx: Connection, names: tuple[str, ...], now: float) -> None:
    known = conversations.c.name.in_(names)
    rows = tx.execute(sa.select(conversations.c.name, conversations.c.key).where(known))
    keys = {row.name: row.key for row in rows}
    candidates = list(dict.fromkeys(keys.get(name, name) for name in names))
    key = _busiest(tx, candidates)
    _keep(tx, names, key, now)
    # Include the names themselves: an event may just have been stored under one of them.
    others = [each for each in dict.fromkeys((*names, *candidates)) if each != key]
    of_others = conversations.c.key.in_(others)
    tx.execute(conversations.update().where(of_others).values(key=key))
    # Events that wait under another name wait in this conversation from now on.
    waiting = events.c.due_at.is_not(None) | events.c.parked_due_at.is_not(None)
    move = events.update().where(
        events.c.key.in_(others), queries.STATES["pending"], waiting
    )
    tx.execute(move.values(key=key))
    _release(tx, key, now)


def _release(tx: Connection, key: str, now: float) -> None:
    """Make the next event due if the event that it waited for was not moved."""
    if tx.dialect.name == "sqlite":
        queries.RELEASE_ORPHAN.run(tx, {"key_": key, "now_": now})
    else:
        queries.RELEASE_ORPHANS.run(tx, {"keys_": [key], "now_": now})


def _busiest(tx: Connection, keys: list[str]) -> str:
    """The key that the others get: of a running event, or else of a waiting event."""

    def some(which: sa.ColumnElement[bool]) -> list[str]:
        query = sa.select(events.c.key).where(events.c.key.in_(keys), which).distinct()
        return list(tx.execute(query).scalars())

    for which in (queries.STATES["running"], events.c.due_at.is_not(None)):
        found = some(which)
        if found:
            return min(found, key=keys.index)
    return keys[0]


def _keep(tx: Connection, names: tuple[str, ...], key: str, now: float) -> None:
    insert = queries.INSERTS[tx.dialect.name](conversations)
    # All processes use this order: otherwise two could deadlock.
    rows = [{"name": name, "key": key, "seen_at": now} for name in sorted(names)]
    kept = insert.values(rows).on_conflict_do_update(
        index_elements=["name"], set_={"key": key, "seen_at": now}
    )
    tx.execute(kept)
