"""Troubles to check: rejections, conflicts, expired leases and unhandled types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from . import queries
from .records import CUT_SHORT, TAKEN_OVER, WRONG_PASSWORD
from .rejections import rejected
from .store import Inbox
from .tables import events

_CONFLICT = "conflict"  # counted beside the rejections
_BESIDE = (_CONFLICT, WRONG_PASSWORD, TAKEN_OVER, CUT_SHORT)

_RECENT_HOURS = 2
_MOST_COUNTED = 100_000  # events
_MOST_TYPES = 10

_newest_unhandled = (
    sa.select(events.c.endpoint, events.c.type)
    .where(queries.UNHANDLED)
    .order_by(events.c.seq.desc())
    .limit(_MOST_COUNTED)
    .subquery()
)
#: How many events are unhandled, by endpoint and type.
UNHANDLED_TYPES = (
    sa.select(_newest_unhandled, sa.func.count().label("number"))
    .group_by(_newest_unhandled.c.endpoint, _newest_unhandled.c.type)
    .order_by(
        sa.text("number DESC"), _newest_unhandled.c.endpoint, _newest_unhandled.c.type
    )
    .limit(_MOST_TYPES)
)


@dataclass(frozen=True)
class Troubles:
    """Counts of rejected deliveries, and of other troubles.

    :param rejected: how many deliveries got no 2xx, by endpoint and reason.
    :param conflicts: how many deliveries had a known event id but another body, by
        endpoint. They were verified, and answered 200.
    :param passwords: how many wrong passwords were given for the pages, by blueprint. It
        includes passwords that were not checked, since too many had been wrong.
    :param taken_over: how many events were taken over after their lease had expired, by
        endpoint.
    :param cut_short: how many events were released since their process ended while their
        handlers ran, by endpoint.
    """

    rejected: dict[tuple[str, str], int]
    conflicts: dict[str, int]
    passwords: dict[str, int] = field(default_factory=dict)
    taken_over: dict[str, int] = field(default_factory=dict)
    cut_short: dict[str, int] = field(default_factory=dict)


def last_day(inbox: Inbox) -> Troubles:
    """The troubles of the last day.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    return _troubles(rejected(inbox))


def lately(inbox: Inbox) -> Troubles:
    """The troubles since :func:`recently`, in the last hour or up to two hours.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    return _troubles(rejected(inbox, hours=_RECENT_HOURS))


def recently(inbox: Inbox) -> float:
    """When the previous full hour began, in unix seconds: there is one count per hour."""
    return (inbox.clock() // 3600 - _RECENT_HOURS + 1) * 3600


def _troubles(counts: dict[tuple[str, str], int]) -> Troubles:
    return Troubles(
        {key: count for key, count in counts.items() if key[1] not in _BESIDE},
        *({key[0]: n for key, n in counts.items() if key[1] == each} for each in _BESIDE),
    )


def unhandled_types(inbox: Inbox) -> Sequence[tuple[str, str, int]]:
    """How many events are unhandled, by endpoint and type, the most frequent first.

    If there are very many, only the newest are counted. It returns ten rows at most.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    rows = inbox.database.read(lambda tx: tx.execute(UNHANDLED_TYPES).all())
    return [(row.endpoint, row.type, row.number) for row in rows]
