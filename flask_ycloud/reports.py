"""Questions about many events, for people who look at them. Each is quick, however many
events there are: it looks at so many of the newest, and says where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from . import queries
from .inbox import Inbox, stored
from .records import StoredEvent
from .tables import attempts, events, refusals

_LOOKED_AT = 20_000  # events, for one page
_CHARTED = 100_000  # events, for one chart
_MINUTE = 60


@dataclass(frozen=True)
class Page:
    """Some events, the newest first.

    :param older: for the next page, as ``before``; ``None`` at the end. There may be a
        next page though this one is not full: it ends where the looking stopped.
    """

    events: Sequence[StoredEvent]
    older: int | None


@dataclass
class Minute:
    """What happened in a minute.

    :param start: unix seconds.
    :param arrived: events that were accepted.
    :param mean_seconds: how long a handler took; ``None`` if none ran.
    :param slowest_seconds: how long the slowest took.
    """

    start: int
    arrived: int = 0
    succeeded: int = 0
    failed: int = 0
    discarded: int = 0
    mean_seconds: float | None = None
    slowest_seconds: float | None = None


def search(
    inbox: Inbox,
    *,
    state: str | None = None,
    type: str | None = None,
    endpoint: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Page:
    """A page of the events that fit.

    Times are found by the order of arrival, so a clock that stepped back blurs them.

    :param since: aware; when an event arrived at the earliest.
    :param until: aware; and at the latest.
    :param before: :attr:`Page.older` of the page before.
    :raises ValueError: if there is no such state.
    :raises InboxUnavailable: if the inbox cannot be read.
    """
    query = queries.newest(state).limit(limit)
    for column, wanted in (("type", type), ("endpoint", endpoint)):
        if wanted is not None:
            query = query.where(events.c[column] == wanted)

    def work(tx: Connection) -> Page:
        first, last = _ends(tx)
        if since is not None:
            first = max(first, _position_at(tx, since.timestamp(), last) + 1)
        if until is not None:
            last = _position_at(tx, until.timestamp(), last)
        if before is not None:
            last = min(last, before - 1)
        # Events that are pending, running or dead are found by an index.
        few = state in ("pending", "running", "dead")
        lowest = first if few else max(first, last - _LOOKED_AT + 1)
        rows = tx.execute(query.where(events.c.seq.between(lowest, last)))
        found = [stored(row) for row in rows]
        if len(found) == limit:
            return Page(found, found[-1].position)
        return Page(found, lowest if lowest > first else None)

    return inbox.database.read(work)


def last_hour(inbox: Inbox) -> list[Minute]:
    """The last sixty minutes, of the events that arrived in them.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    now = int(inbox.clock()) // _MINUTE * _MINUTE
    minutes = {
        start: Minute(start) for start in range(now - 59 * _MINUTE, now + 1, _MINUTE)
    }

    def work(tx: Connection) -> None:
        _, last = _ends(tx)
        after = max(_position_at(tx, min(minutes), last), last - _CHARTED)
        arrived = _by_minute(tx, events.c.received_at, events.c.seq > after)
        for row in arrived:
            if row.minute in minutes:
                minutes[row.minute].arrived = row.count
        mean, slowest = (f(attempts.c.seconds) for f in (sa.func.avg, sa.func.max))
        ended = _by_minute(
            tx, attempts.c.ended_at, attempts.c.event_seq > after,
            attempts.c.state, mean.label("mean"), slowest.label("slowest"),
        )  # fmt: skip
        for row in ended:
            if row.minute in minutes:
                _add(minutes[row.minute], row)

    inbox.database.read(work)
    return list(minutes.values())


def refused(inbox: Inbox, *, hours: int = 24) -> dict[tuple[str, str], int]:
    """How many deliveries were refused of late, by endpoint and reason.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    since = int(inbox.clock() // 3600) - hours
    key = (refusals.c.endpoint, refusals.c.reason)
    query = (
        sa.select(*key, sa.func.sum(refusals.c.count))
        .where(refusals.c.hour > since)
        .group_by(*key)
        .order_by(*key)
    )
    rows = inbox.database.read(lambda tx: tx.execute(query).all())
    return {(endpoint, reason): int(count) for endpoint, reason, count in rows}


def _ends(tx: Connection) -> tuple[int, int]:
    """The positions of the oldest event and the newest."""
    query = sa.select(sa.func.min(events.c.seq)), sa.select(sa.func.max(events.c.seq))
    first, last = (tx.execute(each).scalar() for each in query)
    return first or 1, last or 0


def _position_at(tx: Connection, when: float, last: int) -> int:
    """The last position of those that had arrived by then, found by halving."""
    low, high = 0, last
    nearest = (
        sa.select(events.c.received_at)
        .where(events.c.seq <= sa.bindparam("middle"))
        .order_by(events.c.seq.desc())
        .limit(1)
    )
    while low < high:
        middle = (low + high + 1) // 2
        received_at = tx.execute(nearest, {"middle": middle}).scalar()
        if received_at is None or received_at <= when:
            low = middle
        else:
            high = middle - 1
    return low


def _by_minute(
    tx: Connection, column: Any, which: sa.ColumnElement[bool], *others: Any
) -> Sequence[Any]:
    whole = sa.func.floor if tx.dialect.name == "postgresql" else _truncated
    minute = sa.cast(whole(column / _MINUTE), sa.BigInteger) * _MINUTE
    groups = [each for each in others if isinstance(each, sa.Column)]
    query = sa.select(minute.label("minute"), sa.func.count().label("count"), *others)
    return tx.execute(query.where(which).group_by(sa.text("minute"), *groups)).all()


def _truncated(value: Any) -> Any:
    return sa.cast(value, sa.BigInteger)  # SQLite cuts the fraction off


def _add(minute: Minute, row: Any) -> None:
    """Add the runs of one outcome."""
    before = minute.succeeded + minute.failed + minute.discarded
    setattr(minute, row.state, row.count)
    if row.mean is not None:
        mean = minute.mean_seconds or 0.0
        minute.mean_seconds = (mean * before + row.mean * row.count) / (before + row.count)
        minute.slowest_seconds = max(minute.slowest_seconds or 0.0, row.slowest)
