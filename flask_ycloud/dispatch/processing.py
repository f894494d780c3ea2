"""One claimed event through its handlers: attempts, retries, dead letters, leases."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from .. import tracing
from ..errors import EventNotUnderstood, InboxUnavailable
from ..handlers import (
    Outcome,
    announce,
    handler_failed,
    handler_succeeded,
    handlers_for,
    run,
)
from ..inbox import Claim, HandlerState, Inbox, Transaction, Verdict
from ..protocol import Event, parse_event
from ..runtime import Runtime
from .announcements import about, log_failure, tell_verdict
from .leases import leases

_logger = logging.getLogger(__name__)

_SAVE_AGAIN_AFTER = (0.1, 0.3, 1.0, 3.0, 5.0)  # seconds, while the database is away


@dataclass
class Handled:
    """What became of a claimed event.

    :param verdict: how its claim ended; ``None`` if another has taken it over.
    :param errors: what its handlers raised.
    """

    verdict: Verdict | None = None
    errors: list[BaseException] = field(default_factory=list)


def process(runtime: Runtime, claim: Claim) -> Handled:
    """Run the handlers of a claimed event that are due, and keep their outcomes.

    The lease is kept meanwhile.

    :raises InboxUnavailable: if the outcomes cannot be kept. The lease then runs out,
        and the event is handled again.
    """
    received_at = datetime.fromtimestamp(claim.received_at, timezone.utc)
    try:
        event = parse_event(claim.body, endpoint=claim.endpoint, received_at=received_at)
    except EventNotUnderstood as not_understood:  # a replayed one, still not
        verdict = Verdict("dead", reason=str(not_understood))
        if not _save(runtime.inbox, claim, None, verdict):
            return Handled()
        tell_verdict(runtime, claim, None, verdict)
        return Handled(verdict)
    with leases.holding(runtime.inbox, claim):
        return _Round(runtime, claim, event).run()


class _Round:
    """One round of an event's handlers."""

    def __init__(self, runtime: Runtime, claim: Claim, event: Event[Any]) -> None:
        self.runtime = runtime
        self.claim = claim
        self.event = event
        scopes = runtime.scopes(event.endpoint)
        self.handlers = handlers_for(runtime.app, event.type, *scopes)
        self.states = dict(claim.handlers)
        self.handled = Handled()

    def run(self) -> Handled:
        now = self.runtime.inbox.clock()
        due = [name for name in self.handlers if _is_due(self.states.get(name), now)]
        kept = bool(due) or _save(self.runtime.inbox, self.claim, None, self._verdict())
        for name in due:
            # The last outcome goes into the commit that settles the event.
            kept = kept and self._handle(name, last=name == due[-1])
        if kept:
            self.handled.verdict = verdict = self._verdict()
            tell_verdict(self.runtime, self.claim, self.event.type, verdict)
        return self.handled

    def _handle(self, name: str, *, last: bool) -> bool:
        """Run one handler and keep its outcome; ``False`` if the claim was taken over."""
        known = self.states.get(name)
        attempts = (known.attempts if known else 0) + 1
        attempt = attempts + self.claim.crashes
        if attempt > len(self.runtime.settings.retry_delays) + 1:
            died = f"its process died while handling this event, {self.claim.crashes} times"
            return self._keep(HandlerState(name, "failed", attempts - 1, error=died), last)
        transaction = self.runtime.inbox.database.transaction()
        kept: list[bool] = []

        def commit() -> None:
            """If the handler asked for a connection, its outcome is settled on it."""
            if transaction.opened:
                seconds = time.perf_counter() - started
                success = HandlerState(name, "succeeded", attempts, seconds=seconds)
                kept.append(self._keep(success, last, transaction))

        event = replace(self.event, attempt=attempt, connect=transaction.open)
        started = time.perf_counter()
        try:
            with tracing.handling(self.claim.traceparent, **about(name, event)):
                outcome = run(self.handlers[name], self.runtime.app, event, commit=commit)
                if outcome.exception is not None:
                    tracing.failed(outcome.exception)
        finally:
            transaction.close()
        seconds = time.perf_counter() - started
        delay = self._delay(attempt, outcome)
        next_at = None if delay is None else self.runtime.inbox.clock() + delay
        state = HandlerState(name, outcome.state, attempts, next_at, outcome.error, seconds)
        saved = kept[0] if kept else self._keep(state, last)
        self._tell(name, event, outcome, delay, seconds)
        return saved

    def _keep(
        self, state: HandlerState, last: bool, transaction: Transaction | None = None
    ) -> bool:
        self.states[state.handler] = state
        verdict = self._verdict() if last else None
        return _save(self.runtime.inbox, self.claim, state, verdict, transaction)

    def _verdict(self) -> Verdict:
        states = [self.states[name] for name in self.handlers]
        waiting = [state.next_at for state in states if state.next_at is not None]
        if waiting:
            return Verdict("pending", due_at=min(waiting))
        failed = next((state for state in states if state.state == "failed"), None)
        if failed is None:
            return Verdict("done")
        return Verdict("dead", reason=f"{failed.handler}: {failed.error}")

    def _delay(self, attempt: int, outcome: Outcome) -> float | None:
        """Seconds until this handler runs again; ``None`` if it does not."""
        delays = self.runtime.settings.retry_delays
        if outcome.state != "failed" or attempt > len(delays):
            return None
        return delays[attempt - 1] if outcome.retry_after is None else outcome.retry_after

    def _tell(
        self,
        name: str,
        event: Event[Any],
        outcome: Outcome,
        delay: float | None,
        seconds: float,
    ) -> None:
        """Tell the log and who listens how a handler ended."""
        details = {"event": event, "handler": name, "seconds": seconds}
        if outcome.exception is None:
            announce(handler_succeeded, self.runtime.app, **details)
            return
        self.handled.errors.append(outcome.exception)
        log_failure(name, event, outcome, delay)
        details |= {"error": outcome.exception, "retry_in": delay}
        announce(handler_failed, self.runtime.app, **details)


def _is_due(state: HandlerState | None, now: float) -> bool:
    return state is None or (state.next_at is not None and state.next_at <= now)


def _save(
    inbox: Inbox,
    claim: Claim,
    ran: HandlerState | None,
    verdict: Verdict | None,
    transaction: Transaction | None = None,
) -> bool:
    """Keep how a handler ran, and a verdict; ``False`` if the claim was taken over."""
    if transaction is not None:
        saved = inbox.save(claim, ran, verdict, transaction)
    else:
        saved = _save_patiently(inbox, claim, ran, verdict)
    if not saved:
        _logger.warning(
            "Event %s was taken over while it was handled here: this process was away for"
            " longer than YCLOUD_LEASE_SECONDS.",
            claim.id,
            extra={"event_id": claim.id, "endpoint": claim.endpoint},
        )
    return saved


def _save_patiently(
    inbox: Inbox, claim: Claim, ran: HandlerState | None, verdict: Verdict | None
) -> bool:
    """What is lost here runs its handler a second time."""
    delays = iter(_SAVE_AGAIN_AFTER)
    while True:
        try:
            return inbox.save(claim, ran, verdict)
        except InboxUnavailable:
            delay = next(delays, None)
            if delay is None:
                raise
            time.sleep(delay)
