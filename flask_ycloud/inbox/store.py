"""The inbox, for apps and people: get, list, replay, discard, pause, stats, prune."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import AmbiguousEvent, EventNotFound, EventRunning, EventSettled
from . import causes, queries
from .changes import RUNNING, Action, discarding, replaying
from .database import Database
from .operations import OperatedQueue
from .records import Identity, Stats, StoredEvent
from .rows import attempts_of, handler_states, stored
from .selected import SelectedEvents
from .selections import Selection
from .statistics import stats_of
from .tables import IDENTITY, attempts, events, outcomes

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .selections import Filters

_DAY = 86_400.0
_TRIES, _TRY_AGAIN_AFTER = 20, 0.05
_MOST_NAMED = 10
_EVERY = Selection()


class Inbox(OperatedQueue):
    """The inbox of one app. ``current_inbox`` is the one of the current app.

    :param database: where it is kept.
    :param lease: seconds that a claim holds if nobody renews it.
    :param retention_days: how long done events are kept; 0 keeps all.
    :param on_due: called with an event's identity when a replay makes it due.
    :param clock: unix seconds.
    :param endpoints: gives the endpoints whose events may be claimed here.
    :param serves_many: whether an endpoint has tenants, each with a lane of its own.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease: float = 60,
        retention_days: float = 30,
        on_due: Callable[[Identity], None] = lambda identity: None,
        clock: Callable[[], float] = time.time,
        endpoints: Callable[[], Sequence[str]] | None = None,
        serves_many: Callable[[str], bool] = lambda endpoint: True,
    ) -> None:
        super().__init__(
            database, lease=lease, clock=clock, endpoints=endpoints, serves_many=serves_many
        )
        self._retention_days = retention_days
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
            row = tx.execute(events.select().where(_is(identity))).first()
            if row is None:
                return None  # it was deleted in between
            states = tuple(state for _, state in handler_states(tx, [row.seq]))
            event = stored(row, states, attempts_of(tx, row.seq))
            if event.waits_for == "conversation":
                ahead = queries.AHEAD, {"key_": row.key, "seq_": row.seq, "now_": now}
                event = replace(event, behind=tx.execute(*ahead).scalar())
            return event

        now = self.clock()

        event = self.database.read(work)
        return event and self.seen(event)

    def find(
        self, event_id: str, *, endpoint: str | None = None, tenant: str | None = None
    ) -> Identity | None:
        """What tells the event of that id from all others; ``None`` if there is none.

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

    def select(
        self, selection: Selection = _EVERY, **narrow: Unpack[Filters]
    ) -> SelectedEvents:
        """Events by what they have in common: to count, to go through, to act on.

        ::

            current_inbox.select(state="dead", type="sms.*").replay()

        :param selection: which; all if it is left out.
        :param narrow: what :class:`Selection` takes, instead or beside.
        :raises ValueError: as :class:`Selection` does.
        """
        return SelectedEvents(self, replace(selection, **narrow))

    def list(
        self,
        *,
        before: int | None = None,
        limit: int = 50,
        bodies: bool = True,
        **narrow: Unpack[Filters],
    ) -> Sequence[StoredEvent]:
        """Events, the newest first.

        :param narrow: what :class:`Selection` takes: ``state``, ``type``, ``endpoint``,
            ``tenant``, ``unhandled`` and others.
        :param before: the ``position`` of the last one seen, for the next page.
        :param bodies: whether the bodies are read, too; if not, they are empty.
        :raises ValueError: as :class:`Selection` does.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        some = self.select(**narrow).newest(limit, before=before, bodies=bodies)
        return [replace(each, handlers=()) for each in some]

    def dead_by_cause(
        self, selection: Selection = _EVERY, **narrow: Unpack[Filters]
    ) -> Sequence[causes.DeadCause]:
        """Why events are dead letters, the most frequent cause first.

        :param selection: of which dead letters; of all if it is left out.
        :param narrow: what :class:`Selection` takes, instead or beside.
        :raises ValueError: as :class:`Selection` does.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        chosen = replace(replace(selection, **narrow), state="dead")
        return self.database.read(lambda tx: causes.dead_by_cause(tx, chosen))

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
        runs what failed, and a done event runs handlers that were added since. A discarded
        event is due again, too.

        :param endpoint: where it arrived; needed if the id is known at several.
        :param tenant: whose it is; needed if several have the id.
        :raises EventNotFound: if the inbox has no such event.
        :raises AmbiguousEvent: if the id is known at several endpoints or tenants.
        :raises EventRunning: if it is being handled at this moment.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        action = replaying(succeeded_too=succeeded_too)
        self._change_one(event_id, endpoint, tenant, action)

    def discard(
        self,
        event_id: str,
        reason: str,
        *,
        endpoint: str | None = None,
        tenant: str | None = None,
    ) -> None:
        """End a pending event, a dead letter or an unhandled event for good.

        Its state is ``"discarded"``: it is no dead letter any more. It stays in the inbox,
        with the reason, as long as done events do, and can be replayed. What waits behind
        it in its conversation goes on.

        :param reason: kept with it, so leave personal data out of it.
        :param endpoint: where it arrived; needed if the id is known at several.
        :param tenant: whose it is; needed if several have the id.
        :raises ValueError: if the reason is empty.
        :raises EventNotFound: if the inbox has no such event.
        :raises AmbiguousEvent: if the id is known at several endpoints or tenants.
        :raises EventRunning: if it is being handled at this moment.
        :raises EventSettled: if it is done, or discarded already.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        self._change_one(event_id, endpoint, tenant, discarding(reason))

    def _change_one(
        self, event_id: str, endpoint: str | None, tenant: str | None, action: Action
    ) -> None:
        identity = self.find(event_id, endpoint=endpoint, tenant=tenant)
        if identity is None:
            raise EventNotFound(f"The inbox has no event {event_id!r}.")
        changed = self.change(_is(identity), action)
        for _ in range(_TRIES):
            if changed.done or changed.skipped:
                break
            time.sleep(_TRY_AGAIN_AFTER)  # it is locked: saved or redelivered just now
            changed = self.change(_is(identity), action)
        if changed.done:
            return
        why = next(iter(changed.skipped), RUNNING)
        if why == RUNNING:
            raise EventRunning(f"Event {event_id!r} is being handled now; try again later.")
        raise EventSettled(
            f"Event {event_id!r} is {why}. Pending events, dead letters and unhandled"
            " events can be discarded."
        )

    def replay_unhandled(
        self,
        *,
        type: str | None = None,
        endpoint: str | None = None,
        tenant: str | None = None,
    ) -> int:
        """Make due again what no handler was subscribed to, now that there is one.

        It commits in small batches, so that accepts come in between.

        :param type: only events of this type.
        :param endpoint: only events of this endpoint.
        :param tenant: only events of this tenant.
        :returns: how many events are due again.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        unhandled = Selection(type=type, endpoint=endpoint, tenant=tenant, unhandled=True)
        return self.select(unhandled).replay().done

    def stats(self) -> Stats:
        """Counts of what is not done, by state and type, and the oldest that waits.

        :raises InboxUnavailable: if the inbox cannot be read.
        """
        return self.database.read(lambda tx: stats_of(tx, self.clock()))

    def prune(self, *, days: float | None = None) -> int:
        """Delete events that were done or discarded long ago; dead letters stay.

        It commits in small batches, so that accepts come in between.

        :param days: how long ago; ``YCLOUD_RETENTION_DAYS`` if left out. 0 keeps all.
        :returns: how many were deleted.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        deleted = 0
        while batch := self.prune_some(days=days):
            deleted += batch
        return deleted

    def prune_some(self, *, days: float | None = None) -> int:
        """Like :meth:`prune`, for one small batch.

        :returns: how many were deleted; 0 if there are no more.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        days = self._retention_days if days is None else days
        then = {"then_": self.clock() - days * _DAY}

        def work(tx: Connection) -> int:
            self._conversations.forget(tx)
            if not days > 0:
                return 0
            old = tx.execute(queries.OLD, then).scalars().all()
            old = old or tx.execute(queries.OLD_DISCARDED, then).scalars().all()
            # One may have been replayed since.
            ended = queries.STATES["done"] | queries.STATES["discarded"]
            still = events.delete().where(events.c.seq.in_(old), ended)
            gone = tx.execute(still.returning(events.c.seq)).scalars().all()
            for table in (outcomes, attempts):
                tx.execute(table.delete().where(table.c.event_seq.in_(gone)))
            return len(gone)

        return self.database.write(work)


def _is(identity: Identity) -> sa.ColumnElement[bool]:
    return sa.and_(*(events.c[name] == value for name, value in identity._asdict().items()))
