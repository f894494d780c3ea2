"""Heartbeats of the processes that handle events: which of them are alive."""

from __future__ import annotations

from .queries import INSERTS
from .store import Inbox
from .tables import workers as processes

_DAY = 86_400.0


def beat(inbox: Inbox, worker: str) -> None:
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
    # Each by itself: a process that is stopped between them holds no row.
    inbox.database.write_single(lambda tx: tx.execute(gone))
    inbox.database.write_single(lambda tx: tx.execute(keep, row))


def sign_off(inbox: Inbox, worker: str) -> None:
    """Note that a process handles no more.

    :raises InboxUnavailable: if the inbox cannot be written.
    """
    gone = processes.delete().where(processes.c.name == worker)
    inbox.database.write(lambda tx: tx.execute(gone))


def workers(inbox: Inbox) -> dict[str, float]:
    """The processes that handle, and how many seconds ago the last heartbeat of each was.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    now = inbox.clock()
    rows = inbox.database.read(lambda tx: tx.execute(processes.select()).all())
    return {row.name: max(0.0, now - row.seen_at) for row in rows}
