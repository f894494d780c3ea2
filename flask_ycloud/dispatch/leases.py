"""Renew the leases of the claims that a process holds, and note long runs."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ..errors import InboxUnavailable, type_and_stack
from ..inbox import CUT_SHORT, Claim, Inbox, Progress, Verdict, count_rejections
from ..logs import log
from ..runtime import Runtime
from .threads import StartsThreads

_logger = logging.getLogger(__name__)

#: Seconds after which a running handler is noted in the inbox.
NOTE_AFTER_SECONDS = 1.0

#: Seconds between two checks of the claims.
TICK_SECONDS = 0.5


@dataclass
class _Held:
    """A claim, and the handler that runs for it; times by the monotonic clock."""

    runtime: Runtime
    claim: Claim
    renew_at: float
    handler: str = ""
    started: float = 0.0
    noted: bool = False
    warned: bool = False
    lost: bool = False


class LeaseKeeper(StartsThreads):
    """Renews the leases of all events that this process has claimed.

    Each lease is renewed three times before it would end. A handler that has run for a
    second is noted in the inbox, so that commands and pages can show it. A handler that
    runs for ``YCLOUD_SLOW_HANDLER_SECONDS`` is logged once.

    After :meth:`start` its own thread does so. Otherwise :meth:`tick` is called twice a
    second. It has no reference to an app without claims.
    """

    def __init__(self) -> None:
        super().__init__()
        self._forget_all()

    def _forget_all(self) -> None:
        self._held: dict[int, _Held] = {}
        self._changed = threading.Condition()
        self._idle = False

    def _make_jobs(self) -> Mapping[str, Callable[[], None]]:
        self._forget_all()  # a fork leaves the claims to the parent
        return {"ycloud-leases": self._keep}

    def hold(self, runtime: Runtime, claim: Claim) -> None:
        """Renew the lease of a claim from now on."""
        renew_at = time.monotonic() + runtime.inbox.lease / 3
        with self._changed:
            self._held[id(claim)] = _Held(runtime, claim, renew_at)
            if self._idle:
                self._changed.notify()

    def drop(self, claim: Claim) -> None:
        """Stop renewing the lease of a claim, which has ended."""
        with self._changed:
            self._held.pop(id(claim), None)

    @contextmanager
    def running(self, claim: Claim, handler: str) -> Iterator[None]:
        """Note that this handler runs during a ``with`` block."""
        held = self._held.get(id(claim))
        if held is None:
            yield
            return
        held.noted = held.warned = False
        held.started, held.handler = time.monotonic(), handler
        try:
            yield
        finally:
            held.handler = ""

    def lose(self, claim: Claim) -> None:
        """Note that another process has taken the event over."""
        if (held := self._held.get(id(claim))) is not None:
            held.lost = True

    def is_lost(self, claim: Claim) -> bool:
        """Whether another process has taken the event over."""
        held = self._held.get(id(claim))
        return held is not None and held.lost

    @property
    def count(self) -> int:
        """How many claims are held."""
        return len(self._held)

    def give_back(self) -> None:
        """Release every claim, so that other processes can handle the events now.

        :raises InboxUnavailable: if an inbox cannot be written.
        """
        with self._changed:
            held = list(self._held.values())
            self._held.clear()
        for inbox, these in _by_inbox(held).items():
            inbox.save_all([given_back(each.claim) for each in these])
            endpoints = Counter((each.claim.endpoint, CUT_SHORT) for each in these)
            with suppress(InboxUnavailable):
                count_rejections(inbox, endpoints)

    def tick(self) -> None:
        """Renew leases and note long runs, where it is time."""
        now = time.monotonic()
        with self._changed:
            held = list(self._held.values())
        for inbox, these in _by_inbox(held).items():
            due = [each for each in these if each.renew_at <= now and not each.lost]
            try:
                if due:
                    self._renew(inbox, due, now)
                for each in these:
                    if each.handler and now - each.started >= NOTE_AFTER_SECONDS:
                        self._note(each, now)
            except InboxUnavailable as error:
                log(_logger, logging.WARNING, "Leases were not renewed: %s", error)
            except Exception as error:
                text = type_and_stack(error)
                log(_logger, logging.ERROR, "Keeping leases failed: %s", text)

    def _renew(self, inbox: Inbox, due: list[_Held], now: float) -> None:
        ours = inbox.renew([each.claim for each in due])
        for each in due:
            each.renew_at = now + inbox.lease / 3
            each.lost = each.claim.seq not in ours

    def _note(self, held: _Held, now: float) -> None:
        seconds, handler, claim = now - held.started, held.handler, held.claim
        if seconds >= held.runtime.settings.slow_handler_seconds and not held.warned:
            held.warned = True
            log(
                _logger, logging.WARNING,
                "Handler %s has been running for %.0f s with event %s. It blocks a thread"
                " and the event's conversation. Does all that it waits for have a time"
                " limit?",
                handler, seconds, claim.id,
                **claim.about, handler=handler,
            )  # fmt: skip
        if not held.noted:
            held.runtime.inbox.note_start(claim, handler, seconds)
            held.noted = True

    def _keep(self) -> None:
        while True:
            with self._changed:
                self._idle = not self._held
                leases = [held.runtime.inbox.lease for held in self._held.values()]
                seconds = min([TICK_SECONDS, *(lease / 6 for lease in leases)])
                self._changed.wait(None if self._idle else seconds)
                self._idle = False
            self.tick()


def given_back(claim: Claim) -> Progress:
    """What releases a claim: its event was not handled, and is due as before."""
    return Progress(claim, (), Verdict("pending", due_at=claim.due_at))


def _by_inbox(held: list[_Held]) -> dict[Inbox, list[_Held]]:
    grouped: dict[Inbox, list[_Held]] = {}
    for each in held:
        grouped.setdefault(each.runtime.inbox, []).append(each)
    return grouped


#: For the events that this process handles one by one. It has its own thread.
leases = LeaseKeeper()
