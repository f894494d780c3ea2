"""What logs, spans and signals say about the handling of an event: no payload."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from ..errors import type_and_stack
from ..handlers import Outcome, announce, event_dead, event_done
from ..inbox import Claim, Verdict
from ..logs import log
from ..protocol import Event
from ..runtime import Runtime

_logger = logging.getLogger("flask_ycloud.dispatch.processing")


def log_failure(
    name: str,
    event: Event[Any],
    outcome: Outcome,
    delay: float | None,
    *,
    with_message: bool = False,
) -> None:
    """Log the failure of a handler: the error's type, place and stack, but no values.

    :param with_message: whether to log the error's message as well, in debug mode.
    """
    subject, extra = (name, event.id, event.type), about(name, event)
    if outcome.state == "discarded":
        message = "Handler %s discarded event %s (%s)."
        log(_logger, logging.INFO, message, *subject, **extra)
    elif outcome.retry_after is not None and delay is not None:
        message = "Handler %s asked for a retry of event %s (%s) in %g s."
        log(_logger, logging.INFO, message, *subject, round(delay, 1), **extra)
    else:
        stack = partial(type_and_stack, of_handler=True, message=with_message)
        log(
            _logger,
            logging.ERROR,
            "Handler %s failed at event %s (%s), attempt %d; %s. %s",
            *subject,
            event.attempt,
            "it was the last" if delay is None else f"the next is in {round(delay, 1):g} s",
            stack(outcome.exception) if outcome.exception else "",
            **extra,
        )


def about(name: str, event: Event[Any]) -> dict[str, str | int]:
    """The attributes of a run, for log records and spans."""
    found: dict[str, str | int] = {
        "event_id": event.id,
        "event_type": event.type,
        "endpoint": event.endpoint,
        "handler": name,
        "attempt": event.attempt,
    }
    return found if event.tenant is None else found | {"tenant": event.tenant}


def is_told(verdict: Verdict) -> bool:
    """Whether such a verdict is logged or sent as a signal."""
    if verdict.state == "done":
        return verdict.unhandled or bool(event_done.receivers)
    return verdict.state == "dead"


def tell_verdict(
    runtime: Runtime, claim: Claim, event_type: str | None, verdict: Verdict
) -> None:
    """Send the signal that an event is done or dead, and log dead letters."""
    details: dict[str, Any] = {
        "event_id": claim.id,
        "event_type": event_type,
        "endpoint": claim.endpoint,
        "tenant": claim.tenant or None,
    }
    if verdict.state == "done":
        if verdict.unhandled:
            _warn_unhandled(claim, event_type)
            details["unhandled"] = True
        announce(event_done, runtime.app, **details)
        return
    log(
        _logger,
        logging.ERROR,
        "Event %s (%s) is a dead letter: %s.",
        claim.id,
        event_type,
        verdict.reason,
        **claim.about,
        event_type=event_type,
    )
    announce(event_dead, runtime.app, **details, reason=verdict.reason)


def _warn_unhandled(claim: Claim, event_type: str | None) -> None:
    if event_type in _warned or len(_warned) >= _MOST_WARNED:
        return
    _warned.add(event_type)
    log(
        _logger,
        logging.WARNING,
        "No handler is subscribed to %s, so event %s is done without a handler. Is the"
        " module with its @on_event imported here? To handle such events later:"
        " flask ycloud replay --unhandled",
        event_type,
        claim.id,
        **claim.about,
        event_type=event_type,
    )


# Each process warns once of a type. The set is limited, since it grows with what arrives.
_warned: set[str | None] = set()
_MOST_WARNED = 1_000
