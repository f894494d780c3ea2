"""The queue: an event is accepted, claimed and saved.

An event is *pending* → *running* (leased) → *done*, or pending again at a later time,
or *dead*. Outcomes are kept per handler, so that a retry runs only the handlers that have
not succeeded. A pending event is *parked* while another event of its conversation is ahead
of it. No claim finds a parked event until the save of the other event makes it due.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection

from ..errors import InboxUnavailable
from . import queries
from .cipher import Cipher
from .conversations import Conversations
from .database import Database
from .driver import Row, Statement
from .holding import Holding
from .lanes import Lane, Lanes
from .naming import hashes_of
from .pauses import Paused, Pauses
from .records import Arrival, Claim, HandlerState, Identity, Progress, Verdict
from .rows import claim_values, handler_states, identified, run_values
from .tables import block_of
from .transactions import Transaction

#: How often a claim is tried when other processes take the same events at the same time.
_TRIES = 5

# Seconds between two checks for events that a process left held when it died. Each check
# is a statement.
_ASK_AFTER = 60.0

#: How often one fetch looks for more events when it has only parked some.
_MOST_LOOKS = 1_000


class EventQueue:
    """The part of the inbox that accepts events and hands them to handlers.

    :param database: the database of the inbox.
    :param lease: seconds after which a claim ends if it is not renewed.
    :param clock: unix seconds.
    :param endpoints: returns the endpoints whose events may be claimed here. Other apps
        claim the events of other endpoints. ``None`` claims the events of all endpoints.
    :param serves_many: whether an endpoint has tenants, each with a lane of its own.
    :param cipher: encrypts bodies, and the texts of handlers' errors.
    :param empties: whether the body of an event is deleted when the event has succeeded.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease: float = 60,
        clock: Callable[[], float] = time.time,
        endpoints: Callable[[], Sequence[str]] | None = None,
        serves_many: Callable[[str], bool] = lambda endpoint: True,
        cipher: Cipher | None = None,
        empties: bool = False,
    ) -> None:
        self.database = database
        self.cipher = cipher or Cipher()
        self._empties = empties
        self.lease = lease
        self.clock = clock
        self._claimable = endpoints or self._all_endpoints
        self._lanes = Lanes(self._endpoints, serves_many, lambda: self.clock())
        self._pauses = Pauses(database)
        self._holding = Holding(database)
        self._asked_at = float("-inf")
        self._conversations = Conversations(database, lambda: self.clock())

    def accept(
        self,
        event_id: str,
        body: bytes,
        *,
        endpoint: str,
        event_type: str | None,
        tenant: str = "",
        endpoint_id: str | None = None,
        names: Sequence[str] = (),
        found_by: Iterable[str] = (),
        received_at: float | None = None,
        signed_at: float | None = None,
        traceparent: str | None = None,
        dead: str | None = None,
        origin: str = "",
    ) -> Arrival:
        """Store a delivery. It is durable when this returns.

        :param tenant: the tenant, if the endpoint serves many.
        :param endpoint_id: YCloud's id of the endpoint that the delivery was sent to.
        :param names: the names of its conversation. The inbox learns that they belong to
            one conversation.
        :param found_by: what the event can be searched by: telephone numbers, user ids and
            ids of messages, as :func:`names_in` returns them.
        :param signed_at: the time in its signature, in unix seconds.
        :param traceparent: the trace that it belongs to, as in W3C Trace Context.
        :param dead: why it is a dead letter from the start.
        :param origin: where it came from, if not from YCloud.
        :raises InboxUnavailable: if it was not stored.
        """
        now = self.clock() if received_at is None else received_at
        names = [self.database.hashed(name) for name in names]
        hashes = hashes_of(self.database.keyed(), found_by)
        if len(names) > 1:
            self._conversations.learn(names)
        row = {
            "id": event_id,
            "endpoint": endpoint,
            "tenant": tenant,
            "endpoint_id": endpoint_id,
            "type": event_type,
            "key": names[0] if names and not dead else None,
            "received_at": now,
            "signed_at": signed_at,
            "state": "dead" if dead else "pending",
            "due_at": None if dead else 0.0,
            "settled_at": now if dead else None,
            "reason": dead,
            "redeliveries": 0,
            "traceparent": traceparent,
            "origin": origin,
            "body_key": self.cipher.key_id,
            "body_hash": self.database.hashed(body),
            "body": self.cipher.seal(body),
            "hashes": hashes,
            "names": f"{{{','.join(map(str, hashes))}}}",
        }
        return self.database.write_single_together(self._insert, row)

    def accept_conflict(
        self,
        identity: Identity,
        other_id: str,
        body: bytes,
        *,
        event_type: str | None,
        endpoint_id: str | None = None,
        found_by: Iterable[str] = (),
        signed_at: float | None = None,
    ) -> bool:
        """Store another body with a known event id as a dead letter, but only the first.

        :param other_id: the dead letter's own id.
        :returns: whether it is the first.
        :raises InboxUnavailable: if it was not stored.
        """
        values = identified(identity)
        if self.database.read(lambda tx: tx.execute(queries.CONFLICT, values).scalar()):
            return False
        self.accept(
            other_id,
            body,
            endpoint=identity.endpoint,
            tenant=identity.tenant,
            endpoint_id=endpoint_id,
            event_type=event_type,
            found_by=found_by,
            signed_at=signed_at,
            dead=identity.conflict,
        )
        values["conflict_"] = other_id
        return bool(self.database.write_single(lambda tx: _note_conflict(tx, values)))

    def _insert(self, tx: Connection, rows: list[dict[str, Any]]) -> list[Arrival]:
        """Insert events. Return for each whether it is new, a duplicate or a conflict."""
        batch: dict[Identity, dict[str, Any]] = {}
        later: list[int] = []  # rows with the id of an earlier row, but another body
        for position, row in enumerate(rows):
            first = batch.setdefault(_identity(row), row)
            if first is row:
                batch[_identity(row)] = {**row}
            elif first["body_hash"] == row["body_hash"]:
                first["redeliveries"] += 1
            else:
                later.append(position)
        became = self._insert_batch(tx, batch)
        arrivals: dict[int, Arrival] = {}
        if later:
            those = self._insert(tx, [rows[position] for position in later])
            arrivals.update(zip(later, those, strict=True))
        for position, row in enumerate(rows):
            if position not in arrivals:
                arrivals[position] = became[_identity(row)]
                if arrivals[position] == "accepted":  # further equal rows are duplicates
                    became[_identity(row)] = "duplicate"
        return [arrivals[position] for position in range(len(rows))]

    def _insert_batch(
        self, tx: Connection, batch: dict[Identity, dict[str, Any]]
    ) -> dict[Identity, Arrival]:
        dialect = self.database.dialect
        if dialect == "sqlite" or len(batch) == 1:
            insert = queries.INSERT_ONE[dialect]
            found = [insert.run(tx, row)[0] for row in batch.values()]
        else:
            found = _insert_many(tx, batch)
        became: dict[Identity, Arrival] = {}
        waiting, named = set(), []
        for id, endpoint, tenant, redeliveries, differs, parked, key, seq in found:
            identity = Identity(id, endpoint, tenant)
            new = redeliveries == batch[identity]["redeliveries"]
            if new and dialect == "sqlite":
                place = {"block_": block_of(seq), "seq_": seq}
                named += [{"hash_": each, **place} for each in batch[identity]["hashes"]]
            became[identity] = "accepted" if new else "conflict" if differs else "duplicate"
            if parked:
                waiting.add(key)
        if dialect == "sqlite":
            queries.NAME.run_each(tx, named)
        else:
            self._release_orphans(tx, waiting)
        return became

    def release(self, tx: Connection, keys: Iterable[str]) -> list[Identity]:
        """Make the parked events due that have no event ahead of them any more."""
        if self.database.dialect != "sqlite":
            return self._release_orphans(tx, sorted(keys))
        values = [{"key_": key, "now_": self.clock()} for key in keys]
        rows = [row for each in values for row in queries.RELEASE_ORPHAN.run(tx, each)]
        return [Identity(*row) for row in rows]

    def _release_orphans(self, tx: Connection, keys: Iterable[str]) -> list[Identity]:
        """On PostgreSQL: release parked events that have no event ahead of them any more.

        The event that a parked one waits for may have ended at the same time. A process
        that parks an event checks this afterwards, and so does a process that ends one. At
        least one of the two finds the parked event.
        """
        values = {"keys_": list(keys), "now_": self.clock()}
        released = queries.RELEASE_ORPHANS.run(tx, values) if keys else []
        return [Identity(*row) for row in released]

    def claim(self, identity: Identity | None = None) -> Claim | None:
        """Claim the next due event, or the event with that identity if it is due.

        Events of one conversation are claimed in order of arrival, one at a time. An event
        that waits for its retry does not hold back later ones. Events that are paused are
        not claimed.
        """
        claims = self.fetch(1, identity=identity)
        return claims[0] if claims else None

    def fetch(self, limit: int, *, identity: Identity | None = None) -> list[Claim]:
        """Claim due events, in the order in which they became due.

        An event that was never tried became due when it arrived. It is due even if the
        clock was set back since.

        :param limit: how many at most.
        :param identity: claim only this event.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        claims: list[Claim] = []
        for _ in range(_MOST_LOOKS):
            found = self._fetch(limit - len(claims), identity)
            ready = self._not_paused(found)
            claims += ready
            if len(ready) == len(found) or identity is not None or len(claims) == limit:
                break
        return claims

    def _fetch(self, limit: int, identity: Identity | None) -> list[Claim]:
        if identity is not None:
            ours = identity.endpoint in self._endpoints()
            return self._take([Lane(*identity[1:])], 1, 1, identity)[0] if ours else []
        claims: list[Claim] = []
        for lanes in self._lanes.rounds(self.database):
            claims += self._fetch_from(lanes, limit - len(claims))
            if len(claims) == limit:
                break
        return claims

    def _not_paused(self, claims: list[Claim]) -> list[Claim]:
        """The claims that may be handled. The other events are held or released."""
        paused = self._in_force() if claims else self._pauses.known
        if not (claims and paused.pauses):
            return claims
        ready = [each for each in claims if not paused.stops(each.endpoint)]
        stopped = [each for each in claims if paused.stops(each.endpoint)]
        with suppress(InboxUnavailable):  # if this fails, their leases expire
            self.save_all([_released(each) for each in stopped])
            held = self._holding.hold_paused(ready, paused.types, self.clock())
            ready = [each for each in ready if each.seq not in held]
        return ready

    def _in_force(self) -> Paused:
        """The pauses in force. Events that a pause held are released when it is over."""
        before, paused = self._pauses.known, self._pauses.in_force()
        if set(before.pauses) - set(paused.pauses):
            with suppress(InboxUnavailable):  # a heartbeat releases them, too
                self.release_held()
        return paused

    def paused_handlers(self) -> frozenset[str]:
        """The names of the handlers that are paused. It reads the inbox now and then."""
        return self._pauses.in_force().handlers

    def release_held(self) -> None:
        """Make the events due that no pause holds any more.

        :raises InboxUnavailable: if the inbox cannot be written.
        """
        if self._holding.any():
            self._holding.release(self._pauses.now(), self.clock())

    def _endpoints(self) -> list[str]:
        """The endpoints whose events may be claimed here now."""
        # While no pause is known, the pauses are not read before events are found.
        paused = self._in_force() if self._pauses.known.pauses else self._pauses.known
        if paused.everything:
            return []
        return [each for each in self._claimable() if not paused.stops(each)]

    def _fetch_from(self, lanes: list[Lane], limit: int) -> list[Claim]:
        claims: list[Claim] = []
        for _ in range(_MOST_LOOKS):
            wanted = limit - len(claims)
            if not wanted or not lanes:
                break
            each = -(-wanted // len({lane.turn for lane in lanes}))  # rounded up
            taken, met = self._take(lanes, wanted, each)
            claims += taken
            self._lanes.served(Lane(claim.endpoint, claim.tenant or "") for claim in taken)
            # A lane may have more events if it gave as many as it could. Events that were
            # parked count: those behind them are next.
            lanes = [lane for lane in lanes if met[lane.turn] == each]
        return claims

    def _take(
        self,
        lanes: Sequence[Lane],
        limit: int,
        each: int,
        identity: Identity | None = None,
    ) -> tuple[list[Claim], Counter[Lane]]:
        """Claim some events. Count the events found, including those that were parked.

        :param each: how many events of a lane at most.
        """
        now = self.clock()
        values: dict[str, Any] = {"now_": now, "until_": now + self.lease}
        values |= {"limit_": limit, "each_": each}
        if identity is not None:
            values |= identified(identity)
        if self.database.dialect == "sqlite":
            return self._take_each(lanes, values)
        values["endpoints_"] = [lane.endpoint for lane in lanes]
        values["tenants_"] = [lane.tenant for lane in lanes]
        places = {turn: n for n, turn in enumerate(dict.fromkeys(_turns(lanes)))}
        values["places_"] = [places[turn] for turn in _turns(lanes)]
        return self._take_in_one(values)

    def _take_each(
        self, lanes: Sequence[Lane], values: dict[str, Any]
    ) -> tuple[list[Claim], Counter[Lane]]:
        """On SQLite, in a transaction: claim free events, and park those that must wait."""
        due = queries.CANDIDATE if "id_" in values else queries.CANDIDATES

        def look(tx: Connection) -> list[tuple[int, int, Row]]:
            """Rows, each with its rank in its turn and the place of that turn."""
            by_turn: dict[Lane, list[Row]] = {}
            for lane in lanes:
                place = {"endpoint_": lane.endpoint, "tenant_": lane.tenant}
                by_turn.setdefault(lane.turn, []).extend(due.run(tx, values | place))
            return [
                (rank, place, row)
                for place, rows in enumerate(by_turn.values())
                for rank, row in enumerate(sorted(rows)[: values["each_"]])
            ]

        def work(tx: Connection) -> tuple[list[Claim], Counter[Lane]]:
            chosen = sorted(look(tx))[: values["limit_"]]
            claims = _take_rows(tx, sorted(row for *_, row in chosen), values)
            turns = list(dict.fromkeys(_turns(lanes)))
            return claims, Counter(turns[place] for _, place, _ in chosen)

        if not self.database.read(look):
            return [], Counter()  # reading first: an idle process must not block writers
        return self.database.write(work)

    def _take_in_one(self, values: dict[str, Any]) -> tuple[list[Claim], Counter[Lane]]:
        """On PostgreSQL. Other processes may claim the same events at the same time."""
        statement = queries.CLAIM_ONE if "id_" in values else queries.CLAIM_NEXT

        def work(tx: Connection) -> tuple[list[Claim], Counter[Lane]]:
            rows = _run_or_lose(tx, statement, values)
            claimed = [row[:-3] for row in rows if row[0] is not None]
            parked = {row[-3] for row in rows if row[0] is None}
            released = self._release_orphans(tx, parked)
            if "id_" in values and released:
                raise _LostRace  # it was parked, and is due now
            met = Counter(Lane(*row[-2:]).turn for row in rows)
            for row in rows if released else ():
                # Events that waited behind may be due now: check these lanes again.
                met[Lane(*row[-2:]).turn] = values["each_"]
            return _with_outcomes(tx, claimed), met

        for _ in range(_TRIES):
            try:
                return self.database.write_single(work)
            except _LostRace:
                continue
        return [], Counter()

    def save(
        self,
        claim: Claim,
        ran: HandlerState | None = None,
        verdict: Verdict | None = None,
        transaction: Transaction | None = None,
    ) -> bool:
        """Store the outcome of a handler of a claimed event. A verdict ends the claim.

        Without a verdict, the lease is renewed.

        :param transaction: a transaction to commit together with the outcome.
        :returns: ``False`` if another process has the claim. Nothing is stored then.
        :raises InboxUnavailable: if the outcome was not stored.
        """
        progress = [Progress(claim, (ran,) if ran else (), verdict)]
        if transaction is None:
            return bool(self.save_all(progress))
        if not transaction.finish(lambda tx: bool(self._save(tx, progress))):
            return False
        self._release_after(progress)
        return True

    def save_all(self, progress: Sequence[Progress]) -> set[int]:
        """Store the progress of several claims, in one commit.

        :returns: the ``seq`` of the claims that were still ours. Nothing is stored of the
            others.
        :raises InboxUnavailable: if the progress was not stored.
        """
        if not progress:
            return set()
        held = self.database.write_single(lambda tx: self._save(tx, progress))
        self._release_after([each for each in progress if each.claim.seq in held])
        return held

    def ended_by(self, progress: Sequence[Progress]) -> set[int]:
        """Find the claims that a save has ended although its answer was lost.

        The next events of their conversations are then made due.

        :returns: the ``seq`` of these claims.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        ends = [each for each in progress if each.verdict is not None]

        def work(tx: Connection) -> set[int]:
            return {
                row[0]
                for each in ends
                for row in queries.ENDED.run(
                    tx, {"seq_": each.claim.seq, "attempt_": each.claim.attempt}
                )
            }

        ended = self.database.read(work)
        self._release_after([each for each in ends if each.claim.seq in ended])
        return ended

    def _save(self, tx: Connection, progress: Sequence[Progress]) -> set[int]:
        now = self.clock()
        claims = [claim_values(each, now, self.lease) for each in progress]
        runs = [
            run_values(each.claim.seq, run, now, self.cipher)
            for each in progress
            for run in each.runs
        ]
        if self.database.dialect != "sqlite":
            arrays = queries.CLAIMS.arrays(claims) | queries.RUNS.arrays(runs)
            save = queries.SAVE_ALL_AND_EMPTY if self._empties else queries.SAVE_ALL
            return {row[0] for row in save.run(tx, arrays)}
        settle = queries.SETTLE_AND_EMPTY if self._empties else queries.SETTLE
        held = {each["seq"] for each in claims if settle.run(tx, each)}
        for run in runs:
            if run["seq"] in held:
                for statement in queries.KEEP:
                    statement.run(tx, run)
        if self._empties:
            for each in claims:
                if each["seq"] in held and each["state"] == "done":
                    place = {"block_": block_of(each["seq"]), "seq_": each["seq"]}
                    for statement in queries.QUIETEN:
                        statement.run(tx, {"seq_": each["seq"]})
                    queries.FORGET_NAMES.run(tx, place)
        for key in _freed(each for each in progress if each.claim.seq in held):
            queries.RELEASE_ONE.run(tx, {"key_": key})
        return held

    def _release_after(self, ended: Sequence[Progress]) -> None:
        """On PostgreSQL: make the next events due after the end of these was committed."""
        values = {"keys_": list(_freed(ended))}
        if values["keys_"] and self.database.dialect != "sqlite":
            # The outcomes are stored. A search for orphans finds events that stay parked.
            with suppress(InboxUnavailable):
                self.database.write_single(lambda tx: queries.RELEASE_ALL.run(tx, values))

    def body_of(self, claim: Claim) -> bytes:
        """The raw body of a claimed event, as it arrived.

        :raises BodyUnreadable: if it is encrypted with a key that is missing.
        """
        return self.cipher.open(claim.body, claim.body_key)

    def renew(self, claims: Iterable[Claim]) -> set[int]:
        """Renew the leases of claims. A claim of another process is not changed.

        :returns: the ``seq`` of the claims that are still ours.
        """
        return self.save_all([Progress(claim) for claim in claims])

    def note_start(self, claim: Claim, handler: str, seconds: float = 0.0) -> None:
        """Store which handler of a claimed event runs.

        The command line and the pages show it. If the process dies now, the next claim
        counts this as a crash.

        :param seconds: how long the handler has run.
        :raises InboxUnavailable: if this was not stored.
        """
        values = {
            "seq_": claim.seq,
            "attempt_": claim.attempt,
            "handler_": handler,
            "started_": self.clock() - seconds,
        }
        self.database.write_single(lambda tx: queries.NOTE_START.run(tx, values))

    def release_orphans(self, after: str = "") -> str:
        """Make the events due that wait for nothing any more.

        These are events that were held by a pause that is over. On PostgreSQL they are also
        events that are parked behind an event that has ended: a process that dies between
        two statements leaves them so. SQLite has both statements in one transaction.

        :param after: what the previous call returned. A call reads some thousands of
            conversations, and the next call those that follow.
        :returns: where the next call continues; empty to start again.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        if time.monotonic() - self._asked_at >= _ASK_AFTER:
            self._asked_at = time.monotonic()
            self.release_held()
        if self.database.dialect == "sqlite":
            return ""

        def work(tx: Connection) -> str:
            keys = tx.execute(queries.PARKED_KEYS, {"after_": after}).scalars().all()
            self._release_orphans(tx, keys)
            return keys[-1] if len(keys) == queries.MANY_KEYS else ""

        return self.database.write_single(work)

    def release_all_orphans(self) -> None:
        """Do :meth:`release_orphans` for all conversations that have parked events.

        :raises InboxUnavailable: if the inbox cannot be written.
        """
        after = self.release_orphans()
        while after:
            after = self.release_orphans(after)

    def follower(self, claim: Claim) -> Identity | None:
        """The next due event of the same conversation, or ``None``."""
        if claim.key is None:
            return None
        values = {"key_": claim.key, "now_": self.clock()}
        row = self.database.read(lambda tx: tx.execute(queries.FOLLOWER, values).first())
        return None if row is None else Identity(*row)

    def overdue(self, seconds: float, *, limit: int) -> Sequence[Identity]:
        """The events that have been due for so many seconds, the oldest first."""
        then, endpoints = self.clock() - seconds, self._endpoints()

        def work(tx: Connection) -> list[Identity]:
            found: list[Identity] = []
            for endpoint in endpoints:
                query = queries.OVERDUE.limit(limit - len(found))
                values = {"then_": then, "endpoint_": endpoint}
                found += [Identity(*row) for row in tx.execute(query, values)]
            return found

        return self.database.read(work)

    def overdue_seconds(self) -> float:
        """How many seconds the first due event has been due, or 0 if none is due.

        :raises InboxUnavailable: if the inbox cannot be read.
        """
        now, endpoints = self.clock(), self._endpoints()

        def work(tx: Connection) -> float:
            values = ({"endpoint_": each, "now_": now} for each in endpoints)
            since = (tx.execute(queries.DUE_SINCE, each).scalar() for each in values)
            return max((now - each for each in since if each is not None), default=0.0)

        return max(0.0, self.database.read(work))

    def _all_endpoints(self) -> list[str]:
        """The endpoints that have unsettled events, each found with one index lookup."""

        def work(tx: Connection) -> list[str]:
            found = [""]
            while True:
                query = queries.NEXT_ENDPOINT, {"after_": found[-1]}
                name = tx.execute(*query).scalar()
                if name is None:
                    return found[1:]
                found.append(name)

        return self.database.read(work)


def _released(claim: Claim) -> Progress:
    """End a claim without handling its event, which is due as before."""
    return Progress(claim, (), Verdict("pending", due_at=claim.due_at))


def _turns(lanes: Sequence[Lane]) -> list[Lane]:
    return [lane.turn for lane in lanes]


def _identity(row: dict[str, Any]) -> Identity:
    return Identity(row["id"], row["endpoint"], row["tenant"])


def _note_conflict(tx: Connection, values: dict[str, Any]) -> bool:
    return tx.execute(queries.NOTE_CONFLICT, values).first() is not None


def _insert_many(tx: Connection, by_id: dict[Identity, dict[str, Any]]) -> list[Row]:
    """On PostgreSQL: insert events in one statement."""
    keys: set[str] = set()
    batch = []
    # All processes use this order: otherwise two with the same ids could deadlock.
    for _, row in sorted(by_id.items()):
        batch.append({**row, "follows": row["key"] in keys})
        keys.add(row["key"])
    return queries.INSERT_MANY.run(tx, queries.NEW_EVENTS.arrays(batch))


class _LostRace(Exception):
    """Another process claimed an event of the same conversation at the same time."""


#: PostgreSQL's unique_violation, deadlock_detected and serialization_failure. The last
#: happens if the database is set to a stricter isolation than the default.
_RACES = ("23505", "40P01", "40001")


def _run_or_lose(tx: Connection, statement: Statement, values: dict[str, Any]) -> list[Row]:
    try:
        return statement.run(tx, values)
    except Exception as error:  # each driver has its own class
        if getattr(error, "sqlstate", None) in _RACES:
            raise _LostRace from None
        raise


def _take_rows(tx: Connection, rows: Sequence[Row], values: dict[str, Any]) -> list[Claim]:
    claimed = []
    for _, seq, state, due_at, waits in rows:
        if waits:
            ((key,),) = queries.PARK.run(tx, {"seq_": seq})
            queries.RELEASE_ORPHAN.run(tx, {**values, "key_": key})
        else:
            (row,) = queries.TAKE.run(tx, {**values, "seq_": seq})
            claimed.append((*row, due_at, state == "running"))
    return _with_outcomes(tx, claimed)


def _with_outcomes(tx: Connection, rows: list[Row]) -> list[Claim]:
    """Claims of these rows, with the earlier outcomes if they were claimed before."""
    claims = [Claim(*row) for row in rows]
    again = [claim.seq for claim in claims if claim.attempt > 1]
    known: dict[int, dict[str, HandlerState]] = {}
    for seq, state in handler_states(tx, again):
        known.setdefault(seq, {})[state.handler] = state
    return [
        replace(each, handlers=known[each.seq]) if each.seq in known else each
        for each in claims
    ]


def _freed(ended: Iterable[Progress]) -> Iterator[str]:
    """The conversations in which the next event may be due now."""
    for each in ended:
        if each.verdict is not None and each.claim.key is not None:
            yield each.claim.key
