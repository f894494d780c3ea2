"""Save outcomes: at once, or for many threads in few commits."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from ..errors import InboxUnavailable, type_and_stack
from ..inbox import Claim, Inbox, NotStorable, Progress
from ..logs import log
from .leases import TICK_SECONDS, LeaseKeeper

_logger = logging.getLogger("flask_ycloud.dispatch.processing")

#: Seconds between attempts to save, while the database cannot be reached.
SAVE_AGAIN_AFTER = (0.1, 0.3, 1.0, 3.0, 5.0)

_MOST_AT_ONCE = 256

Then = Callable[[], None]


class Saver(Protocol):
    """Saves the outcomes of handlers."""

    def save(self, progress: Progress, then: Then | None) -> bool:
        """Save outcomes, and call ``then`` when they are durable.

        :returns: ``False`` if the saver already knows that the claim was taken over.
        :raises InboxUnavailable: if it already knows that they were not stored.
        """
        ...

    def saved(self, progress: Progress, then: Then | None) -> None:
        """Go on as after a save, since something else has saved the outcomes."""

    def flush(self, claim: Claim) -> None:
        """Wait until all outcomes of this claim so far are saved."""


class DirectSaver:
    """Saves in the thread of the handler."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def save(self, progress: Progress, then: Then | None) -> bool:
        """Save the outcomes now."""
        held = save_patiently(self._inbox, [progress])
        if progress.claim.seq not in held:
            tell_taken_over(progress.claim)
            return False
        self.saved(progress, then)
        return True

    def saved(self, progress: Progress, then: Then | None) -> None:
        """Call ``then``."""
        if then is not None:
            then()

    def flush(self, claim: Claim) -> None:
        """Nothing waits here."""


class SharedSaver:
    """Saves for many threads, from one of its own, in few commits.

    Each commit saves all outcomes that are there. So an outcome is durable within two
    commits: the one that is running, and the next. The same thread renews the leases.

    :param on_saved: called with what was saved, after each commit.
    :param tell: called with each ``then``, to call it where it may take long.
    """

    def __init__(
        self,
        inbox: Inbox,
        keeper: LeaseKeeper,
        *,
        on_saved: Callable[[Sequence[Progress]], None],
        tell: Callable[[Then], None],
    ) -> None:
        self._inbox = inbox
        self._keeper = keeper
        self._on_saved = on_saved
        self._tell = tell
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Progress, Then | None]] = deque()
        self._saving: list[tuple[Progress, Then | None]] = []
        self._closed = False
        self._interval = min(TICK_SECONDS, inbox.lease / 6)

    def save(self, progress: Progress, then: Then | None) -> bool:
        """Save the outcomes soon."""
        with self._changed:
            self._waiting.append((progress, then))
            self._changed.notify_all()
        return not self._keeper.is_lost(progress.claim)

    def saved(self, progress: Progress, then: Then | None) -> None:
        """Stop renewing the lease after the verdict, and announce the outcomes."""
        if progress.verdict is not None:
            self._keeper.drop(progress.claim)
        self._on_saved([progress])
        if then is not None:
            self._tell(then)

    def flush(self, claim: Claim) -> None:
        """Wait until all outcomes of this claim so far are saved.

        :raises InboxUnavailable: if they were not saved, or the claim was taken over.
        """

        def waits() -> bool:
            return any(each.claim is claim for each, _ in (*self._waiting, *self._saving))

        with self._changed:
            self._changed.wait_for(lambda: not waits())
        if self._keeper.is_lost(claim):
            raise InboxUnavailable("This process no longer holds the event.")

    def finish(self, seconds: float) -> None:
        """Wait until all is saved, for so long at most. Then :meth:`run` ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._waiting or self._saving), seconds)

    def run(self) -> None:
        """Save outcomes and renew leases, until :meth:`finish` is called."""
        tick_at = time.monotonic() + self._interval
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._waiting or self._closed,
                    max(0.0, tick_at - time.monotonic()),
                )
                if self._closed and not self._waiting:
                    return
                batch = [
                    self._waiting.popleft()
                    for _ in range(min(len(self._waiting), _MOST_AT_ONCE))
                ]
                self._saving = batch
            try:
                if batch:
                    self._save(batch)
                if time.monotonic() >= tick_at:
                    self._keeper.tick()
                    tick_at = time.monotonic() + self._interval
            finally:
                with self._changed:
                    self._saving = []
                    self._changed.notify_all()

    def _save(self, batch: list[tuple[Progress, Then | None]]) -> None:
        progress = _merged(each for each, _ in batch)
        held: set[int] | None = None
        try:
            held = save_patiently(self._inbox, progress)
        except Exception as error:
            known = isinstance(error, InboxUnavailable)
            text = str(error) if known else type_and_stack(error)
            log(_logger, logging.ERROR, "%d outcomes were not saved: %s", len(batch), text)
        finally:  # what was not saved runs again after its lease
            for each in progress:
                if held is None or each.claim.seq not in held:
                    self._keeper.lose(each.claim)
                if each.verdict is not None:
                    self._keeper.drop(each.claim)
        if held is None:
            return
        for each in progress:
            if each.claim.seq not in held:
                tell_taken_over(each.claim)
        self._on_saved([each for each in progress if each.claim.seq in held])
        for each, then in batch:
            if then is not None and each.claim.seq in held:
                self._tell(then)


def save_patiently(inbox: Inbox, progress: Sequence[Progress]) -> set[int]:
    """Save, and try again for a while: a handler whose outcome is lost runs again.

    :returns: the ``seq`` of the claims that this process still held.
    :raises InboxUnavailable: if they were not stored.
    """
    delays = iter(SAVE_AGAIN_AFTER)
    again = False
    while True:
        try:
            held = _save_all(inbox, progress)
            # An earlier attempt may have succeeded, and only its answer was lost.
            return held | inbox.ended_by(progress) if again else held
        except InboxUnavailable:
            again = True
            delay = next(delays, None)
            if delay is None:
                raise
            time.sleep(delay)


def _save_all(inbox: Inbox, progress: Sequence[Progress]) -> set[int]:
    try:
        return inbox.save_all(progress)
    except NotStorable as error:
        if len(progress) > 1:  # one of them cannot be stored: save the others
            return {seq for each in progress for seq in _save_all(inbox, [each])}
        bare = _without_texts(progress[0], str(error))
        if bare == progress[0]:
            raise
        return inbox.save_all([bare])


def _without_texts(progress: Progress, error: str) -> Progress:
    """The same, without any text that came from a handler."""
    runs = tuple(replace(run, error=error if run.error else None) for run in progress.runs)
    verdict = progress.verdict
    if verdict is not None and verdict.reason is not None:
        verdict = replace(verdict, reason=error)
    return replace(progress, runs=runs, verdict=verdict)


def _merged(progress: Iterable[Progress]) -> list[Progress]:
    """One progress for each claim: an event with several handlers may have several."""
    by_claim: dict[int, Progress] = {}
    for each in progress:
        before = by_claim.get(id(each.claim))
        if before is not None:
            verdict = each.verdict or before.verdict
            each = Progress(each.claim, before.runs + each.runs, verdict)
        by_claim[id(each.claim)] = each
    return list(by_claim.values())


def tell_taken_over(claim: Claim) -> None:
    """Log that another process handles the event now."""
    with suppress(Exception):
        log(
            _logger, logging.WARNING,
            "Event %s was taken over while it was handled here: this process was stopped"
            " for longer than YCLOUD_LEASE_SECONDS.",
            claim.id, **claim.about,
        )  # fmt: skip
