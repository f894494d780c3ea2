"""Selected events: count them, iterate over them and act on them, in any number."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .causes import DeadCause, of_cause
from .changes import Action, Changed, discarding, replaying
from .naming import are_named, hash_searched, in_url, is_named
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
_NOT_DELETED = "being handled now, or changed meanwhile"

# One statement reads so many positions at most, if no index helps.
_LOOKED_AT = 50_000


@dataclass(frozen=True)
class Report:
    """The result of an action on selected events.

    :param done: how many were changed.
    :param skipped: how many were not changed, by the reason, such as
        ``"being handled now"``.
    :param stopped_at: the position of the last event that was read, if the time was over
        before the end; ``None`` if all were read.
    """

    done: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    stopped_at: int | None = None

    def __str__(self) -> str:
        left = (f"{count} skipped: {reason}" for reason, count in self.skipped.items())
        return "; ".join((f"{self.done} done", *left))


class SelectedEvents:
    """The events of a selection, as :meth:`Inbox.select` returns them.

    It is lazy: each use reads the inbox again.

    An action works in batches of some hundred events, the oldest first, with a commit for
    each batch. Meanwhile deliveries arrive and workers handle events. Events that arrive
    after the action began are not changed.

    Iteration yields :class:`StoredEvent` objects in order of arrival, without their bodies:
    ``body`` is empty.
    """

    def __init__(self, inbox: Inbox, selection: Selection) -> None:
        self._inbox = inbox
        self.selection = selection

    def __repr__(self) -> str:
        return f"<SelectedEvents {self.selection}>"

    def count(self) -> int:
        """How many events there are.

        :raises InboxUnavailable: if the inbox cannot be read. All other methods raise it,
            too.
        """
        return sum(self._count(part) for part in self.selection.parts())

    def __iter__(self) -> Iterator[StoredEvent]:
        return self._stored(HEAD)

    def with_bodies(self) -> Iterator[StoredEvent]:
        """Iterate with the bodies. Some hundred of them are in memory at a time."""
        return self._stored(tuple(events.c))

    def newest(
        self, limit: int, *, before: int | None = None, bodies: bool = False
    ) -> Sequence[StoredEvent]:
        """The newest events, with the outcomes of their handlers; the newest first.

        :param before: the ``position`` of the last event of the previous page.
        """
        found: list[StoredEvent] = []
        for part in self.selection.parts():
            found += self._newest(part, limit, before, tuple(events.c) if bodies else HEAD)
        return sorted(found, key=lambda each: -each.position)[:limit]

    def about_in_url(self) -> str:
        """A text for a URL that stands for :attr:`Selection.about` but does not reveal it.

        :attr:`Selection.about` takes this text, too.
        """
        about = self.selection.about or ""
        return in_url(self._read(lambda tx: hash_searched(tx, about)))

    def dead_by_cause(self) -> Sequence[DeadCause]:
        """The causes of those that are dead letters."""
        return self._inbox.dead_by_cause(self.selection)

    def replay(
        self,
        *,
        succeeded_too: bool = False,
        progress: Callable[[int], None] = lambda count: None,
        after: int = 0,
        seconds: float = math.inf,
    ) -> Report:
        """Queue the events for replay, as :meth:`Inbox.replay` does for one.

        :param succeeded_too: whether handlers that have succeeded run again.
        :param progress: called after each batch with the number of its events.
        :param after: where an earlier call stopped: its report's ``stopped_at``.
        :param seconds: no further batch begins after so many seconds.
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
        """End the events for good, as :meth:`Inbox.discard` does for one.

        :param reason: stored with each event. It must not contain personal data.
        :param progress: called after each batch with the number of its events.
        :param after: where an earlier call stopped: its report's ``stopped_at``.
        :param seconds: no further batch begins after so many seconds.
        :raises ValueError: if the reason is empty.
        :raises InboxUnavailable: if the inbox cannot be written. Earlier batches are done.
        """
        action = discarding(reason, self._inbox.cipher.seal_text)
        return self._act(action, progress, after, seconds)

    def delete(
        self,
        *,
        progress: Callable[[int], None] = lambda count: None,
        after: int = 0,
        seconds: float = math.inf,
    ) -> Report:
        """Delete the events, as :meth:`Inbox.delete` does for one.

        :param progress: called after each batch with the number of its events.
        :param after: where an earlier call stopped: its report's ``stopped_at``.
        :param seconds: no further batch begins after so many seconds.
        :raises InboxUnavailable: if the inbox cannot be written. Earlier batches are done.
        """
        end = time.monotonic() + seconds
        done = skipped = 0
        stopped_at = None
        for which, seqs in self._batches(after):
            gone = self._inbox.delete_some(which & events.c.seq.in_(seqs))
            done += len(gone)
            skipped += len(seqs) - len(gone)
            progress(len(seqs))
            if time.monotonic() >= end:
                stopped_at = seqs[-1]
                break
        if done:
            self._inbox.truncate_log()
        return Report(done, {_NOT_DELETED: skipped} if skipped else {}, stopped_at)

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
        """Batches of positions, each with the condition that the events must still meet."""
        for part in self.selection.parts():
            bounds = self._bounds(part)
            for low, high in bounds.windows(behind):
                while seqs := self._read_seqs(bounds.within(low, high)):
                    yield bounds.which, seqs
                    low = seqs[-1] + 1

    def _bounds(self, part: Selection) -> _Bounds:
        return self._read(lambda tx: _bounds(tx, part))

    def _read_seqs(self, which: Any) -> list[int]:
        query = sa.select(events.c.seq).where(which)
        query = query.order_by(events.c.seq).limit(AT_ONCE)
        return self._read(lambda tx: list(tx.execute(query).scalars()))

    def _stored(self, columns: tuple[Any, ...]) -> Iterator[StoredEvent]:
        for _, seqs in self._batches():
            query = sa.select(*columns).where(events.c.seq.in_(seqs)).order_by(events.c.seq)
            yield from self._read(
                lambda tx, q=query: [
                    stored(row, cipher=self._inbox.cipher) for row in tx.execute(q)
                ]  # type: ignore[misc]
            )

    def _count(self, part: Selection) -> int:
        bounds = self._bounds(part)
        count = sa.select(sa.func.count(events.c.seq))
        queries = [count.where(bounds.within(*each)) for each in bounds.windows()]
        if part.few and part.since is None and part.until is None:
            queries = [count.where(bounds.which)]  # by the index only
        return sum(
            self._read(lambda tx, q=each: tx.execute(q).scalar() or 0)  # type: ignore[misc]
            for each in queries
        )

    def _newest(
        self, part: Selection, limit: int, before: int | None, columns: tuple[Any, ...]
    ) -> list[StoredEvent]:
        bounds = self._bounds(part)
        if before is not None:
            bounds = bounds._replace(last=min(bounds.last, before - 1))
        query = sa.select(*columns).order_by(events.c.seq.desc())
        found: list[StoredEvent] = []
        for low, high in reversed(list(bounds.windows())):
            some = query.where(bounds.within(low, high)).limit(limit - len(found))
            found += self._read(lambda tx, q=some: self._with_handlers(tx, q))  # type: ignore[misc]
            if len(found) == limit:
                break
        return [self._inbox.seen(each) for each in found]

    def _with_handlers(self, tx: Connection, query: sa.Select[Any]) -> list[StoredEvent]:
        return with_handlers(tx, tx.execute(query).all(), self._inbox.cipher)

    def _read(self, work: Callable[[Connection], T]) -> T:
        return self._inbox.database.read(work)


