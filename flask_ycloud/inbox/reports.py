"""Questions about many events, for people who look at them. Each is quick, however many
events there are: it looks at so many of the newest, and says where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .causes import of_cause
from .queries import STATES
from .records import WRONG_PASSWORD, StoredEvent
from .rejections import rejected
from .rows import stored
from .selected import SelectedEvents
from .selections import HEAD, Selection, between, ends, newest, position_at
from .store import Inbox
from .tables import attempts, events

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .selections import Filters

_LOOKED_AT = 20_000  # events, for one page
_CHARTED = 100_000  # events, for one chart
_MINUTE = 60
_MOST_WITH_ONE_ID = 50

#: Why a delivery is answered 503, so that YCloud sends it again. Other reasons are the
#: sender's fault.
OUR_FAULTS = ("inbox unavailable", "secret unavailable", "dispatch unavailable")
_CONFLICT = "conflict"  # counted beside them
_BESIDE = (_CONFLICT, WRONG_PASSWORD)


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
    """

    rejected: dict[tuple[str, str], int]
    conflicts: dict[str, int]
    passwords: dict[str, int] = field(default_factory=dict)


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
    inbox: Inbox, *, before: int | None = None, limit: int = 50, **narrow: Unpack[Filters]
) -> Page:
    """A page of the events that fit.

    Times are found by the order of arrival, so a clock that stepped back blurs them.

    :param before: :attr:`Page.older` of the page before.
    :param narrow: what :class:`Selection` takes.
    :raises ValueError: as :class:`Selection` does.
    :raises InboxUnavailable: if the inbox cannot be read.
    """
    selection = Selection(**narrow)
    if selection.about is not None:
        some = SelectedEvents(inbox, selection).newest(limit, before=before)
        return Page(some, some[-1].position if len(some) == limit else None)

    def work(tx: Connection) -> Page:
        query = newest(selection, *HEAD).limit(limit)
        if selection.cause is not None:
            query = query.where(of_cause(tx, selection.cause))
        first, last = between(tx, selection.since, selection.until)
        if before is not None:
            last = min(last, before - 1)
        lowest = first if selection.few else max(first, last - _LOOKED_AT + 1)
        rows = tx.execute(query.where(events.c.seq.between(lowest, last)))
        found = [stored(row, cipher=inbox.cipher) for row in rows]
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
    only = Selection(endpoint=endpoint, tenant=tenant, ids=(event_id,))
    some = newest(only, *HEAD).limit(_MOST_WITH_ONE_ID)
    return inbox.database.read(
        lambda tx: [stored(row, cipher=inbox.cipher) for row in tx.execute(some)]
    )


def last_day(inbox: Inbox) -> Troubles:
    """What became no event in the last day.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    counts = rejected(inbox)
    return Troubles(
        {key: count for key, count in counts.items() if key[1] not in _BESIDE},
        *({key[0]: n for key, n in counts.items() if key[1] == each} for each in _BESIDE),
    )


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
        _, last = ends(tx)
        after = max(position_at(tx, first, last), last - _CHARTED)
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


@dataclass(frozen=True)
class Throughput:
    """What happened in the last hour.

    :param arrived: events that were accepted.
    :param done: events that became done.
    :param by_handler: how often each handler ``"succeeded"``, ``"failed"`` or
        ``"discarded"``, of events among the newest.
    """

    arrived: int
    done: int
    by_handler: dict[str, dict[str, int]]


def throughput(inbox: Inbox) -> Throughput:
    """What happened in the last hour; of very many events, among the newest.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    then = inbox.clock() - 3600.0
    arrived = sa.select(sa.func.count(events.c.seq)).where(events.c.received_at >= then)
    done = sa.select(sa.func.count()).select_from(events)
    done = done.where(STATES["done"], events.c.settled_at >= then)
    runs = sa.select(attempts.c.handler, attempts.c.state, sa.func.count())
    runs = runs.group_by(attempts.c.handler, attempts.c.state)

    def work(tx: Connection) -> Throughput:
        _, last = ends(tx)
        after = max(position_at(tx, then, last), last - _CHARTED)
        recent = attempts.c.event_seq > after, attempts.c.ended_at >= then
        by_handler: dict[str, dict[str, int]] = {}
        for handler, state, count in tx.execute(runs.where(*recent)):
            by_handler.setdefault(handler, {})[state] = count
        counted = tx.execute(arrived.where(events.c.seq > after)).scalar() or 0
        return Throughput(counted, tx.execute(done).scalar() or 0, by_handler)

    return inbox.database.read(work)


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
