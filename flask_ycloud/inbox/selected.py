"""Selected events: counted, looked through, and acted on, however many they are."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .causes import DeadCause, of_cause
from .changes import Action, Changed, discarding, replaying
from .records import StoredEvent
from .rows import stored, with_handlers
from .selections import HEAD, Selection, arrived, between, conditions
from .tables import events

if TYPE_CHECKING:
    from .store import Inbox

#: How many events are acted on in one commit.
AT_ONCE = 500

T = TypeVar("T")

_CHANGED = "changed meanwhile"


@dataclass(frozen=True)
class Report:
    """What was done to selected events.

    :param done: to how many.
    :param skipped: how many were left as they were, by the reason, such as
        ``"being handled now"``.
    :param stopped_at: the position of the last one that was met, if the time was over
        before the end; ``None`` if all were met.
    """

    done: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    stopped_at: int | None = None

    def __str__(self) -> str:
        left = (f"{count} skipped: {reason}" for reason, count in self.skipped.items())
        return "; ".join((f"{self.done} done", *left))


class SelectedEvents:
    """The events of a selection, as :meth:`Inbox.select` gives them. It is lazy: each use
    asks the inbox anew.

    An action works in batches of some hundred events, the oldest first, with a commit for
    each. Meanwhile deliveries arrive and workers handle. It does not touch what arrived
    after it began.

    Iterating gives :class:`StoredEvent` objects in order of arrival, without their bodies:
    ``body`` is empty.
    """

    def __init__(self, inbox: Inbox, selection: Selection) -> None:
        self._inbox = inbox
        self.selection = selection

    def __repr__(self) -> str:
        return f"<SelectedEvents {self.selection}>"

    def count(self) -> int:
        """How many there are.

        :raises InboxUnavailable: if the inbox cannot be read, as all others here.
        """
        return sum(self._count(part) for part in self.selection.parts())

    def __iter__(self) -> Iterator[StoredEvent]:
        return self._stored(HEAD)

    def with_bodies(self) -> Iterator[StoredEvent]:
        """The same with their bodies, of which some hundred are in memory at a time."""
        return self._stored(tuple(events.c))

    def newest(
        self, limit: int, *, before: int | None = None, bodies: bool = False
    ) -> Sequence[StoredEvent]:
        """The newest of them, with the outcomes of their handlers; the newest first.

        :param before: the ``position`` of the last one seen, for the next page.
        """
        found: list[StoredEvent] = []
        for part in self.selection.parts():
            found += self._newest(part, limit, before, tuple(events.c) if bodies else HEAD)
        return sorted(found, key=lambda each: -each.position)[:limit]

    def dead_by_cause(self) -> Sequence[DeadCause]:
        """Their causes, where they are dead letters."""
        return self._inbox.dead_by_cause(self.selection)

    def replay(
        self,
        *,
        succeeded_too: bool = False,
        progress: Callable[[int], None] = lambda count: None,
        after: int = 0,
        seconds: float = math.inf,
    ) -> Report:
        """Make them due at once, as :meth:`Inbox.replay` does for one.

        :param succeeded_too: whether handlers that have succeeded run again.
        :param progress: called after each batch with the number of its events.
        :param after: where an earlier call stopped: its :attr:`Report.stopped_at`.
        :param seconds: no further batch begins after so many.
        :raises InboxUnavailable: if the inbox cannot be written. Earlier batches are done.
        """
        action = replaying(succeeded_too=succeeded_too)
        return self._act(action, progress, after, seconds)

    def discard(
        self,
        reason: str,
        *,
        progress: Callable[[int], None] = lambda count: None,
        after: int = 0,
        seconds: float = math.inf,
    ) -> Report:
        """End them for good, as :meth:`Inbox.discard` does for one.

        :param reason: kept with each, so leave personal data out of it.
        :param progress: called after each batch with the number of its events.
        :param after: where an earlier call stopped: its :attr:`Report.stopped_at`.
        :param seconds: no further batch begins after so many.
        :raises ValueError: if the reason is empty.
        :raises InboxUnavailable: if the inbox cannot be written. Earlier batches are done.
        """
        return self._act(discarding(reason), progress, after, seconds)

    def _act(
        self, action: Action, progress: Callable[[int], None], after: int, seconds: float
    ) -> Report:
        end = time.monotonic() + seconds
        done, skipped = 0, Counter[str]()
        for which, seqs in self._batches(after):
            changed = self._inbox.change(which & events.c.seq.in_(seqs), action)
            done += len(changed.done)
            skipped.update(_all_skipped(changed, len(seqs)))
            progress(len(seqs))
            if time.monotonic() >= end:
                return Report(done, dict(skipped), seqs[-1])
        return Report(done, dict(skipped))

    def _batches(
        self, behind: int = 0
    ) -> Iterator[tuple[sa.ColumnElement[bool], list[int]]]:
        """The positions, some at a time, each with what selects those that still fit."""
        for part in self.selection.parts():
            which, first, last = self._read(lambda tx, part=part: _bounds(tx, part))  # type: ignore[misc]
            after = max(first - 1, behind)
            while seqs := self._read_seqs(which, after, last):
                yield which, seqs
                after = seqs[-1]

    def _read_seqs(self, which: Any, after: int, last: int) -> list[int]:
        query = sa.select(events.c.seq).where(which, _within(after + 1, last))
        query = query.order_by(events.c.seq).limit(AT_ONCE)
        return self._read(lambda tx: list(tx.execute(query).scalars()))

    def _stored(self, columns: tuple[Any, ...]) -> Iterator[StoredEvent]:
        for _, seqs in self._batches():
            query = sa.select(*columns).where(events.c.seq.in_(seqs)).order_by(events.c.seq)
            yield from self._read(
                lambda tx, q=query: [stored(row) for row in tx.execute(q)]  # type: ignore[misc]
            )

    def _count(self, part: Selection) -> int:
        def work(tx: Connection) -> int:
            which, first, last = _bounds(tx, part)
            query = sa.select(sa.func.count(events.c.seq)).where(which)
            if part.since is not None or part.until is not None:
                query = query.where(_within(first, last))
            return tx.execute(query).scalar() or 0

        return self._read(work)

    def _newest(
        self, part: Selection, limit: int, before: int | None, columns: tuple[Any, ...]
    ) -> list[StoredEvent]:
        def work(tx: Connection) -> list[StoredEvent]:
            which, first, last = _bounds(tx, part)
            last = last if before is None else min(last, before - 1)
            query = sa.select(*columns).where(which, _within(first, last))
            rows = tx.execute(query.order_by(events.c.seq.desc()).limit(limit)).all()
            return with_handlers(tx, rows)

        return [self._inbox.seen(each) for each in self._read(work)]

    def _read(self, work: Callable[[Connection], T]) -> T:
        return self._inbox.database.read(work)


def _bounds(
    tx: Connection, selection: Selection
) -> tuple[sa.ColumnElement[bool], int, int]:
    """What selects them, and the positions of the first and the last there can be."""
    which = conditions(selection)
    if selection.cause is not None:
        which.append(of_cause(tx, selection.cause))
    which += arrived(selection)
    return sa.and_(sa.true(), *which), *between(tx, selection.since, selection.until)


def _within(first: int, last: int) -> sa.ColumnElement[bool]:
    return events.c.seq.between(first, last)


def _all_skipped(changed: Changed, looked_at: int) -> Counter[str]:
    """With those that no longer fit, or that another process changes just now."""
    met = len(changed.done) + sum(changed.skipped.values())
    return changed.skipped + Counter({_CHANGED: looked_at - met})
