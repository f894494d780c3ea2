"""The queue: an event is accepted, claimed and saved.

An event is *pending* → *running* (leased) → *done*, or pending again at a later time,
or *dead*. Outcomes are kept per handler, so that a retry runs only those that have not
succeeded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from . import queries
from .commits import Transaction
from .database import Database
from .records import Claim, HandlerState, Verdict
from .rows import handler_states, run_values


class EventQueue:
    """What accepting and handling ask of the inbox.

    :param database: where it is kept.
    :param lease: seconds that a claim holds if nobody renews it.
    :param clock: unix seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease: float = 60,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self.lease = lease
        self.clock = clock

    def accept(
        self,
        event_id: str,
        body: bytes,
        *,
        endpoint: str,
        event_type: str | None,
        key: str | None = None,
        received_at: float | None = None,
        signed_at: float | None = None,
        traceparent: str | None = None,
        dead: str | None = None,
    ) -> bool:
        """Store a delivery. Durable when it returns.

        :param signed_at: what its signature says, in unix seconds.
        :param traceparent: the trace it belongs to, as W3C Trace Context has it.
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
            "signed_at": signed_at,
            "state": "dead" if dead else "pending",
            "due_at": None if dead else 0.0,
            "settled_at": now if dead else None,
            "reason": dead,
            "attempt": 0,
            "crashes": 0,
            "redeliveries": 0,
            "traceparent": traceparent,
            "body": body,
        }
        return self.database.write_together(self._insert, row)

    def _insert(self, tx: Connection, rows: list[dict[str, Any]]) -> list[bool]:
        """Insert events, and tell of each whether it is new."""
        by_id: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["id"] in by_id:  # of the same id twice, one is new
                by_id[row["id"]]["redeliveries"] += 1
            else:
                by_id[row["id"]] = {**row}
        # In one order everywhere, or two processes with the same ids could deadlock.
        ordered = [by_id[event_id] for event_id in sorted(by_id)]
        insert = queries.new_events(self.database.dialect)
        found = tx.execute(insert, ordered if len(ordered) > 1 else ordered[0])
        new = {row.id for row in found if row.redeliveries == by_id[row.id]["redeliveries"]}
        answers = []
        for row in rows:
            answers.append(row["id"] in new)
            new.discard(row["id"])
        return answers

    def claim(self, event_id: str | None = None) -> Claim | None:
        """Take the next due event, or the one of that id if it is due.

        Events of one key are taken in order of arrival, one at a time. One that waits
        for its retry holds back none.
        """
        now = self.clock()
        values: dict[str, Any] = {"now_": now, "until_": now + self.lease}
        if event_id is not None:
            values["id_"] = event_id
        try:
            return self.database.write_single(lambda tx: _take(tx, values))
        except _LostRace:
            return None

    def save(
        self,
        claim: Claim,
        ran: HandlerState | None = None,
        verdict: Verdict | None = None,
        transaction: Transaction | None = None,
    ) -> bool:
        """Keep how a handler of a claimed event ran, and with a verdict end the claim.

        Without one, the lease is renewed.

        :param transaction: what is committed with it, or not at all.
        :returns: ``False``, having kept nothing, if the claim is no longer ours.
        :raises InboxUnavailable: if it was not stored.
        """
        now = self.clock()
        values: dict[str, Any] = {"seq_": claim.seq, "attempt_": claim.attempt}
        if verdict is None:
            values["until_"] = now + self.lease
        else:
            values.update(
                state_=verdict.state,
                until_=verdict.due_at,
                reason_=verdict.reason,
                settled_=now if verdict.state in ("done", "dead") else None,
            )
        if ran is not None:
            values |= run_values(ran, now)
        first, *others = queries.save(
            self.database.dialect, settles=verdict is not None, ran=ran is not None
        )

        def work(tx: Connection) -> bool:
            if tx.execute(first, values).first() is None:
                return False
            for statement in others:
                tx.execute(statement, values)
            return True

        return (transaction.finish if transaction else self.database.write_single)(work)

    def renew(self, claims: Iterable[Claim]) -> None:
        """Prolong the leases of claims; one that is no longer ours stays as it is."""
        values = {
            "until_": self.clock() + self.lease,
            "claims_": [(claim.seq, claim.attempt) for claim in claims],
        }
        self.database.write_single(lambda tx: tx.execute(queries.RENEW_ALL, values))

    def next_due(self) -> float | None:
        """Seconds until a retry or the end of a lease; ``None`` if there is neither."""
        values = {"now_": self.clock()}
        at = self.database.read(lambda tx: tx.execute(queries.SOONEST, values).scalar())
        return None if at is None else at - values["now_"]

    def follower(self, claim: Claim) -> str | None:
        """The id of the next due event of the same conversation; ``None`` without one."""
        if claim.key is None:
            return None
        values = {"key_": claim.key, "now_": self.clock()}
        return self.database.read(lambda tx: tx.execute(queries.FOLLOWER, values).scalar())

    def overdue(self, seconds: float, *, limit: int) -> Sequence[str]:
        """The ids of events that have been due for so long, the oldest first."""
        values = {"then_": self.clock() - seconds}
        query = queries.OVERDUE.limit(limit)
        return self.database.read(lambda tx: tx.execute(query, values).scalars().all())


class _LostRace(Exception):
    """Another process took an event of the same key in the same instant."""


#: PostgreSQL's unique_violation, deadlock_detected and serialization_failure, the last
#: where a database is set to a stricter isolation than its default.
_RACES = ("23505", "40P01", "40001")


def _take(tx: Connection, values: dict[str, Any]) -> Claim | None:
    take = queries.TAKE_ONE if "id_" in values else queries.TAKE_NEXT
    try:
        row = tx.execute(take, values).mappings().first()
    except (IntegrityError, OperationalError) as error:
        if getattr(error.orig, "sqlstate", None) in _RACES:
            raise _LostRace from None
        raise
    if row is None:
        return None
    known = handler_states(tx, row["seq"]) if row["attempt"] > 1 else ()
    return Claim(**row, handlers={each.handler: each for each in known})
