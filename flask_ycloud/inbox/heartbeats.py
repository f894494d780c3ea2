"""Heartbeats of the processes that handle events, which show that they are alive."""

from __future__ import annotations

import socket

from .queries import INSERTS
from .store import Inbox
from .tables import workers as processes

#: A process without a heartbeat for so many seconds does not handle events any more.
SILENT_SECONDS = 60.0

_DAY = 86_400.0
_TROUBLE = "! "  # no host has such a name


def beat(inbox: Inbox, worker: str) -> None:
    """Store that a process is alive and handles events. Delete those that ended long ago.

    :raises InboxUnavailable: if the inbox cannot be written.
    """
    gone = processes.delete().where(processes.c.seen_at < inbox.clock() - _DAY)
    # Two transactions: a process that is stopped between them holds no lock.
    inbox.database.write_single(lambda tx: tx.execute(gone))
    _keep(inbox, worker)


def sign_off(inbox: Inbox, worker: str) -> None:
    """Store that a process handles no more events.

    :raises InboxUnavailable: if the inbox cannot be written.
    """
    gone = processes.delete().where(processes.c.name == worker)
    inbox.database.write(lambda tx: tx.execute(gone))


def workers(inbox: Inbox) -> dict[str, float]:
    """The processes that handle events, each with the seconds since its last heartbeat.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    now = inbox.clock()
    rows = inbox.database.read(lambda tx: tx.execute(processes.select()).all())
    return {
        row.name: max(0.0, now - row.seen_at)
        for row in rows
        if not row.name.startswith(_TROUBLE)
    }


def alive_and_silent(inbox: Inbox) -> dict[str, int]:
    """The number of processes that are ``"alive"``, and of those that are ``"silent"``.

    Silent processes ended in the last day without a call of :func:`sign_off`.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    ages = workers(inbox).values()
    alive = sum(age < SILENT_SECONDS for age in ages)
    return {"alive": alive, "silent": len(ages) - alive}


def note_trouble(inbox: Inbox, text: str) -> None:
    """Store why the processes of this machine cannot handle events as they should.

    :raises InboxUnavailable: if the inbox cannot be written.
    """
    _keep(inbox, _trouble_here() + text)


def troubles(inbox: Inbox) -> list[str]:
    """The troubles of the last day, each with the machine's name before it.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    noted = processes.select().where(
        processes.c.name.startswith(_TROUBLE, autoescape=True),
        processes.c.seen_at >= inbox.clock() - _DAY,
    )
    rows = inbox.database.read(lambda tx: tx.execute(noted).all())
    return [row.name.removeprefix(_TROUBLE) for row in rows]


def forget_troubles(inbox: Inbox) -> None:
    """Delete the troubles of this machine, since a process of it handles events again.

    :raises InboxUnavailable: if the inbox cannot be written.
    """
    ours = processes.c.name.startswith(_trouble_here(), autoescape=True)
    inbox.database.write_single(lambda tx: tx.execute(processes.delete().where(ours)))


def _trouble_here() -> str:
    return f"{_TROUBLE}{socket.gethostname()}: "


def _keep(inbox: Inbox, name: str) -> None:
    row = {"name": name, "seen_at": inbox.clock()}
    insert = INSERTS[inbox.database.dialect](processes)
    keep = insert.on_conflict_do_update(
        index_elements=["name"], set_={"seen_at": insert.excluded.seen_at}
    )
    inbox.database.write_single(lambda tx: tx.execute(keep, row))
