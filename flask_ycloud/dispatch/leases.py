"""Leases that are kept while a handler runs."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import InboxUnavailable
from ..inbox import Claim, Inbox, Verdict

_logger = logging.getLogger(__name__)


@dataclass
class _Held:
    inbox: Inbox
    claim: Claim
    renew_at: float  # by the monotonic clock


class LeaseKeeper:
    """Renews the leases of all events that this process handles, from one thread.

    Each is renewed three times in the time it lasts. The thread holds on to nothing
    while it sleeps, and is not woken for events that end before their first renewal.
    """

    def __init__(self) -> None:
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._pid: int | None = None
        self._held: dict[int, _Held] = {}
        self._changed = threading.Condition()
        self._wakes_at: float | None = None

    @contextmanager
    def holding(self, inbox: Inbox, claim: Claim) -> Iterator[None]:
        """Keep the lease of a claim for the time of a ``with`` block."""
        if self._pid != os.getpid():
            self._start_thread()
        held = _Held(inbox, claim, time.monotonic() + inbox.lease / 3)
        with self._changed:
            self._held[id(held)] = held
            if self._wakes_at is None or held.renew_at < self._wakes_at:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._held.pop(id(held), None)

    def give_back(self, inbox: Inbox) -> None:
        """End every claim of an inbox, so that another process can take the event now."""
        with self._changed:
            mine = [held for held in self._held.values() if held.inbox is inbox]
            for held in mine:
                del self._held[id(held)]
        for held in mine:
            inbox.save(held.claim, None, Verdict("pending", due_at=0.0))

    def _start_thread(self) -> None:
        with _starting:
            if self._pid == os.getpid():
                return
            self._start_afresh()  # a fork leaves the parent's thread and claims behind
            self._pid = os.getpid()
            threading.Thread(target=self._keep, name="ycloud-leases", daemon=True).start()

    def _keep(self) -> None:
        while True:
            with self._changed:
                times = [held.renew_at for held in self._held.values()]
                self._wakes_at = min(times, default=None)
                now = time.monotonic()
                self._changed.wait(None if self._wakes_at is None else self._wakes_at - now)
            self._renew_due()

    def _renew_due(self) -> None:
        now = time.monotonic()
        due: dict[Inbox, list[Claim]] = {}
        with self._changed:
            for held in self._held.values():
                if held.renew_at <= now:
                    held.renew_at = now + held.inbox.lease / 3
                    due.setdefault(held.inbox, []).append(held.claim)
        for inbox, claims in due.items():
            try:
                inbox.renew(claims)
            except InboxUnavailable as error:
                _logger.warning("Leases were not renewed: %s", error)


_starting = threading.Lock()

#: The keeper of this process.
leases = LeaseKeeper()
