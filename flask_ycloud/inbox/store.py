"""The inbox, for apps and people: get, list, replay, stats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import EventEmptied, EventNotFound, EventRunning
from . import queries
from .keeping import is_event
from .persons import Persons
from .records import Identity, RunningHandler, Stats, StoredEvent
from .rows import attempts_of, handler_states, stored
from .tables import IDENTITY, events, outcomes

_REPLAYED_AT_ONCE = 500


class Inbox(Persons):
    """The inbox of one app. ``current_inbox`` is the one of the current app.

    :param on_due: called with an event's identity when a replay makes it due.
    :param others: what :class:`Keeping` takes.
    """

    def __init__(
        self,
        *args: Any,
        on_due: Callable[[Identity], None] = lambda identity: None,
        **others: Any,
    ) -> None:
        super().__init__(*args, **others)
        self._on_due = on_due

    def get(
        self, event_id: str, *, endpoint: str | None = None, tenant: str | None = None
    ) -> StoredEvent | None:
        """The event of that id, with the outcomes of its handlers.

        :param endpoint: where it arrived; needed if the id is known at several.
        :param tenant: whose it is; needed if several have the id.
        :raises AmbiguousEvent: if the id is known at several endpoints or tenants.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        identity = self.find(event_id, endpoint=endpoint, tenant=tenant)
        if identity is None:
            return None

        def work(tx: Connection) -> StoredEvent | None:
            row = tx.execute(events.select().where(is_event(identity))).first()
            if row is None:
                return None  # it was deleted in between
            found = handler_states(tx, [row.seq], self.cipher)
            states = tuple(state for _, state in found)
            return stored(row, states, attempts_of(tx, row.seq, self.cipher), self.cipher)

        return self.database.read(work)

    def list(
        self,
        *,
        state: str | None = None,
        type: str | None = None,
        endpoint: str | None = None,
        tenant: str | None = None,
        unhandled: bool | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[StoredEvent]:
        """Events, the newest first.

        :param state: ``"pending"``, ``"running"``, ``"done"``, ``"dead"`` or
            ``"deleted"``; without it, all but those that were deleted.
        :param unhandled: only those that no handler was subscribed to, or only others.
        :param before: the ``position`` of the last one seen, for the next page.
        :raises ValueError: if there is no such state.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        query = queries.newest(state, type, endpoint, unhandled, tenant).limit(limit)
        if before is not None:
            query = query.where(events.c.seq < before)
        return self.database.read(
            lambda tx: [stored(row, cipher=self.cipher) for row in tx.execute(query)]
        )

    def replay(
        self,
        event_id: str,
        *,
        endpoint: str | None = None,
        tenant: str | None = None,
        succeeded_too: bool = False,
    ) -> None:
        """Make an event due at once, with all its attempts before it.

        Handlers that have succeeded stay out, unless ``succeeded_too``. So a dead letter
        runs what failed, and a done event runs handlers that were added since.

        :param endpoint: where it arrived; needed if the id is known at several.
        :param tenant: whose it is; needed if several have the id.
        :raises EventNotFound: if the inbox has no such event.
        :raises AmbiguousEvent: if the id is known at several endpoints or tenants.
        :raises EventRunning: if it is being handled at this moment.
        :raises EventEmptied: if it has no body any more.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        identity = self.find(event_id, endpoint=endpoint, tenant=tenant)
        if identity is None:
            raise EventNotFound(f"The inbox has no event {event_id!r}.")
        this = is_event(identity)
        if not self.database.write(lambda tx: self._replay(tx, this, succeeded_too)):
            self._check_body(this, event_id)
            raise EventRunning(f"Event {event_id!r} is being handled now; try again later.")
        self._on_due(identity)

    def _check_body(self, which: sa.ColumnElement[bool], event_id: str) -> None:
        emptied = sa.select(events.c.state).where(which, events.c.emptied_at.is_not(None))
        state = self.database.read(lambda tx: tx.execute(emptied).scalar())
        if state is not None:
            why = "was deleted" if state == "deleted" else "ended with its retention"
            raise EventEmptied(
                f"Event {event_id!r} cannot be handled again: its body {why}. Only its id"
                " is known."
            )

    def replay_unhandled(
        self,
        *,
        type: str | None = None,
        endpoint: str | None = None,
        tenant: str | None = None,
    ) -> int:
        """Make due again what no handler was subscribed to, now that there is one.

        Events whose bodies were emptied since stay as they are.

        It commits in small batches, so that accepts come in between.

        :param type: only events of this type.
        :param endpoint: only events of this endpoint.
        :param tenant: only events of this tenant.
        :returns: how many events are due again.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        query = queries.newest("done", type, endpoint, True, tenant).with_only_columns(
            events.c.seq, *(events.c[name] for name in IDENTITY)
        )
        before = 2**62
        replayed = 0
        while True:
            some = query.where(events.c.seq < before).limit(_REPLAYED_AT_ONCE)
            found = self.database.read(lambda tx, q=some: tx.execute(q).all())  # type: ignore[misc]
            if not found:
                return replayed
            before = found[-1].seq
            these = events.c.seq.in_([row.seq for row in found])
            again = self.database.write(
                lambda tx, t=these: self._replay(tx, t & queries.UNHANDLED, False)  # type: ignore[misc]
            )
            replayed += len(again)
            if again:
                last = found[-1]
                self._on_due(Identity(last.id, last.endpoint, last.tenant))

    def _replay(
        self, tx: Connection, which: sa.ColumnElement[bool], succeeded_too: bool
    ) -> Sequence[int]:
        now = self.clock()
        again = (
            events.update()
            .where(which, ~queries.STATES["running"], events.c.emptied_at.is_(None))
            .values(
                state="pending", due_at=now, parked_due_at=None, crashes=0,
                settled_at=None, reason=None, unhandled=False,
            )
            .returning(events.c.seq)
        )  # fmt: skip
        seqs = tx.execute(again).scalars().all()
        of_these = outcomes.c.event_seq.in_(seqs)
        # A failure stays known, for a process that lacks its handler, and is due again.
        gone = ("succeeded", "discarded") if succeeded_too else ("discarded",)
        tx.execute(outcomes.delete().where(of_these, outcomes.c.state.in_(gone)))
        failed = outcomes.update().where(of_these, outcomes.c.state == "failed")
        tx.execute(failed.values(attempts=0, next_at=now))
        return seqs

    def stats(self) -> Stats:
        """Counts of what is not done, by state and type, and the oldest that waits.

        :raises InboxUnavailable: if the inbox cannot be read.
        """
        now = self.clock()

        def work(tx: Connection) -> tuple[list[Any], int, list[RunningHandler]]:
            rows = [row for each in queries.COUNTS for row in tx.execute(each)]
            unhandled = tx.execute(queries.UNHANDLED_COUNT).scalar() or 0
            running = [
                RunningHandler(
                    row.handler,
                    row.id,
                    max(0.0, now - row.started_at),
                    row.endpoint,
                    row.tenant or None,
                )
                for row in tx.execute(queries.LONGEST_RUNNING)
            ]
            return rows, unhandled, running

        rows, unhandled, running = self.database.read(work)
        totals = {"pending": 0, "running": 0, "dead": 0}
        by_type: dict[str | None, dict[str, int]] = {}
        oldest: list[float] = []
        for event_type, state, count, received_at in rows:
            totals[state] += count
            by_type.setdefault(event_type, dict.fromkeys(totals, 0))[state] += count
            if state == "pending":
                oldest.append(received_at)
        return Stats(
            **totals,
            oldest_pending_seconds=max(0.0, now - min(oldest)) if oldest else None,
            by_type=by_type,
            unhandled=unhandled,
            running_handlers=tuple(running),
        )
