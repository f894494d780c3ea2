"""Who is subscribed? Signals, ``on_event``, and running one handler."""

from .invocation import Handler, Outcome, Receiver, run
from .loops import wait_for
from .registry import (
    Handlers,
    event_signal,
    everywhere,
    handlers_for,
    note_app,
    on_event,
    subscriptions,
    types_handled,
)
from .signals import (
    announce,
    delivery_rejected,
    event_accepted,
    event_conflicted,
    event_dead,
    event_done,
    event_duplicated,
    handler_failed,
    handler_succeeded,
)

__all__ = [
    "Handler",
    "Handlers",
    "Outcome",
    "Receiver",
    "announce",
    "delivery_rejected",
    "event_accepted",
    "event_conflicted",
    "event_dead",
    "event_done",
    "event_duplicated",
    "event_signal",
    "everywhere",
    "handler_failed",
    "handler_succeeded",
    "handlers_for",
    "note_app",
    "on_event",
    "run",
    "subscriptions",
    "types_handled",
    "wait_for",
]
