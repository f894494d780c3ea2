"""The pauses: stored in the inbox, and known to each process within two seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import InboxUnavailable
from ..forks import tell_child
from .database import Database
from .queries import INSERTS
from .records import Pause, PauseKind
from .rows import at
from .tables import pauses

#: Seconds after which a process reads the pauses again.
KNOWN_SECONDS = 2.0


class Paused:
    """The pauses in force at one time.

    :param pauses: sorted by kind and name.
    """

    def __init__(self, pauses: Iterable[Pause] = ()) -> None:
        self.pauses = tuple(pauses)
        names: dict[str, list[str]] = {"endpoint": [], "type": [], "handler": []}
        for each in self.pauses:
            names.setdefault(each.kind, []).append(each.name)
        self.everything = "all" in names
        self.endpoints = frozenset(names["endpoint"])
        self.types = tuple(names["type"])
        self.handlers = frozenset(names["handler"])

    def stops(self, endpoint: str) -> bool:
        """Whether events of that endpoint are not handled at all."""
        return self.everything or endpoint in self.endpoints

    def without(self, kind: PauseKind, name: str) -> Paused:
        """The same pauses without one of them."""
        gone = (kind, name)
        return Paused(each for each in self.pauses if (each.kind, each.name) != gone)


class Pauses:
    """The pauses in a database, as one process knows them.

    They are not read while no events arrive and no pause is known.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read_at = float("-inf")
        self._known = Paused()
        self.after_fork()
        tell_child(self)

    def after_fork(self) -> None:
        """Create a new lock: a thread of the parent may hold the old one."""
        self._lock = threading.Lock()

    @property
    def known(self) -> Paused:
        """The pauses that this process knows. It does not read the inbox."""
        return self._known

    def in_force(self) -> Paused:
        """The pauses that are in force, or were within the last two seconds."""
        with self._lock:
            if time.monotonic() - self._read_at >= KNOWN_SECONDS:
                # If they cannot be read, the known pauses stay in force.
                with suppress(InboxUnavailable):
                    self._refresh()
            return self._known

    def now(self) -> Paused:
        """The pauses that are in force now.

        :raises InboxUnavailable: if the inbox cannot be read.
        """
        with self._lock:
            self._refresh()
            return self._known

    def _refresh(self) -> None:
        self._known = self._database.read(read)
        self._read_at = time.monotonic()

    def add(self, kind: PauseKind, name: str, now: float) -> bool:
        """Begin a pause; ``False`` if it was in force already."""
        insert = INSERTS[self._database.dialect](pauses)
        row = insert.values(kind=kind, name=name, since=now).on_conflict_do_nothing()
        kept = row.returning(pauses.c.kind)
        return self._write(lambda tx: tx.execute(kept).first() is not None)

    def remove(self, kind: PauseKind, name: str) -> bool:
        """End a pause; ``False`` if there was none."""
        this = (pauses.c.kind == kind, pauses.c.name == name)
        gone = pauses.delete().where(*this).returning(pauses.c.kind)
        return self._write(lambda tx: tx.execute(gone).first() is not None)

    def _write(self, work: Callable[[Connection], bool]) -> bool:
        done = self._database.write(work)
        self.now()
        return done


def read(tx: Connection) -> Paused:
    """Read the pauses in force."""
    rows = tx.execute(sa.select(pauses).order_by(pauses.c.kind, pauses.c.name))
    return Paused(Pause(row.kind, row.name, at(row.since)) for row in rows)
