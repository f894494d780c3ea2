"""Index the names in events that an older flask-ycloud has stored, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import BodyUnreadable, EventNotUnderstood
from ..protocol import names_in, parse_event
from . import queries
from .naming import hashes_of
from .store import Inbox
from .tables import block_of, events, names, schema

_AT_ONCE = 500


def index_some(inbox: Inbox) -> int:
    """Index the names in some events that were stored before there was an index.

    The newest events are first. When all are done, a call only reads one value.

    :returns: how many events were read; 0 if no more are left.
    :raises InboxUnavailable: if the inbox cannot be read or written.
    """
    left = sa.select(sa.func.max(schema.c.unindexed))
    last = inbox.database.read(lambda tx: tx.execute(left).scalar())
    if last is None:
        return 0
    columns = (events.c.seq, events.c.emptied_at, events.c.body_key, events.c.body)
    query = sa.select(*columns).where(events.c.seq <= last)
    query = query.order_by(events.c.seq.desc()).limit(_AT_ONCE)
    rows = inbox.database.read(lambda tx: tx.execute(query).all())
    found = {row.seq: hashes for row in rows if (hashes := _hashes(inbox, row))}
    until = rows[-1].seq - 1 if len(rows) == _AT_ONCE else None
    inbox.database.write(lambda tx: _write(tx, found, last, until))
    return len(rows)


def _hashes(inbox: Inbox, row: Any) -> list[int]:
    if row.emptied_at is not None:
        return []
    try:
        event = parse_event(inbox.cipher.open(row.body, row.body_key))
    except (BodyUnreadable, EventNotUnderstood):
        return []
    return hashes_of(inbox.database.keyed(), names_in(event))


def _write(
    tx: Connection, found: dict[int, list[int]], last: int, until: int | None
) -> None:
    rows = [
        {"block": block_of(seq), "hash": each, "event_seq": seq}
        for seq in _that_stay(tx, list(found))
        for each in found[seq]
    ]
    if rows:
        insert = queries.INSERTS[tx.dialect.name](names).on_conflict_do_nothing()
        tx.execute(insert, rows)
    # Another process may have indexed more.
    done = schema.update().where(schema.c.unindexed == last)
    tx.execute(done.values(unindexed=until))


def _that_stay(tx: Connection, seqs: Sequence[int]) -> Sequence[int]:
    """Lock the events that have their bodies, until the names are written.

    Running events are left out. When a running event ends, a statement may delete its
    names. If that statement waited for this transaction, it would not see the new names.
    """
    query = (
        sa.select(events.c.seq)
        .where(events.c.seq.in_(seqs), events.c.emptied_at.is_(None))
        .where(~queries.STATES["running"])
        .order_by(events.c.seq)
        .with_for_update()
    )
    return tx.execute(query).scalars().all()
