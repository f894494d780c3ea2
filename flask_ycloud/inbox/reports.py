"""Questions about many events, for people who look at them. Each is quick, however many
events there are: it looks at so many of the newest, and says where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from . import queries
from .records import StoredEvent
from .rejections import rejected
from .rows import stored
from .store import Inbox
from .tables import attempts, events

_LOOKED_AT = 20_000  # events, for one page
_CHARTED = 100_000  # events, for one chart
_MINUTE = 60
_MOST_WITH_ONE_ID = 50
_RECENT_HOURS = 2

#: Why a delivery is answered 503, so that YCloud sends it again. Other reasons are the
#: sender's fault.
OUR_FAULTS = ("inbox unavailable", "secret unavailable", "dispatch unavailable")
_CONFLICT = "conflict"  # counted beside them
#: Counted beside them, too, by the name of the blueprint whose pages were asked for.
WRONG_PASSWORD = "wrong password"  # noqa: S105
#: And events that were taken over from a process that had lost its lease; and those that
#: were given back because their process ended before their handlers.
TAKEN_OVER, CUT_SHORT = "taken over", "cut short"
_BESIDE = (_CONFLICT, WRONG_PASSWORD, TAKEN_OVER, CUT_SHORT)

_newest_unhandled = (
    sa.select(events.c.endpoint, events.c.type)
    .where(queries.UNHANDLED)
    .order_by(events.c.seq.desc())
    .limit(_CHARTED)
    .subquery()
)
#: How many events are unhandled, by endpoint and type.
UNHANDLED_TYPES = (
    sa.select(_newest_unhandled, sa.func.count().label("count"))
    .group_by(_newest_unhandled.c.endpoint, _newest_unhandled.c.type)
    .order_by(sa.text("count DESC"), _newest_unhandled.c.endpoint, _newest_unhandled.c.type)
    .limit(10)
)


@dataclass(frozen=True)
class Page:
    """Some events, the newest first. Their bodies are left out.

    :param older: for the next page, as ``before``; ``None`` at the end. There may be a
        next page though this one is not full: it ends where the looking stopped.
    """

    events: Sequence[StoredEvent]
    older: int | None


@dataclass(frozen=True)
class Troubles:
    """Deliveries that became no event, and were counted.

    :param rejected: how many got no 2xx, by endpoint and reason.
    :param conflicts: how many came under a known id with another body, by endpoint. They
        are verified, and were answered 200.
    :param passwords: how many wrong passwords were given for the pages, by blueprint; and
        how many were not looked at, since too many had been wrong.
    :param taken_over: how many events were taken over after their lease had run out, by
        endpoint.
    :param cut_short: how many events were given back at the end of their process, while
        their handlers ran, by endpoint.
    """

    rejected: dict[tuple[str, str], int]
    conflicts: dict[str, int]
    passwords: dict[str, int] = field(default_factory=dict)
    taken_over: dict[str, int] = field(default_factory=dict)
    cut_short: dict[str, int] = field(default_factory=dict)


@dataclass
class Minute:
    """What happened in a minute.

    :param start: unix seconds.
    :param arrived: events that were accepted.
    :param timed: runs of handlers of which it is known how long they took.
    :param total_seconds: how long these took together.
    :param longest: how long the slowest of them took.
    """

    start: int
    arrived: int = 0
    succeeded: int = 0
    failed: int = 0
    discarded: int = 0
    timed: int = 0
    total_seconds: float = 0.0
    longest: float = 0.0

    @property
    def mean_seconds(self) -> float | None:
        """How long a handler took; ``None`` if none ran."""
        return self.total_seconds / self.timed if self.timed else None

    @property
    def slowest_seconds(self) -> float | None:
        """How long the slowest took; ``None`` if none ran."""
        return self.longest if self.timed else None


def search(
    inbox: Inbox,
    *,
    state: str | None = None,
    type: str | None = None,
    endpoint: str | None = None,
    tenant: str | None = None,
    unhandled: bool | None = None,
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
    newest = queries.newest(state, type, endpoint, unhandled, tenant)
    query = queries.without_bodies(newest).limit(limit)

    def work(tx: Connection) -> Page:
        first, last = _between(tx, since, until)
        if before is not None:
            last = min(last, before - 1)
        # Events that are pending, running, dead or unhandled are found by an index.
        few = unhandled or state in ("pending", "running", "dead")
        lowest = first if few else max(first, last - _LOOKED_AT + 1)
        rows = tx.execute(query.where(events.c.seq.between(lowest, last)))
        found = [stored(row) for row in rows]
        if len(found) == limit:
            return Page(found, found[-1].position)
        return Page(found, lowest if lowest > first else None)

    return inbox.database.read(work)


def with_id(
    inbox: Inbox, event_id: str, *, endpoint: str | None = None, tenant: str | None = None
) -> Sequence[StoredEvent]:
    """The events of that id, the newest first: each endpoint and tenant may have one.

    Their bodies are left out.

    :param endpoint: only the one that arrived there.
    :param tenant: only the one of that tenant.
    :raises InboxUnavailable: if the inbox cannot be read.
    """
    query = queries.newest(None, endpoint=endpoint, tenant=tenant)
    query = queries.without_bodies(query).where(queries.same(events.c.id, event_id))
    some = query.limit(_MOST_WITH_ONE_ID)
    return inbox.database.read(lambda tx: [stored(row) for row in tx.execute(some)])


def last_day(inbox: Inbox) -> Troubles:
    """What became no event in the last day.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    return _troubles(rejected(inbox))


