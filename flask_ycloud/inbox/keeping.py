"""How long events, bodies and ids are kept. Ids stay longer, against replays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import AmbiguousEvent, EventNotFound, EventRunning, InboxUnavailable
from . import queries
from .naming import forget_names
from .operations import OperatedQueue
from .records import Identity
from .tables import IDENTITY, attempts, events, outcomes

_DAY = 86_400.0
_MOST_NAMED = 10


class Keeping(OperatedQueue):
    """An inbox that deletes old events and bodies.

    :param args: the arguments of :class:`EventQueue`.
    :param retention_days: how long done events are kept; 0 keeps all.
    :param dead_retention_days: how long dead letters are kept; 0 keeps all.
    :param body_retention_days: how long the body of a done event is kept; 0 deletes it when
        the event has succeeded; ``None`` keeps it for as long as the event.
    :param known_seconds: how long an attacker could replay a captured delivery. Its id is
        kept for so long, even if the event is deleted.
    :param others: the arguments of :class:`EventQueue`.
    """

    def __init__(
        self,
        *args: Any,
        retention_days: float = 30,
        dead_retention_days: float = 90,
        body_retention_days: float | None = None,
        known_seconds: float = 12 * 3600,
        **others: Any,
    ) -> None:
        super().__init__(*args, empties=body_retention_days == 0, **others)
        self._retention_days = retention_days
        self._dead_retention_days = dead_retention_days
        self._body_retention_days = body_retention_days
        self._known_seconds = known_seconds

    def find(
        self, event_id: str, *, endpoint: str | None = None, tenant: str | None = None
    ) -> Identity | None:
        """The identity of the event with that id; ``None`` if there is none.

        :raises AmbiguousEvent: if there are several.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        query = sa.select(*(events.c[name] for name in IDENTITY))
        query = query.order_by(*query.selected_columns)
        for name, value in zip(IDENTITY, (event_id, endpoint, tenant), strict=True):
            if value is not None:
                query = query.where(queries.same(events.c[name], value))
        some = query.limit(_MOST_NAMED)
        found = self.database.read(lambda tx: [Identity(*row) for row in tx.execute(some)])
        if len(found) > 1:
            places = "; ".join(str(each) for each in found)
            raise AmbiguousEvent(
                f"The inbox has several events {event_id!r}: {places}. Say which one by"
                " its endpoint and its tenant."
            )
        return found[0] if found else None

    def delete(
        self, event_id: str, *, endpoint: str | None = None, tenant: str | None = None
    ) -> None:
        """Delete an event, with its body and the outcomes of its handlers.

        Its id is kept until its signature is too old for a replay. Until then, a captured
        delivery that is sent again is a duplicate, and runs no handler.

        :param endpoint: where it arrived; needed if several endpoints have the id.
        :param tenant: whose event it is; needed if several tenants have the id.
        :raises EventNotFound: if the inbox has no such event.
        :raises AmbiguousEvent: if the id is known at several endpoints or tenants.
        :raises EventRunning: if it is being handled now.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        identity = self.find(event_id, endpoint=endpoint, tenant=tenant)
        if identity is None:
            raise EventNotFound(f"The inbox has no event {event_id!r}.")
        this = is_event(identity)
        self.delete_some(this)
        # Events that run are not deleted, even if they end just afterwards.
        left = sa.select(events.c.seq).where(this, ~queries.STATES["deleted"])
        if self.database.read(lambda tx: tx.execute(left).first()):
            raise EventRunning(
                f"Event {event_id!r} is being handled now, so it is not deleted; try again"
                " later."
            )
        self.truncate_log()

    def delete_some(self, which: sa.ColumnElement[bool]) -> Sequence[int]:
        """Delete the events that match, except for those that run.

        :param which: the condition. It must match some hundred events at most.
        :returns: the ``seq`` of the events that were deleted.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        waiting = events.c.due_at.is_not(None) | events.c.parked_due_at.is_not(None)
        keys = sa.select(events.c.key).where(which, waiting, events.c.key.is_not(None))

        def work(tx: Connection) -> tuple[Sequence[int], Sequence[str]]:
            freed = tx.execute(keys.distinct()).scalars().all()
            gone = self._delete(tx, which)
            if self.database.dialect == "sqlite":
                for key in freed:
                    values = {"key_": key, "now_": self.clock()}
                    queries.RELEASE_ORPHAN.run(tx, values)
            return gone, freed

        gone, freed = self.database.write(work)
        if self.database.dialect != "sqlite" and freed:
            self.database.write_single(lambda tx: self._release_orphans(tx, freed))
        return gone

    def _delete(self, tx: Connection, which: sa.ColumnElement[bool]) -> Sequence[int]:
        deleted = queries.delete(which).returning(events.c.seq)
        gone = tx.execute(deleted, {"now_": self.clock()}).scalars().all()
        self._drop_the_rest(tx, gone)
        return gone

    def _drop_the_rest(self, tx: Connection, seqs: Sequence[int]) -> None:
        tx.execute(forget_names(seqs))
        for table in (outcomes, attempts):
            tx.execute(table.delete().where(table.c.event_seq.in_(seqs)))

    def prune(self, *, days: float | None = None) -> int:
        """Delete events that were settled long ago, and old bodies.

        Dead letters are deleted after ``YCLOUD_DEAD_RETENTION_DAYS``, and bodies of done
        events after ``YCLOUD_BODY_RETENTION_DAYS``. It commits in small batches, so that
        deliveries can be accepted in between. The id of an event is kept for twice the
        signature tolerance, even if the days are fewer.

        :param days: the number of days for which done events are kept; by default
            ``YCLOUD_RETENTION_DAYS``. 0 keeps all.
        :returns: how many events were deleted or emptied.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        pruned = 0
        while True:
            counted, rows = self._prune_batch(days)
            pruned += counted
            if not rows:
                self._truncate_after(pruned)
                return pruned

    def prune_some(self) -> int:
        """Like :meth:`prune`, for one small batch.

        :returns: how many rows were changed; 0 if there are no more.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        _, rows = self._prune_batch(None)
        if rows < queries.PRUNED_AT_ONCE:
            self._truncate_after(rows)
        return rows

    def _prune_batch(self, days: float | None) -> tuple[int, int]:
        """Prune one batch. Return the number of pruned events, and of changed rows."""

        def work(tx: Connection) -> tuple[int, int]:
            self._conversations.forget(tx)
            for prune in self._prunings(days):
                count = prune(tx)
                if count:
                    return count, count
            return 0, self._forget_deleted(tx)

        return self.database.write(work)

    def _prunings(self, days: float | None) -> Iterator[Callable[[Connection], int]]:
        days = self._retention_days if days is None else days
        for old, state, kept in (
            (queries.OLD_WITH_BODY, "done", days),
            (queries.OLD_EMPTIED, "done", days),
            (queries.OLD_DISCARDED, "discarded", days),
            (queries.OLD_DEAD, "dead", self._dead_retention_days),
        ):
            if kept > 0:  # it is False for NaN, too
                then = self.clock() - kept * _DAY
                yield lambda tx, o=old, s=state, t=then: self._remove(tx, o, s, t)  # type: ignore[misc]
        if self._body_retention_days is not None:
            then = self.clock() - self._body_retention_days * _DAY
            for old, state in (
                (queries.OLD_WITH_BODY, "done"),
                (queries.OLD_DISCARDED_WITH_BODY, "discarded"),
            ):
                yield lambda tx, o=old, s=state, t=then: self._empty(tx, o, s, t)  # type: ignore[misc]

    def _remove(self, tx: Connection, old: Any, state: str, then: float) -> int:
        """Delete rows. Those whose ids are still needed keep only the ids."""
        seqs = tx.execute(old, {"then_": then}).scalars().all()
        # Check the state again: some may have been replayed since.
        these = events.c.seq.in_(seqs) & queries.STATES[state]
        gone = events.delete().where(these, queries.FORGETTABLE).returning(events.c.seq)
        removed = tx.execute(gone, self._known()).scalars().all()
        self._drop_the_rest(tx, removed)
        return len(removed) + len(self._delete(tx, these))

    def _empty(self, tx: Connection, old: Any, state: str, then: float) -> int:
        """Delete the bodies of some events that were settled before ``then``."""
        seqs = tx.execute(old, {"then_": then}).scalars().all()
        these = events.c.seq.in_(seqs) & queries.STATES[state]
        nothing = {"body": b"", "body_key": None, "emptied_at": self.clock()}
        empty = events.update().where(these).values(nothing).returning(events.c.seq)
        emptied = tx.execute(empty).scalars().all()
        for table in (outcomes, attempts):
            tx.execute(queries.quieten(table, emptied))
        tx.execute(forget_names(emptied))
        return len(emptied)

    def _forget_deleted(self, tx: Connection) -> int:
        known = self._known()
        values = {**known, "then_": known["known_"]}
        old = tx.execute(queries.OLD_DELETED, values).scalars().all()
        tx.execute(events.delete().where(events.c.seq.in_(old)))
        return len(old)

    def _known(self) -> dict[str, float]:
        return {"known_": self.clock() - self._known_seconds}

    def _truncate_after(self, count: int) -> None:
        # Bodies that were deleted after their success are in the log, too.
        if count or self._empties:
            self.truncate_log()

    def truncate_log(self) -> None:
        """Remove deleted data from SQLite's write-ahead log, unless readers prevent it."""
        with suppress(InboxUnavailable):
            self.database.truncate_log()


def is_event(identity: Identity) -> sa.ColumnElement[bool]:
    """Whether a row is that event."""
    return sa.and_(*(events.c[name] == value for name, value in identity._asdict().items()))
