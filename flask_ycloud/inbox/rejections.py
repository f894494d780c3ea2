"""Counts of rejected and conflicting deliveries, by endpoint and reason."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import YCloudError
from ..forks import tell_child
from ..logs import log
from ..timers import call_later
from .queries import INSERTS
from .store import Inbox
from .tables import rejections

_logger = logging.getLogger(__name__)

#: Seconds after which counts are written together, so that a flood needs few writes.
WRITE_AFTER_SECONDS = 2.0

_KEPT = 30 * 24  # hours


class Rejections:
    """Counts in memory, and writes to the inbox with a timer. No answer waits for that.

    Counts that were not written yet are lost when the process ends.

    :param inbox: returns the inbox.
    """

    def __init__(self, inbox: Callable[[], Inbox]) -> None:
        self._inbox = inbox
        self.after_fork()
        tell_child(self)

    def after_fork(self) -> None:
        """Drop the parent's counts, which the parent writes."""
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._timer: threading.Timer | None = None

    def count(self, endpoint: str, reason: str) -> None:
        """Count one delivery."""
        with self._lock:
            self._counts[endpoint, reason] += 1
            if self._timer is None or not self._timer.is_alive():
                self._timer = call_later(WRITE_AFTER_SECONDS, self.write)

    def write(self) -> None:
        """Add the counts to the inbox. Keep them if that is not possible now."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            self._timer = None
        if not counts:
            return
        try:
            count_rejections(self._inbox(), counts)
        except YCloudError as error:  # it is unavailable, or cannot be opened
            log(_logger, logging.WARNING, "Rejections were not counted yet: %s", error)
            with self._lock:
                self._counts += counts


def count_rejections(inbox: Inbox, counts: Mapping[tuple[str, str], int]) -> None:
    """Add to this hour's counts of rejected deliveries, by endpoint and reason.

    :raises InboxUnavailable: if the inbox cannot be written.
    """
    hour = int(inbox.clock() // 3600)
    insert = INSERTS[inbox.database.dialect](rejections)
    add = insert.on_conflict_do_update(
        index_elements=["hour", "endpoint", "reason"],
        set_={"count": rejections.c.count + insert.excluded.count},
    )
    rows = [
        {"hour": hour, "endpoint": endpoint, "reason": reason, "count": count}
        for (endpoint, reason), count in sorted(counts.items())
    ]
    old = rejections.delete().where(rejections.c.hour < hour - _KEPT)

    def work(tx: Connection) -> None:
        tx.execute(add, rows)
        tx.execute(old)

    inbox.database.write(work)


def rejected(inbox: Inbox, *, hours: int = 24) -> dict[tuple[str, str], int]:
    """How many deliveries were rejected lately, by endpoint and reason.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    since = int(inbox.clock() // 3600) - hours
    key = (rejections.c.endpoint, rejections.c.reason)
    query = (
        sa.select(*key, sa.func.sum(rejections.c.count))
        .where(rejections.c.hour > since)
        .group_by(*key)
        .order_by(*key)
    )
    rows = inbox.database.read(lambda tx: tx.execute(query).all())
    return {(endpoint, reason): int(count) for endpoint, reason, count in rows}
