"""The inbox as people have it: get, list, replay, stats, prune."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy.engine import Connection

from ..errors import EventNotFound, EventRunning
from . import queries
from .database import Database
from .queue import EventQueue
from .records import Stats, StoredEvent
from .rows import attempts_of, handler_states, stored
from .tables import attempts, events, outcomes

_DAY = 86_400.0


class Inbox(EventQueue):
    """The inbox of one app. ``current_inbox`` is the one of the current app.

    :param database: where it is kept.
    :param lease: seconds that a claim holds if nobody renews it.
    :param retention_days: how long done events are kept; 0 keeps all.
    :param on_due: called with an event's id when a replay makes it due.
    :param clock: unix seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease: float = 60,
        retention_days: float = 30,
        on_due: Callable[[str], None] = lambda event_id: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(database, lease=lease, clock=clock)
        self._retention_days = retention_days
        self._on_due = on_due

    def get(self, event_id: str) -> StoredEvent | None:
        """The event of that id, with the outcomes of its handlers.

        :raises InboxUnavailable: if the inbox cannot be read.
        """

        def work(tx: Connection) -> StoredEvent | None:
            row = tx.execute(events.select().where(events.c.id == event_id)).first()
            if row is None:
                return None
            return stored(row, handler_states(tx, row.seq), attempts_of(tx, row.seq))

        return self.database.read(work)

    def list(
        self,
        *,
        state: str | None = None,
        type: str | None = None,
        endpoint: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[StoredEvent]:
        """Events, the newest first.

        :param state: ``"pending"``, ``"running"``, ``"done"`` or ``"dead"``.
        :param before: the ``position`` of the last one seen, for the next page.
        :raises ValueError: if there is no such state.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        query = queries.newest(state, type, endpoint).limit(limit)
        if before is not None:
            query = query.where(events.c.seq < before)
        return self.database.read(lambda tx: [stored(row) for row in tx.execute(query)])

    def replay(self, event_id: str, *, succeeded_too: bool = False) -> None:
        """Make an event due at once, with all its attempts before it.

        Handlers that have succeeded stay out, unless ``succeeded_too``. So a dead letter
        runs what failed, and a done event runs handlers that were added since.

        :raises EventNotFound: if the inbox has no such event.
        :raises EventRunning: if it is being handled at this moment.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        again = (
            events.update()
            .where(events.c.id == event_id, ~queries.STATES["running"])
            .values(state="pending", due_at=0.0, crashes=0, settled_at=None, reason=None)
            .returning(events.c.seq)
        )

        def work(tx: Connection) -> bool:
            seq = tx.execute(again).scalar()
            forget = outcomes.delete().where(outcomes.c.event_seq == seq)
            if not succeeded_too:
                forget = forget.where(outcomes.c.state != "succeeded")
            tx.execute(forget)
            return seq is not None

        if not self.database.write(work):
            if self.get(event_id) is None:
                raise EventNotFound(f"The inbox has no event {event_id!r}.")
            raise EventRunning(f"Event {event_id!r} is being handled now; try again later.")
        self._on_due(event_id)

    def stats(self) -> Stats:
        """Counts of what is not done, by state and type, and the oldest that waits.

        :raises InboxUnavailable: if the inbox cannot be read.
        """
        counted = (queries.UNSETTLED, queries.DEAD)
        rows = self.database.read(
            lambda tx: [tuple(row) for each in counted for row in tx.execute(each)]
        )
        totals = {"pending": 0, "running": 0, "dead": 0}
        by_type: dict[str | None, dict[str, int]] = {}
        oldest: list[float] = []
        for event_type, state, count, received_at in rows:
            totals[state] += count
            by_type.setdefault(event_type, dict.fromkeys(totals, 0))[state] += count
            if state == "pending":
                oldest.append(received_at)
        age = max(0.0, self.clock() - min(oldest)) if oldest else None
        return Stats(**totals, oldest_pending_seconds=age, by_type=by_type)

    def prune(self, *, days: float | None = None) -> int:
        """Delete done events that were settled long ago; dead letters stay.

        It commits in small batches, so that accepts come in between.

        :param days: how long ago; ``YCLOUD_RETENTION_DAYS`` if left out. 0 keeps all.
        :returns: how many were deleted.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        days = self._retention_days if days is None else days
        if not days:
            return 0
        then = {"then_": self.clock() - days * _DAY}

        def work(tx: Connection) -> int:
            old = tx.execute(queries.OLD, then).scalars().all()
            # One may have been replayed since.
            still = events.delete().where(events.c.seq.in_(old), queries.STATES["done"])
            gone = tx.execute(still.returning(events.c.seq)).scalars().all()
            for table in (outcomes, attempts):
                tx.execute(table.delete().where(table.c.event_seq.in_(gone)))
            return len(gone)

        deleted = 0
        while batch := self.database.write(work):
            deleted += batch
        return deleted
