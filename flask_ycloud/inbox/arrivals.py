"""How long an endpoint has received no delivery, and whether that is unusual."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .store import Inbox
from .tables import PLACE, events

_HOUR = 3_600.0
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY

#: A silence is unusual if it is longer than the widest gap of a week by this factor.
_FACTOR = 3.0

_at = events.c.received_at
_here = sa.bindparam("endpoint_") == PLACE
#: When the last event before a time arrived at an endpoint, and the first one from that
#: time on. Each query is one index lookup.
LAST_BEFORE = sa.select(sa.func.max(_at)).where(_here, _at < sa.bindparam("then_"))
FIRST_FROM = sa.select(sa.func.min(_at)).where(_here, _at >= sa.bindparam("then_"))


@dataclass(frozen=True)
class Silence:
    """The time since the newest event arrived at an endpoint.

    :param seconds: how long ago that was.
    :param usual: the widest gap between two events in the week before that event, in
        seconds; ``None`` if the events do not reach back for a day.
    """

    seconds: float
    usual: float | None = None

    @property
    def is_unusual(self) -> bool:
        """Whether something may be wrong.

        It is so after three times the usual gap, but at least an hour. It is also so after
        a day, unless the usual gap is longer than a day.
        """
        if self.usual is None:
            return self.seconds > _DAY
        soon = max(_HOUR, _FACTOR * self.usual)
        return self.seconds > min(soon, max(_DAY, self.usual))


def newest_arrivals(inbox: Inbox, endpoints: Iterable[str]) -> dict[str, float]:
    """How many seconds ago the newest event of each endpoint arrived.

    Endpoints without events are left out.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    names = list(endpoints)
    return inbox.database.read(lambda tx: arrivals_at(tx, names, inbox.clock()))


def arrivals_at(tx: Connection, endpoints: Iterable[str], now: float) -> dict[str, float]:
    """Like :func:`newest_arrivals`, on an open connection."""
    found = {name: _last_before(tx, name, float("1e12")) for name in endpoints}
    return {name: max(0.0, now - at) for name, at in found.items() if at is not None}


def silence(inbox: Inbox, endpoint: str) -> Silence | None:
    """How long nothing has arrived at an endpoint; ``None`` if it has no events.

    :raises InboxUnavailable: if the inbox cannot be read.
    """

    def work(tx: Connection) -> Silence | None:
        newest = _last_before(tx, endpoint, float("1e12"))
        if newest is None:
            return None
        return Silence(max(0.0, inbox.clock() - newest), _usual(tx, endpoint, newest))

    return inbox.database.read(work)


def _usual(tx: Connection, endpoint: str, newest: float) -> float | None:
    """The widest gap before an event. Only gaps across the start of an hour count."""
    widest, later = 0.0, newest
    while later > newest - _WEEK:
        hour = later // _HOUR * _HOUR
        earlier = _last_before(tx, endpoint, hour)
        if earlier is None:
            break
        widest = max(widest, _first_from(tx, endpoint, hour) - earlier)
        later = earlier
    return widest if newest - later > _DAY else None


def _first_from(tx: Connection, endpoint: str, then: float) -> Any:
    return tx.execute(FIRST_FROM, {"endpoint_": endpoint, "then_": then}).scalar()


def _last_before(tx: Connection, endpoint: str, then: float) -> Any:
    return tx.execute(LAST_BEFORE, {"endpoint_": endpoint, "then_": then}).scalar()