class _Bounds(NamedTuple):
    """The condition for events, and the positions of the first and the last possible.

    :param few: whether an index finds the events, however many there are.
    :param hash: the hash of the name to find them by, if no other index finds them.
    """

    which: sa.ColumnElement[bool]
    first: int
    last: int
    few: bool
    hash: int | None = None

    def windows(self, behind: int = 0) -> Iterator[tuple[int, int]]:
        """Ranges of positions, so that no statement reads too many events.

        :param behind: only higher positions than this.
        """
        first = max(self.first, behind + 1)
        step = self.last - first + 1 if self.few else _LOOKED_AT
        for low in range(first, self.last + 1, max(step, 1)):
            yield low, min(low + step - 1, self.last)

    def within(self, low: int, high: int) -> sa.ColumnElement[bool]:
        """The condition for the events in a range of positions."""
        if self.hash is not None:
            return self.which & are_named(self.hash, low, high)
        return self.which & events.c.seq.between(low, high)


def _bounds(tx: Connection, selection: Selection) -> _Bounds:
    which = conditions(selection)
    if selection.cause is not None:
        which.append(of_cause(tx, selection.cause))
    which += arrived(selection)
    first, last = between(tx, selection.since, selection.until)
    bounds = _Bounds(sa.and_(sa.true(), *which), first, last, selection.few)
    if selection.about is None:
        return bounds
    hash = hash_searched(tx, selection.about)
    if selection.few:
        return bounds._replace(which=bounds.which & is_named(hash))
    return bounds._replace(hash=hash)


def _all_skipped(changed: Changed, looked_at: int) -> Counter[str]:
    """The skipped events, including those that no longer match or that were locked."""
    met = len(changed.done) + sum(changed.skipped.values())
    return changed.skipped + Counter({_CHANGED: looked_at - met})
