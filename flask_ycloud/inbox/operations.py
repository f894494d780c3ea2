"""Operating the queue: act on batches of events, pause and resume."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .changes import Action, Changed
from .queue import EventQueue
from .records import Identity, Pause, PauseKind, StoredEvent
from .selections import check_pattern

_MOST_TOLD = 10_000


class OperatedQueue(EventQueue):
    """A queue that people act on."""

    _on_due: Callable[[Identity], None]

    def change(self, which: sa.ColumnElement[bool], action: Action) -> Changed:
        """Act on a batch of events, in one commit, and have handled what is due then.

        :raises InboxUnavailable: if the inbox cannot be written.
        """
        in_one = self.database.dialect == "sqlite"

        def work(tx: Connection) -> tuple[Changed, list[Identity]]:
            changed = action(tx, which, self.clock())
            return changed, self.release(tx, changed.keys) if in_one else []

        changed, released = self.database.write(work)
        if changed.keys and not in_one:  # once all can see what has ended
            keys = changed.keys
            released = self.database.write_single(lambda tx: self.release(tx, keys))
        self._tell_due([*(changed.done if changed.due else ()), *released])
        return changed

    def _tell_due(self, due: Iterable[Identity]) -> None:
        """Each of them, whatever handling another one raises; then raise that."""
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
        """Handle nothing of an endpoint, of a type, with a handler, or at all.

        Deliveries are still accepted, and their events wait. No attempt is counted. Of an
        event with several handlers those that are not paused run. All processes know of it
        within a few seconds; what runs already is finished.

        :param endpoint: the name of an endpoint.
        :param type: an event type, or a pattern such as ``"whatsapp.*"``.
        :param handler: the name of a handler. With none of the three, everything.
        :returns: ``False`` if that was paused already.
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
        """End a pause: what waited for it is handled, in its order.

        :param endpoint: what :meth:`pause` was given, as all of these.
        :returns: ``False`` if that was not paused.
        :raises ValueError: as :meth:`pause` does.
        :raises InboxUnavailable: if the inbox cannot be written.
        """
        kind, name = _what(endpoint, type, handler)
        after = self._pauses.now().without(kind, name)
        if kind == "handler":  # while it is paused, nothing overtakes what waits for it
            self._holding.line_up(after)
        if not self._pauses.remove(kind, name):
            return False
        self._holding.release(after, self.clock())
        self._tell_due(self.overdue(0.0, limit=_MOST_TOLD))
        return True

    def pauses(self) -> Sequence[Pause]:
        """What is paused now.

        :raises InboxUnavailable: if the inbox cannot be read.
        """
        return self._pauses.now().pauses

    def seen(self, event: StoredEvent) -> StoredEvent:
        """An event as it is seen while its endpoint is paused."""
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
