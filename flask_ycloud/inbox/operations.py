"""Operate the queue: act on batches of events, pause and resume."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .changes import Action, Changed
from .queue import EventQueue
from .records import Identity, Pause, PauseKind, StoredEvent
from .selections import check_pattern

_MOST_DUE = 10_000


class OperatedQueue(EventQueue):
    """A queue with actions on events, and with pauses."""

    _on_due: Callable[[Identity], None]

    def change(self, which: sa.ColumnElement[bool], action: Action) -> Changed:
        """Act on a batch of events in one commit, and report the events that are due then.

        :raises InboxUnavailable: if the inbox cannot be written.
        """
        in_one = self.database.dialect == "sqlite"

        def work(tx: Connection) -> tuple[Changed, list[Identity]]:
            changed = action(tx, which, self.clock())
            return changed, self.release(tx, changed.keys) if in_one else []

        changed, released = self.database.write(work)
        if changed.keys and not in_one:  # after the commit, so that all see the end
            keys = changed.keys
            released = self.database.write_single(lambda tx: self.release(tx, keys))
        self._report_due([*(changed.done if changed.due else ()), *released])
        return changed

    def _report_due(self, due: Iterable[Identity]) -> None:
        """Report each due event, and raise the first error at the end."""
        raised: Exception | None = None
        for each in due:
            try:
                self._on_due(each)
            except Exception as error:
                raised = raised or error
        if raised is not None:
            raise raised

    def pause(
        self,
        *,
        endpoint: str | None = None,
        type: str | None = None,
        handler: str | None = None,
    ) -> bool:
        """Pause an endpoint, an event type, a handler, or everything.

        Deliveries are still accepted, and their events wait. No attempt is counted. If a
        handler is paused, the other handlers of an event run. All processes know of the
        pause within a few seconds. Handlers that run already are not interrupted.

        :param endpoint: the name of an endpoint.
        :param type: an event type, or a pattern such as ``"whatsapp.*"``.
        :param handler: the name of a handler. Without any of the three, everything is
            paused.
        :returns: ``False`` if this was paused already.
        :raises ValueError: if more than one is given, or the type is not a pattern.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        kind, name = _what(endpoint, type, handler)
        return self._pauses.add(kind, name, self.clock())

    def resume(
        self,
        *,
        endpoint: str | None = None,
        type: str | None = None,
        handler: str | None = None,
    ) -> bool:
        """End a pause. The events that waited for it are handled in their order.

        The arguments are those of :meth:`pause`.

        :returns: ``False`` if this was not paused.
        :raises ValueError: as :meth:`pause` does.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        kind, name = _what(endpoint, type, handler)
        after = self._pauses.now().without(kind, name)
        if kind == "handler":  # before it is resumed: no event may overtake the held ones
            self._holding.line_up(after)
        if not self._pauses.remove(kind, name):
            return False
        self._holding.release(after, self.clock())
        self._report_due(self.overdue(0.0, limit=_MOST_DUE))
        return True

    def pauses(self) -> Sequence[Pause]:
        """The pauses in force.

        :raises InboxUnavailable: if the inbox cannot be read.
        """
        return self._pauses.now().pauses

    def seen(self, event: StoredEvent) -> StoredEvent:
        """The event, with ``waits_for="pause"`` if it waits for a paused endpoint."""
        if event.state == "pending" and self._pauses.in_force().stops(event.endpoint):
            return replace(event, waits_for="pause")
        return event


def _what(
    endpoint: str | None, type: str | None, handler: str | None
) -> tuple[PauseKind, str]:
    given: dict[PauseKind, str | None] = {
        "endpoint": endpoint, "type": type, "handler": handler,
    }  # fmt: skip
    named: list[tuple[PauseKind, str]] = [
        (kind, name) for kind, name in given.items() if name is not None
    ]
    if len(named) > 1:
        raise ValueError("Give one of endpoint, type and handler, or none for everything.")
    if type is not None:
        check_pattern(type)
    return named[0] if named else ("all", "")