def lately(inbox: Inbox) -> Troubles:
    """What became no event since :func:`recently`: in the last hour, or in up to two.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    return _troubles(rejected(inbox, hours=_RECENT_HOURS))


def recently(inbox: Inbox) -> float:
    """When the hour before this one began, in unix seconds: the counts are by the hour."""
    return float((inbox.clock() // 3600 - _RECENT_HOURS + 1) * 3600)


def _troubles(counts: dict[tuple[str, str], int]) -> Troubles:
    return Troubles(
        {key: count for key, count in counts.items() if key[1] not in _BESIDE},
        *({key[0]: n for key, n in counts.items() if key[1] == each} for each in _BESIDE),
    )


def unhandled_types(inbox: Inbox) -> Sequence[tuple[str, str, int]]:
    """How many events are unhandled, by endpoint and type, the most frequent first.

    Of very many events it counts the newest, and it gives ten lines at most.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    rows = inbox.database.read(lambda tx: tx.execute(UNHANDLED_TYPES).all())
    return [(row.endpoint, row.type, row.count) for row in rows]


def last_hour(inbox: Inbox) -> list[Minute]:
    """The last sixty minutes, of the events that arrived in them.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    now = int(inbox.clock()) // _MINUTE * _MINUTE
    first = now - 59 * _MINUTE
    minutes = {start: Minute(start) for start in range(first, now + 1, _MINUTE)}
    seconds = attempts.c.seconds
    figures = (
        sa.func.count(seconds).label("timed"),
        sa.func.coalesce(sa.func.sum(seconds), 0.0).label("total"),
        sa.func.coalesce(sa.func.max(seconds), 0.0).label("longest"),
    )

    def work(tx: Connection) -> None:
        _, last = _ends(tx)
        after = max(_position_at(tx, first, last), last - _CHARTED)
        within = (first, now + _MINUTE - 0.001)
        when = events.c.received_at
        for row in _by_minute(tx, when, events.c.seq > after, when.between(*within)):
            minutes[row.minute].arrived = row.count
        when, known = attempts.c.ended_at, attempts.c.event_seq > after
        ended = _by_minute(
            tx, when, known, when.between(*within), by=(attempts.c.state,), also=figures
        )
        for row in ended:
            minute = minutes[row.minute]
            setattr(minute, row.state, row.count)
            minute.timed += row.timed
            minute.total_seconds += row.total
            minute.longest = max(minute.longest, row.longest)

    inbox.database.read(work)
    return list(minutes.values())


def _between(
    tx: Connection, since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """The positions of the first and last events that arrived then."""
    first, last = _ends(tx)
    if since is not None:
        first = max(first, _position_at(tx, since.timestamp(), last) + 1)
    if until is not None:
        last = _position_at(tx, until.timestamp(), last)
    return first, last


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
    tx: Connection,
    when: Any,
    *which: Any,
    by: tuple[Any, ...] = (),
    also: tuple[Any, ...] = (),
) -> Sequence[Any]:
    whole = sa.func.floor if tx.dialect.name == "postgresql" else _truncated
    minute = (sa.cast(whole(when / _MINUTE), sa.BigInteger) * _MINUTE).label("minute")
    query = sa.select(minute, sa.func.count().label("count"), *by, *also)
    return tx.execute(query.where(*which).group_by(sa.text("minute"), *by)).all()


def _truncated(value: Any) -> Any:
    return sa.cast(value, sa.BigInteger)  # SQLite cuts the fraction off
