"""The durable store: accept, claim, settle; get, list, replay, stats, prune.

An event is *pending* → *running* (leased) → *done*, or pending again at a later time,
or *dead*. Outcomes are kept per handler, so that a retry runs only those that have not
succeeded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from .database import Database, Transaction
from .errors import EventNotFound, EventRunning
from .records import Claim, HandlerState, Stats, StoredEvent, Verdict
from .tables import events, outcomes

_PRUNE_BATCH = 500
_DAY = 86_400.0


class Inbox:
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
        self.database = database
        self.lease = lease
        self._retention_days = retention_days
        self._on_due = on_due
        self.clock = clock
        dialect: Any = sqlite if self.database.is_sqlite else postgresql
        self._insert = dialect.insert

    # The way of an event.

    def accept(
        self,
        event_id: str,
        body: bytes,
        *,
        endpoint: str,
        event_type: str | None,
        key: str | None = None,
        received_at: float | None = None,
        dead: str | None = None,
    ) -> bool:
        """Store a delivery. Durable when it returns.

        :param dead: why it is a dead letter from the start.
        :returns: whether it is new; ``False`` if the id is known.
        :raises InboxUnavailable: if it was not stored.
        """
        now = self.clock() if received_at is None else received_at
        row = {
            "id": event_id,
            "endpoint": endpoint,
            "type": event_type,
            "key": key,
            "received_at": now,
            "state": "dead" if dead else "pending",
            "due_at": None if dead else 0.0,
            "settled_at": now if dead else None,
            "reason": dead,
            "attempt": 0,
            "crashes": 0,
            "body": body,
        }
        insert = self._insert(events).on_conflict_do_nothing(index_elements=["id"])
        new = insert.returning(events.c.seq)
        return self.database.write(lambda tx: tx.execute(new, row).first() is not None)

    def claim(self, event_id: str | None = None) -> Claim | None:
        """Take the next due event, or the one of that id if it is due.

        Events of one key are taken in order of arrival, one at a time. One that waits
        for its retry holds back none.
        """
        now = self.clock()
        if not self.database.read(lambda tx: tx.execute(_due(now, event_id)).first()):
            return None  # looked up first, since a write would cost a commit
        if self.database.is_sqlite:
            return self.database.write(lambda tx: self._claim(tx, now, event_id))
        try:
            return self.database.write_alone(lambda tx: self._claim(tx, now, event_id))
        except _LostRace:
            return None

    def _claim(self, tx: Connection, now: float, event_id: str | None) -> Claim | None:
        chosen = _due(now, event_id).with_for_update(skip_locked=True).scalar_subquery()
        taking = (
            events.update()
            .where(events.c.seq == chosen)
            .values(
                state="running",
                due_at=now + self.lease,
                attempt=events.c.attempt + 1,
                crashes=events.c.crashes
                + sa.case((events.c.state == "running", 1), else_=0),
            )
            .returning(*(events.c[name] for name in _CLAIMED))
        )
        try:
            row = tx.execute(taking).mappings().first()
        except (IntegrityError, OperationalError) as error:
            if getattr(error.orig, "sqlstate", None) in _RACES:
                raise _LostRace from None
            raise
        if row is None:
            return None
        known = _handler_states(tx, row["seq"]) if row["attempt"] > 1 else ()
        return Claim(**row, handlers={each.handler: each for each in known})

    def save(
        self,
        claim: Claim,
        states: Sequence[HandlerState],
        verdict: Verdict | None = None,
        transaction: Transaction | None = None,
    ) -> bool:
        """Keep outcomes of a claimed event, and with a verdict end the claim.

        Without one, the lease is renewed.

        :param transaction: what is committed with it, or not at all.
        :returns: ``False``, having kept nothing, if the claim is no longer ours.
        :raises InboxUnavailable: if it was not stored.
        """
        now = self.clock()
        if verdict is None:
            changes: dict[str, Any] = {"due_at": now + self.lease}
        else:
            ended = verdict.state in ("done", "dead")
            changes = {
                "state": verdict.state,
                "due_at": verdict.due_at,
                "reason": verdict.reason,
                "settled_at": now if ended else None,
            }

        def work(tx: Connection) -> bool:
            if not tx.execute(_still_ours(claim).values(**changes)).rowcount:
                return False
            for each in states:
                tx.execute(self._upsert(claim.seq, each, now))
            return True

        return (transaction.finish if transaction else self.database.write)(work)

    def _upsert(self, seq: int, state: HandlerState, now: float) -> Any:
        values = {
            "state": state.state,
            "attempts": state.attempts,
            "next_at": state.next_at,
            "error": state.error,
            "updated_at": now,
        }
        insert = self._insert(outcomes).values(
            event_seq=seq, handler=state.handler, **values
        )
        return insert.on_conflict_do_update(
            index_elements=["event_seq", "handler"],
            set_=values,
            where=outcomes.c.state != "succeeded",  # what has succeeded stays so
        )

    def renew(self, claims: Iterable[Claim]) -> None:
        """Prolong the leases of claims; one that is no longer ours stays as it is."""
        until = self.clock() + self.lease
        renewals = [_still_ours(each).values(due_at=until) for each in claims]
        self.database.write(lambda tx: [tx.execute(each) for each in renewals])

    def next_due(self) -> float | None:
        """Seconds until a retry or the end of a lease; ``None`` if there is neither."""
        now = self.clock()
        soonest = sa.select(sa.func.min(events.c.due_at)).where(events.c.due_at > now)
        at = self.database.read(lambda tx: tx.execute(soonest).scalar())
        return None if at is None else at - now

    # What people ask of it.

    def get(self, event_id: str) -> StoredEvent | None:
        """The event of that id, with the outcomes of its handlers.

        :raises InboxUnavailable: if the inbox cannot be read.
        """

        def work(tx: Connection) -> StoredEvent | None:
            row = tx.execute(events.select().where(events.c.id == event_id)).first()
            return _stored(row, _handler_states(tx, row.seq)) if row else None

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
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        query = events.select().order_by(events.c.seq.desc()).limit(limit)
        for column, wanted in (("state", state), ("type", type), ("endpoint", endpoint)):
            if wanted is not None:
                query = query.where(events.c[column] == wanted)
        if before is not None:
            query = query.where(events.c.seq < before)
        return self.database.read(lambda tx: [_stored(row) for row in tx.execute(query)])

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
            .where(events.c.id == event_id, events.c.state != "running")
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
        # Two queries, each over a partial index: neither meets an event that is done.
        counted = [
            sa.select(
                events.c.type,
                events.c.state,
                sa.func.count(),
                sa.func.min(events.c.received_at),
            )
            .where(condition)
            .group_by(events.c.type, events.c.state)
            for condition in (events.c.due_at.is_not(None), events.c.state == "dead")
        ]
        rows = self.database.read(
            lambda tx: [row for each in counted for row in tx.execute(each)]
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
        old = (
            sa.select(events.c.seq)
            .where(
                events.c.state == "done", events.c.settled_at < self.clock() - days * _DAY
            )
            .order_by(events.c.settled_at)
            .limit(_PRUNE_BATCH)
        )

        def work(tx: Connection) -> int:
            seqs = tx.execute(old).scalars().all()
            tx.execute(outcomes.delete().where(outcomes.c.event_seq.in_(seqs)))
            return tx.execute(events.delete().where(events.c.seq.in_(seqs))).rowcount

        deleted = 0
        while batch := self.database.write(work):
            deleted += batch
        return deleted


class _LostRace(Exception):
    """Another process took an event of the same key in the same instant."""


_RACES = ("23505", "40P01")  # PostgreSQL's unique_violation and deadlock_detected
_CLAIMED = ("seq", "attempt", "id", "endpoint", "received_at", "crashes", "body")


def _due(now: float, event_id: str | None) -> sa.Select[tuple[int]]:
    """The next event to claim: due, and first of its key."""
    other = events.alias("other")
    ahead = sa.exists().where(
        other.c.key == events.c.key,
        other.c.seq != events.c.seq,
        other.c.due_at.is_not(None),
        (other.c.state == "running")
        | ((other.c.due_at <= now) & (other.c.seq < events.c.seq)),
    )
    query = (
        sa.select(events.c.seq)
        .where(events.c.due_at <= now, events.c.key.is_(None) | ~ahead)
        .order_by(events.c.due_at, events.c.seq)
        .limit(1)
    )
    return query if event_id is None else query.where(events.c.id == event_id)


def _still_ours(claim: Claim) -> sa.Update:
    return events.update().where(
        events.c.seq == claim.seq,
        events.c.attempt == claim.attempt,
        events.c.state == "running",
    )


def _handler_states(tx: Connection, seq: int) -> tuple[HandlerState, ...]:
    columns = (
        outcomes.c[name] for name in ("handler", "state", "attempts", "next_at", "error")
    )
    query = (
        sa.select(*columns).where(outcomes.c.event_seq == seq).order_by(outcomes.c.handler)
    )
    return tuple(HandlerState(*row) for row in tx.execute(query))


def _stored(row: Any, handlers: tuple[HandlerState, ...] = ()) -> StoredEvent:
    return StoredEvent(
        id=row.id,
        type=row.type,
        endpoint=row.endpoint,
        state=row.state,
        received_at=_datetime(row.received_at),
        due_at=None if row.due_at is None else _datetime(row.due_at),
        settled_at=None if row.settled_at is None else _datetime(row.settled_at),
        reason=row.reason,
        position=row.seq,
        body=row.body,
        handlers=handlers,
    )


def _datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
