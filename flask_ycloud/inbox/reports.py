"""Queries over many events, for the pages and the command line.

Each is fast, however many events there are: it reads a limited number of the newest events,
and reports where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .causes import of_cause
from .queries import STATES
from .records import StoredEvent
from .rows import stored, with_handlers
from .selected import SelectedEvents
from .selections import HEAD, Selection, between, ends, newest, position_at
from .store import Inbox
from .tables import attempts, events

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .selections import Filters

_LOOKED_AT = 20_000  # events, for one page
_MOST_WITH_ONE_ID = 50
_CHARTED = 100_000  # events, for the last hour
_SHORT_BODY = 16 * 1024  # bytes


@dataclass(frozen=True)
class Page:
    """Some events, the newest first. Their bodies are left out.

    :param older: the ``before`` of the next page; ``None`` at the end. There may be a next
        page even if this page is not full, since a search reads a limited number of events.
    """

    events: Sequence[StoredEvent]
    older: int | None


def search(
    inbox: Inbox, *, before: int | None = None, limit: int = 50, **narrow: Unpack[Filters]
) -> Page:
    """A page of the events that match, with the outcomes of their handlers.

    Long bodies are left out: they are empty. Times are found by the order of arrival. They
    are inexact if the clock was set back.

    :param before: :attr:`Page.older` of the previous page.
    :param narrow: arguments of :class:`Selection`.
    :raises ValueError: as :class:`Selection` does.
    :raises InboxUnavailable: if the inbox cannot be read.
    """
    selection = Selection(**narrow)
    if selection.about is not None:
        some = SelectedEvents(inbox, selection).newest(limit, before=before)
        return Page(some, some[-1].position if len(some) == limit else None)

    def work(tx: Connection) -> Page:
        query = newest(selection, *HEAD, _short_body()).limit(limit)
        if selection.cause is not None:
            query = query.where(of_cause(tx, selection.cause))
        first, last = between(tx, selection.since, selection.until)
        if before is not None:
            last = min(last, before - 1)
        lowest = first if selection.few else max(first, last - _LOOKED_AT + 1)
        rows = tx.execute(query.where(events.c.seq.between(lowest, last))).all()
        found = with_handlers(tx, rows, inbox.cipher)
        if len(found) == limit:
            return Page(found, found[-1].position)
        return Page(found, lowest if lowest > first else None)

    page = inbox.database.read(work)
    return replace(page, events=[inbox.seen(each) for each in page.events])


def _short_body() -> sa.Label[Any]:
    nothing = sa.literal(b"", sa.LargeBinary)
    short = sa.func.length(events.c.body) <= _SHORT_BODY
    return sa.case((short, events.c.body), else_=nothing).label("body")


def with_id(
    inbox: Inbox, event_id: str, *, endpoint: str | None = None, tenant: str | None = None
) -> Sequence[StoredEvent]:
    """The events with that id, the newest first: each endpoint and tenant may have one.

    Their bodies are left out.

    :param endpoint: only the event that arrived at this endpoint.
    :param tenant: only the event of this tenant.
    :raises InboxUnavailable: if the inbox cannot be read.
    """
    only = Selection(endpoint=endpoint, tenant=tenant, ids=(event_id,))
    some = newest(only, *HEAD).limit(_MOST_WITH_ONE_ID)
    return inbox.database.read(
        lambda tx: [stored(row, cipher=inbox.cipher) for row in tx.execute(some)]
    )


@dataclass(frozen=True)
class Throughput:
    """The throughput of the last hour.

    :param arrived: the number of events that were accepted.
    :param done: the number of events that became done.
    :param by_handler: how often each handler ``"succeeded"``, ``"failed"`` or
        ``"discarded"``. Only the newest events are counted.
    """

    arrived: int
    done: int
    by_handler: dict[str, dict[str, int]]


def throughput(inbox: Inbox) -> Throughput:
    """The throughput of the last hour. If there are very many events, only of the newest.

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
