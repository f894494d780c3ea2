"""Run the handlers of a claimed event: attempts, retries, dead letters."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

from .. import tracing
from ..errors import BodyUnreadable, EventNotUnderstood, message_of, type_and_stack
from ..formats import with_message, without_message
from ..handlers import (
    Handler,
    Outcome,
    announce,
    handler_failed,
    handler_succeeded,
    handlers_for,
    run,
)
from ..inbox import TAKEN_OVER, Claim, HandlerState, Progress, Transaction, Verdict
from ..logs import log
from ..protocol import Event, parse_event, read_again
from ..runtime import Runtime
from .announcements import about, is_told, log_failure, tell_verdict
from .leases import LeaseKeeper, leases
from .saving import DirectSaver, Saver, Then, tell_taken_over

_logger = logging.getLogger(__name__)

#: The share of a delay that is added at random at most. So the events that failed in an
#: outage are not all retried at once.
_JITTER = 0.1

#: Seconds until an event is tried again if it cannot be read, or if its failed handler is
#: not known here: a deployment may be under way. If the handler is still not known so many
#: seconds after its failure, it is not tried again.
_LOOK_AGAIN_AFTER = 60.0
_LOOK_UNTIL = 86_400.0


@dataclass
class Handled:
    """What became of a claimed event.

    :param verdict: how its claim ended; ``None`` if another process has taken it over.
    :param errors: what its handlers raised.
    """

    verdict: Verdict | None = None
    errors: list[BaseException] = field(default_factory=list)


def process(
    runtime: Runtime,
    claim: Claim,
    *,
    saver: Saver | None = None,
    keeper: LeaseKeeper | None = None,
) -> Handled:
    """Run the due handlers of a claimed event, and save their outcomes.

    :param saver: saves the outcomes. If left out, this thread saves each before it goes on.
    :param keeper: renews the lease already. If left out, it is renewed during this call.
    :raises InboxUnavailable: if the outcomes cannot be saved. The lease then runs out,
        and the event is handled again.
    """
    saver = saver or DirectSaver(runtime.inbox)
    if keeper is not None:
        return _process(runtime, claim, saver, keeper)
    leases.start()
    leases.hold(runtime, claim)
    try:
        return _process(runtime, claim, saver, leases)
    finally:
        leases.drop(claim)


def _process(runtime: Runtime, claim: Claim, saver: Saver, keeper: LeaseKeeper) -> Handled:
    if claim.taken_over:
        runtime.rejections.count(claim.endpoint, TAKEN_OVER)
    received_at = datetime.fromtimestamp(claim.received_at, timezone.utc)
    try:
        body = runtime.inbox.body_of(claim)
    except BodyUnreadable as error:
        return _put_off(runtime, claim, saver, error)
    try:
        event = parse_event(
            body,
            endpoint=claim.endpoint,
            tenant=claim.tenant or None,
            endpoint_id=claim.endpoint_id,
            received_at=received_at,
        )
    except EventNotUnderstood as not_understood:  # it was replayed
        verdict = Verdict("dead", reason=str(not_understood))
        told = lambda: tell_verdict(runtime, claim, None, verdict)  # noqa: E731
        saved = saver.save(Progress(claim, (), verdict), told)
        return Handled(verdict if saved else None)
    return _Round(runtime, claim, event, saver, keeper).run()


def _put_off(runtime: Runtime, claim: Claim, saver: Saver, error: Exception) -> Handled:
    """Try an event that cannot be read again later: another process may have its key."""
    text = str(error)
    if runtime.once(text):  # not for each event, every minute
        message = "Event %s waits: its body cannot be read. %s"
        log(_logger, logging.ERROR, message, claim.id, text, **claim.about)
    due_at = runtime.inbox.clock() + _LOOK_AGAIN_AFTER
    verdict = Verdict("pending", due_at=due_at)
    return Handled(verdict if saver.save(Progress(claim, (), verdict), None) else None)


class _Round:
    """One round of an event's handlers."""

    def __init__(
        self,
        runtime: Runtime,
        claim: Claim,
        event: Event[Any],
        saver: Saver,
        keeper: LeaseKeeper,
    ) -> None:
        self.runtime = runtime
        self.claim = claim
        self.event = event
        self.unseen = True  # no handler has had the data
        self.saver = saver
        self.keeper = keeper
        scopes = runtime.scopes(event.endpoint)
        self.handlers = handlers_for(runtime.app, event.type, *scopes)
        self.states = dict(claim.handlers)
        self.paused: frozenset[str] = frozenset()  # due handlers
        self.handled = Handled()

    def run(self) -> Handled:
        now = self.runtime.inbox.clock()
        due = [name for name in self.handlers if _is_due(self.states.get(name), now)]
        self.paused = self.runtime.inbox.paused_handlers().intersection(due)
        due = [name for name in due if name not in self.paused]
        kept = bool(due) or self._save((), self._verdict())
        for name in due:
            # The last outcome goes into the commit that settles the event.
            kept = kept and not self.keeper.is_lost(self.claim)
            kept = kept and Context().run(self._handle, name, last=name == due[-1])
        if kept:
            self.handled.verdict = self._verdict()
        return self.handled

    def _handle(self, name: str, *, last: bool) -> bool:
        """Run one handler and save its outcome; ``False`` if the claim was taken over."""
        known = self.states.get(name)
        attempts = (known.attempts if known else 0) + 1
        attempt = attempts + self.claim.crashes
        if attempt > len(self._delays(name)) + 1:
            died = f"its process died while handling this event, {self.claim.crashes} times"
            return self._keep(HandlerState(name, "failed", attempts - 1, error=died), last)
        if self.claim.taken_over or self.claim.crashes:
            # It may have ended its process. The next claim must know that it began.
            self.runtime.inbox.note_start(self.claim, name)
        # The outcomes so far are saved before the transaction begins: a verdict in it ends
        # the claim, and on SQLite it blocks every other writer.
        save_first = partial(self.saver.flush, self.claim)
        transaction = self.runtime.inbox.database.transaction(save_first)
        kept: list[bool] = []

        def commit() -> None:
            """Save the outcome in the inbox's transaction, if the handler used it."""
            if transaction.joined:
                with self.runtime.app.app_context():  # listeners of the session may use it
                    transaction.end_sessions()
            if transaction.opened:
                seconds = time.perf_counter() - started
                success = HandlerState(name, "succeeded", attempts, seconds=seconds)
                kept.append(self._keep_on(transaction, success, last))

        own = {"attempt": attempt, "transaction": transaction, **self._own_data()}
        event = replace(self.event, **own)
        started = time.perf_counter()
        with transaction, self.keeper.running(self.claim, name):
            outcome = self._run(name, event, commit)
        seconds = time.perf_counter() - started
        delay = self._delay(name, attempt, outcome)
        next_at = None if delay is None else self.runtime.inbox.clock() + delay
        error = self._error(outcome)
        state = HandlerState(name, outcome.state, attempts, next_at, error, seconds)
        if outcome.exception is not None:
            self.handled.errors.append(outcome.exception)
        told = self._announcement(name, event, outcome, delay, seconds)
        saved = self._keep(state, last, told) if not kept else kept[0]
        if kept and saved:
            self._kept_already(told, last)
        return saved

    def _own_data(self) -> dict[str, Any]:
        """For the first handler the data of the event; for each later one a copy."""
        unseen, self.unseen = self.unseen, False
        return {} if unseen else read_again(self.event)

    def _run(self, name: str, event: Event[Any], commit: Callable[[], None]) -> Outcome:
        """Run the handler once, in a span if there is a tracer. The tracer may fail."""
        outcome: Outcome | None = None
        began = False
        try:
            with tracing.handling(self.claim.traceparent, **about(name, event)):
                began = True
                outcome = run(self.handlers[name], self.runtime.app, event, commit=commit)
                if outcome.exception is not None:
                    tracing.failed(outcome.exception)
        except Exception as error:
            text = type_and_stack(error)
            log(_logger, logging.ERROR, "Tracing of %s failed: %s", name, text)
            if began and outcome is None:
                kind = type(error).__qualname__
                outcome = Outcome("failed", f"{kind} around the handler", exception=error)
        return outcome or run(self.handlers[name], self.runtime.app, event, commit=commit)

    def _error(self, outcome: Outcome) -> str | None:
        """What is stored of an error: its type and place; its message if that is set."""
        if outcome.error is None or outcome.exception is None or outcome.state != "failed":
            return outcome.error
        wanted = self.runtime.settings.error_messages
        return with_message(outcome.error, message_of(outcome.exception) if wanted else "")

    def _keep(self, state: HandlerState, last: bool, told: Then | None = None) -> bool:
        self.states[state.handler] = state
        return self._save((state,), self._verdict() if last else None, told)

    def _keep_on(self, transaction: Transaction, state: HandlerState, last: bool) -> bool:
        """Save the outcome with what the handler wrote, or neither."""
        self.states[state.handler] = state
        verdict = self._verdict() if last else None
        if self.runtime.inbox.save(self.claim, state, verdict, transaction):
            return True
        tell_taken_over(self.claim)
        return False

    def _kept_already(self, told: Then | None, last: bool) -> None:
        """Go on after the handler's own transaction has saved the outcome."""
        verdict = self._verdict() if last else None
        self.saver.saved(Progress(self.claim, (), verdict), self._all(told, verdict))

    def _save(
        self,
        runs: tuple[HandlerState, ...],
        verdict: Verdict | None,
        told: Then | None = None,
    ) -> bool:
        progress = Progress(self.claim, runs, verdict)
        return self.saver.save(progress, self._all(told, verdict))

    def _all(self, told: Then | None, verdict: Verdict | None) -> Then | None:
        """What to announce once the outcome is durable; ``None`` if there is nothing."""
        if verdict is None or not is_told(verdict):
            return told

        def tell_both() -> None:
            if told is not None:
                told()
            tell_verdict(self.runtime, self.claim, self.event.type, verdict)

        return tell_both

    def _verdict(self) -> Verdict:
        now = self.runtime.inbox.clock()
        states = [self._state(name, now) for name in self.states if name not in self.paused]
        waiting = [state.next_at for state in states if state.next_at is not None]
        if waiting:
            return Verdict("pending", due_at=min(waiting))
        if self.paused:  # all others have ended
            return Verdict("pending", reason="\n".join(sorted(self.paused)))
        failed = next((state for state in states if state.state == "failed"), None)
        if failed is not None:
            error = without_message(failed.error or "")  # the log has the reason
            return Verdict("dead", reason=f"{failed.handler}: {error}")
        return Verdict("done", unhandled=not states)

    def _state(self, name: str, now: float) -> HandlerState:
        """An outcome for the verdict. A failed handler may be unknown here."""
        state = self.states[name]
        if name in self.handlers or state.state != "failed":
            return state
        if state.next_at is None:
            return state
        if now - (state.updated_at or now) > _LOOK_UNTIL:
            error = without_message(state.error or "")
            error = f"{error}; since then no process had a handler of that name"
            return replace(state, next_at=None, error=error)
        return replace(state, next_at=max(state.next_at, now + _LOOK_AGAIN_AFTER))

    def _delays(self, name: str) -> tuple[float, ...]:
        handler = self.handlers[name]
        own = handler.retry_delays if isinstance(handler, Handler) else None
        return self.runtime.settings.retry_delays if own is None else own

    def _delay(self, name: str, attempt: int, outcome: Outcome) -> float | None:
        """Seconds until this handler runs again; ``None`` if it does not."""
        delays = self._delays(name)
        if outcome.state != "failed" or attempt > len(delays):
            return None
        if outcome.retry_after is not None:
            return outcome.retry_after
        jitter = 0.0 if self.runtime.exact_delays else random.uniform(0, _JITTER)  # noqa: S311
        return delays[attempt - 1] * (1 + jitter)

    def _announcement(
        self,
        name: str,
        event: Event[Any],
        outcome: Outcome,
        delay: float | None,
        seconds: float,
    ) -> Then | None:
        """A function that logs and announces how a run ended; ``None`` if nobody asks."""
        app, error = self.runtime.app, outcome.exception
        details: dict[str, Any] = {"event": event, "handler": name, "seconds": seconds}
        if error is None:
            if not handler_succeeded.receivers:
                return None
            return lambda: announce(handler_succeeded, app, **details)

        def tell_failure() -> None:
            log_failure(name, event, outcome, delay, with_message=app.debug)
            announce(handler_failed, app, **details, error=error, retry_in=delay)

        return tell_failure


def _is_due(state: HandlerState | None, now: float) -> bool:
    return state is None or (state.next_at is not None and state.next_at <= now)
