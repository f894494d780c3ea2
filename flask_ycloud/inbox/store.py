"""The inbox, for apps and people: get, list, replay, discard, pause, stats."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import EventEmptied, EventNotFound, EventRunning, EventSettled
from . import causes, queries
from .changes import EMPTIED, RUNNING, Action, discarding, replaying
from .keeping import is_event
from .persons import Persons
from .records import Identity, Stats, StoredEvent
from .rows import attempts_of, handler_states, stored
from .selected import SelectedEvents
from .selections import Selection
from .statistics import stats_of
from .tables import events

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .selections import Filters

_TRIES, _TRY_AGAIN_AFTER = 20, 0.05
_EVERY = Selection()


class Inbox(Persons):
    """The inbox of one app. ``current_inbox`` is the one of the current app.

    :param on_due: called with an event's identity when a replay makes it due.
    :param others: the arguments of :class:`Keeping`.
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
        """The event with that id, with the outcomes of its handlers.

        :param endpoint: where it arrived; needed if several endpoints have the id.
        :param tenant: whose event it is; needed if several tenants have the id.
        :raises AmbiguousEvent: if the id is known at several endpoints or tenants.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        identity = self.find(event_id, endpoint=endpoint, tenant=tenant)
        if identity is None:
            return None

        def work(tx: Connection) -> StoredEvent | None:
            row = tx.execute(events.select().where(is_event(identity))).first()
            if row is None:
                return None  # it was deleted in the meantime
            found = handler_states(tx, [row.seq], self.cipher)
            states = tuple(state for _, state in found)
            runs = attempts_of(tx, row.seq, self.cipher)
            event = stored(row, states, runs, self.cipher)
            if event.waits_for == "conversation":
                ahead = queries.AHEAD, {"key_": row.key, "seq_": row.seq, "now_": now}
                event = replace(event, behind=tx.execute(*ahead).scalar())
            return event

        now = self.clock()

        event = self.database.read(work)
        return event and self.seen(event)

    def select(
        self, selection: Selection = _EVERY, **narrow: Unpack[Filters]
    ) -> SelectedEvents:
        """Select events, to count them, iterate over them or act on them.

        ::

            current_inbox.select(state="dead", type="sms.*").replay()

        :param selection: which events; all events by default.
        :param narrow: arguments of :class:`Selection`, in addition or instead.
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

        :param narrow: arguments of :class:`Selection`: ``state``, ``type``, ``endpoint``,
            ``tenant``, ``unhandled`` and others. Without a state, events that were
            deleted are left out.
        :param before: the ``position`` of the last event of the previous page.
        :param bodies: whether the bodies are read, too. Otherwise they are empty.
        :raises ValueError: as :class:`Selection` does.
        :raises InboxUnavailable: if the inbox cannot be read.
        """
        some = self.select(**narrow).newest(limit, before=before, bodies=bodies)
        return [replace(each, handlers=()) for each in some]

    def dead_by_cause(
        self, selection: Selection = _EVERY, **narrow: Unpack[Filters]
    ) -> Sequence[causes.DeadCause]:
        """Why events are dead letters, the most frequent cause first.

        :param selection: which dead letters; all dead letters by default.
        :param narrow: arguments of :class:`Selection`, in addition or instead.
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
        """Queue an event for replay. It is due at once, and has all its attempts again.

        Handlers that have succeeded do not run again, unless ``succeeded_too``. So a dead
        letter runs the handlers that failed, and a done event runs the handlers that were
        added since. A discarded event can be replayed, too.

        :param endpoint: where it arrived; needed if several endpoints have the id.
        :param tenant: whose event it is; needed if several tenants have the id.
        :raises EventNotFound: if the inbox has no such event.
        :raises AmbiguousEvent: if the id is known at several endpoints or tenants.
        :raises EventRunning: if it is being handled now.
        :raises EventEmptied: if it has no body any more.
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

        Its state becomes ``"discarded"``. It is kept in the inbox, with the reason, as long
        as done events are, and can be replayed. The next event of its conversation is no
        longer held back.

        :param reason: stored with the event. It must not contain personal data.
        :param endpoint: where it arrived; needed if several endpoints have the id.
        :param tenant: whose event it is; needed if several tenants have the id.
        :raises ValueError: if the reason is empty.
        :raises EventNotFound: if the inbox has no such event.
        :raises AmbiguousEvent: if the id is known at several endpoints or tenants.
        :raises EventRunning: if it is being handled now.
        :raises EventSettled: if it is done, or discarded already.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        self._change_one(
            event_id, endpoint, tenant, discarding(reason, self.cipher.seal_text)
        )

    def _change_one(
        self, event_id: str, endpoint: str | None, tenant: str | None, action: Action
    ) -> None:
        identity = self.find(event_id, endpoint=endpoint, tenant=tenant)
        if identity is None:
            raise EventNotFound(f"The inbox has no event {event_id!r}.")
        changed = self.change(is_event(identity), action)
        for _ in range(_TRIES):
            if changed.done or changed.skipped:
                break
            time.sleep(_TRY_AGAIN_AFTER)  # it is locked while it is saved or redelivered
            changed = self.change(is_event(identity), action)
        if changed.done:
            return
        why = next(iter(changed.skipped), RUNNING)
        if why == EMPTIED:
            self._check_body(is_event(identity), event_id)
        if why == RUNNING:
            raise EventRunning(f"Event {event_id!r} is being handled now; try again later.")
        raise EventSettled(
            f"Event {event_id!r} is {why}. Pending events, dead letters and unhandled"
            " events can be discarded."
        )

    def _check_body(self, which: sa.ColumnElement[bool], event_id: str) -> None:
        emptied = sa.select(events.c.state).where(which, events.c.emptied_at.is_not(None))
        state = self.database.read(lambda tx: tx.execute(emptied).scalar())
        if state is not None:  # pragma: no branch  (it may have been pruned just now)
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
        """Queue the unhandled events for replay, after a handler for them was added.

        Events whose bodies were emptied since are skipped.

        It commits in small batches, so that deliveries can be accepted in between.

        :param type: only events of this type.
        :param endpoint: only events of this endpoint.
        :param tenant: only events of this tenant.
        :returns: how many events are queued for replay.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        unhandled = Selection(type=type, endpoint=endpoint, tenant=tenant, unhandled=True)
        return self.select(unhandled).replay().done

    def stats(self) -> Stats:
        """Counts of the events that are not done, by state and type, and the oldest one.

        :raises InboxUnavailable: if the inbox cannot be read.
        """
        return self.database.read(lambda tx: stats_of(tx, self.clock()))
