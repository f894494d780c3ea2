"""Figures for charts: recent arrivals and runs of handlers, by interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from . import queries
from .selections import ends, fits, position_at
from .store import Inbox
from .tables import attempts, events

_CHARTED = 100_000  # events: a chart reads at most so many


class Span(NamedTuple):
    """A span of time that a chart shows.

    :param seconds: its length.
    :param step: the length of one interval in seconds.
    """

    seconds: int
    step: int


#: The spans that charts can show.
SPANS = {
    "hour": Span(3_600, 60),
    "day": Span(86_400, 1_800),
    "week": Span(604_800, 10_800),
}


@dataclass
class Runs:
    """Runs of handlers: their number by result, and their durations.

    :param timed: the number of runs whose duration is known.
    :param total_seconds: the total duration of these runs.
    :param longest: the duration of the slowest of these runs, in seconds.
    """

    succeeded: int = 0
    failed: int = 0
    discarded: int = 0
    timed: int = 0
    total_seconds: float = 0.0
    longest: float = 0.0

    @property
    def mean_seconds(self) -> float | None:
        """How long a run took on average; ``None`` if none was timed."""
        return self.total_seconds / self.timed if self.timed else None

    @property
    def slowest_seconds(self) -> float | None:
        """How long the slowest run took; ``None`` if none was timed."""
        return self.longest if self.timed else None

    def add(self, row: Any) -> None:
        """Add a row of :func:`_figures`."""
        setattr(self, row.state, getattr(self, row.state) + row.count)
        self.timed += row.timed
        self.total_seconds += row.total
        self.longest = max(self.longest, row.longest)


@dataclass
class Interval(Runs):
    """The runs and arrivals in an interval.

    :param start: when it begins, in unix seconds.
    :param arrived: the number of events that were accepted.
    """

    start: int = 0
    arrived: int = 0


@dataclass
class Activity:
    """The runs and arrivals in a span.

    :param intervals: the intervals in their order.
    :param by_type: how many events of each type arrived, the most frequent first.
    :param by_handler: the runs of each handler.
    :param whole: ``False`` if there were too many events: only the newest are counted.
    """

    intervals: Sequence[Interval]
    by_type: dict[str | None, int] = field(default_factory=dict)
    by_handler: dict[str, Runs] = field(default_factory=dict)
    whole: bool = True


def activity(
    inbox: Inbox, span: Span, *, type: str | None = None, handler: str | None = None
) -> Activity:
    """The activity in a span until now, of the events that arrived in it.

    :param type: only events of this type or pattern.
    :param handler: only runs of this handler. It does not restrict the arrivals.
    :raises InboxUnavailable: if the inbox cannot be read.
    """
    now = int(inbox.clock()) // span.step * span.step
    first, end = now + span.step - span.seconds, now + span.step
    intervals = {start: Interval(start=start) for start in range(first, end, span.step)}
    found = Activity(list(intervals.values()))

    def work(tx: Connection) -> None:
        _, last = ends(tx)
        begin = position_at(tx, first, last)
        after = max(begin, last - _CHARTED)
        found.whole = after == begin
        arrived = [_within(events.c.received_at, first, end), events.c.seq > after]
        ran = [_within(attempts.c.ended_at, first, end), attempts.c.event_seq > after]
        if type is not None:
            arrived.append(fits(type))
            of_type = sa.select(events.c.seq).where(*arrived)
            ran.append(attempts.c.event_seq.in_(of_type))
        if handler is not None:
            ran.append(queries.same(attempts.c.handler, handler))
        for row in _arrivals(tx, span.step, arrived):
            intervals[row.start].arrived += row.count
            found.by_type[row.type] = found.by_type.get(row.type, 0) + row.count
        for row in _figures(tx, span.step, ran):
            intervals[row.start].add(row)
            found.by_handler.setdefault(row.handler, Runs()).add(row)

    inbox.database.read(work)
    most = sorted(found.by_type.items(), key=lambda each: (-each[1], each[0] or ""))
    found.by_type = dict(most)
    return found


def _within(when: sa.ColumnElement[Any], first: int, end: int) -> sa.ColumnElement[bool]:
    return (when >= first) & (when < end)


def _arrivals(tx: Connection, step: int, which: list[Any]) -> Sequence[Any]:
    start = _start(tx, events.c.received_at, step)
    query = sa.select(start, events.c.type, sa.func.count().label("count"))
    query = query.where(*which).group_by(sa.text("start"), events.c.type)
    return tx.execute(query).all()


def _figures(tx: Connection, step: int, which: list[Any]) -> Sequence[Any]:
    seconds = attempts.c.seconds
    by = (attempts.c.handler, attempts.c.state)
    query = sa.select(
        _start(tx, attempts.c.ended_at, step),
        *by,
        sa.func.count().label("count"),
        sa.func.count(seconds).label("timed"),
        sa.func.coalesce(sa.func.sum(seconds), 0.0).label("total"),
        sa.func.coalesce(sa.func.max(seconds), 0.0).label("longest"),
    )
    return tx.execute(query.where(*which).group_by(sa.text("start"), *by)).all()


def _start(tx: Connection, when: sa.ColumnElement[Any], step: int) -> Any:
    """The start of the interval that a time is in."""
    number = sa.cast(when, sa.BigInteger)  # SQLite truncates
    if tx.dialect.name == "postgresql":
        number = sa.cast(sa.func.floor(when), sa.BigInteger)
    return (number - number % step).label("start")
