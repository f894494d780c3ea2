"""Signs of life that processes leave in the inbox's database, and counts of refusals."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .inbox import Inbox
from .queries import INSERTS
from .tables import refusals
from .tables import workers as processes

_DAY = 86_400.0
_REFUSALS_KEPT = 30 * 24  # hours


def heartbeat(inbox: Inbox, worker: str) -> None:
    """Note that a process that handles is alive; forget those long gone.

    :raises InboxUnavailable: if the inbox cannot be written.
    """
    now = inbox.clock()
    row = {"name": worker, "seen_at": now}
    insert = INSERTS[inbox.database.dialect](processes)
    keep = insert.on_conflict_do_update(
        index_elements=["name"], set_={"seen_at": insert.excluded.seen_at}
    )
    gone = processes.delete().where(processes.c.seen_at < now - _DAY)

    def work(tx: Connection) -> None:
        tx.execute(gone)
        tx.execute(keep, row)

    inbox.database.write(work)


def sign_off(inbox: Inbox, worker: str) -> None:
    """Note that a process handles no more.

    :raises InboxUnavailable: if the inbox cannot be written.
    """
    gone = processes.delete().where(processes.c.name == worker)
    inbox.database.write(lambda tx: tx.execute(gone))


def workers(inbox: Inbox) -> dict[str, float]:
    """The processes that handle, and how many seconds ago each was heard of.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    now = inbox.clock()
    rows = inbox.database.read(lambda tx: tx.execute(processes.select()).all())
    return {row.name: max(0.0, now - row.seen_at) for row in rows}


def count_refusals(inbox: Inbox, counts: Mapping[tuple[str, str], int]) -> None:
    """Add to this hour's counts of refused deliveries, by endpoint and reason.

    :raises InboxUnavailable: if the inbox cannot be written.
    """
    hour = int(inbox.clock() // 3600)
    insert = INSERTS[inbox.database.dialect](refusals)
    add = insert.on_conflict_do_update(
        index_elements=["hour", "endpoint", "reason"],
        set_={"count": refusals.c.count + insert.excluded.count},
    )
    rows = [
        {"hour": hour, "endpoint": endpoint, "reason": reason, "count": count}
        for (endpoint, reason), count in sorted(counts.items())
    ]
    old = refusals.delete().where(refusals.c.hour < hour - _REFUSALS_KEPT)

    def work(tx: Connection) -> None:
        tx.execute(add, rows)
        tx.execute(old)

    inbox.database.write(work)


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
