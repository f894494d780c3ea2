"""One claimed event through its handlers: attempts, retries, dead letters, leases."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from .errors import EventNotUnderstood, InboxUnavailable, type_and_stack
from .event import Event, parse_event
from .handlers import Outcome, Receiver, handlers_for, run
from .inbox import Inbox
from .records import Claim, HandlerState, Verdict
from .runtime import Runtime
from .signals import announce, event_dead, event_done, handler_failed, handler_succeeded

_logger = logging.getLogger(__name__)

_SAVE_AGAIN_AFTER = (0.1, 0.3, 1.0, 3.0, 5.0)  # seconds, while the database is away


def process(runtime: Runtime, claim: Claim) -> list[BaseException]:
    """Run the handlers of a claimed event that are due, and keep their outcomes.

    The lease is kept meanwhile.

    :returns: what they raised.
    :raises InboxUnavailable: if the outcomes cannot be kept. The lease then runs out,
        and the event is handled again.
    """
    received_at = datetime.fromtimestamp(claim.received_at, timezone.utc)
    try:
        event = parse_event(claim.body, endpoint=claim.endpoint, received_at=received_at)
    except EventNotUnderstood as not_understood:  # a replayed one, still not
        _settle(runtime, claim, None, [], Verdict("dead", reason=str(not_understood)))
        return []
    with leases.holding(runtime.inbox, claim):
        return _Round(runtime, claim, event).run()


class _Round:
    """One round of an event's handlers."""

    def __init__(self, runtime: Runtime, claim: Claim, event: Event[Any]) -> None:
        self.runtime = runtime
        self.claim = claim
        self.event = event
        self.states = dict(claim.handlers)
        self.errors: list[BaseException] = []

    def run(self) -> list[BaseException]:
        app, event = self.runtime.app, self.event
        handlers = handlers_for(app, event.type, *self.runtime.scopes(event.endpoint))
        now = self.runtime.inbox.clock()
        due = [name for name in handlers if _is_due(self.states.get(name), now)]
        unsaved: list[HandlerState] = []
        for name in due:
            # The last outcome goes into the commit that settles the event.
            if unsaved and not _save(self.runtime.inbox, self.claim, unsaved):
                return self.errors
            self.states[name] = self._run_one(name, handlers[name])
            unsaved = [self.states[name]]
        verdict = _verdict([self.states[name] for name in handlers])
        _settle(self.runtime, self.claim, event.type, unsaved, verdict)
        return self.errors

    def _run_one(self, name: str, receiver: Receiver) -> HandlerState:
        known = self.states.get(name)
        attempts = (known.attempts if known else 0) + 1
        attempt = attempts + self.claim.crashes
        most = len(self.runtime.settings.retry_delays) + 1
        if attempt > most:
            error = (
                f"its process died while handling this event, {self.claim.crashes} times"
            )
            return HandlerState(name, "failed", attempts - 1, error=error)
        event = replace(self.event, attempt=attempt)
        started = time.perf_counter()
        outcome = run(receiver, self.runtime.app, event)
        seconds = time.perf_counter() - started
        if outcome.exception is not None:
            self.errors.append(outcome.exception)
        return self._told(name, event, outcome, attempts, seconds)

    def _told(
        self, name: str, event: Event[Any], outcome: Outcome, attempts: int, seconds: float
    ) -> HandlerState:
        """Turn an outcome into what the inbox keeps, and tell who listens."""
        details = {"event": event, "handler": name, "seconds": seconds}
        if outcome.state == "succeeded":
            announce(handler_succeeded, self.runtime.app, **details)
            return HandlerState(name, "succeeded", attempts)
        delay = self._delay(event.attempt, outcome)
        _log(name, event, outcome, delay)
        announce(
            handler_failed,
            self.runtime.app,
            **details,
            error=outcome.exception,
            retry_in=delay,
        )
        next_at = None if delay is None else self.runtime.inbox.clock() + delay
        return HandlerState(name, outcome.state, attempts, next_at, outcome.error)

    def _delay(self, attempt: int, outcome: Outcome) -> float | None:
        """Seconds until this handler runs again; ``None`` if it does not."""
        delays = self.runtime.settings.retry_delays
        if outcome.state == "discarded" or attempt > len(delays):
            return None
        return delays[attempt - 1] if outcome.retry_after is None else outcome.retry_after


def _log(name: str, event: Event[Any], outcome: Outcome, delay: float | None) -> None:
    """One handler's failure: type, place and stack, but no values of anything."""
    subject = (name, event.id, event.type)
    if outcome.state == "discarded":
        _logger.info("Handler %s discarded event %s (%s).", *subject)
    elif outcome.retry_after is not None and delay is not None:
        _logger.info("Handler %s asked for event %s (%s) again in %g s.", *subject, delay)
    else:
        _logger.error(
            "Handler %s failed at event %s (%s), attempt %d; %s. %s",
            *subject,
            event.attempt,
            "it was the last" if delay is None else f"the next is in {delay:g} s",
            type_and_stack(outcome.exception) if outcome.exception else "",
        )


def _is_due(state: HandlerState | None, now: float) -> bool:
    return state is None or (state.next_at is not None and state.next_at <= now)


def _verdict(states: list[HandlerState]) -> Verdict:
    waiting = [state.next_at for state in states if state.next_at is not None]
    if waiting:
        return Verdict("pending", due_at=min(waiting))
    failed = next((state for state in states if state.state == "failed"), None)
    if failed is None:
        return Verdict("done")
    return Verdict("dead", reason=f"{failed.handler}: {failed.error}")


def _settle(
    runtime: Runtime,
    claim: Claim,
    event_type: str | None,
    states: list[HandlerState],
    verdict: Verdict,
) -> None:
    if not _save(runtime.inbox, claim, states, verdict):
        return
    details = {"event_id": claim.id, "event_type": event_type}
    if verdict.state == "done":
        announce(event_done, runtime.app, **details)
    elif verdict.state == "dead":
        _logger.error(
            "Event %s (%s) is a dead letter: %s.", claim.id, event_type, verdict.reason
        )
        announce(event_dead, runtime.app, **details, reason=verdict.reason)


def _save(
    inbox: Inbox, claim: Claim, states: list[HandlerState], verdict: Verdict | None = None
) -> bool:
    """Save patiently: what is lost here runs its handler a second time."""
    delays = iter(_SAVE_AGAIN_AFTER)
    while True:
        try:
            saved = inbox.save(claim, states, verdict)
            break
        except InboxUnavailable:
            delay = next(delays, None)
            if delay is None:
                raise
            time.sleep(delay)
    if not saved:
        _logger.warning(
            "Event %s was taken over while it was handled here: this process was away for"
            " longer than YCLOUD_LEASE_SECONDS.",
            claim.id,
        )
    return saved


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
            inbox.save(held.claim, [], Verdict("pending", due_at=0.0))

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
