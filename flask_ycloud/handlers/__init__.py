"""Subscriptions: signals, ``on_event``, and running one handler."""

from .checks import is_async
from .invocation import Handler, Outcome, Receiver, function_of, run, type_and_place
from .loops import wait_for
from .registry import (
    Handlers,
    Subscribed,
    all_handlers,
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
    "Subscribed",
    "all_handlers",
    "announce",
    "delivery_rejected",
    "event_accepted",
    "event_conflicted",
    "event_dead",
    "event_done",
    "event_duplicated",
    "event_signal",
    "everywhere",
    "function_of",
    "handler_failed",
    "handler_succeeded",
    "handlers_for",
    "is_async",
    "note_app",
    "on_event",
    "run",
    "subscriptions",
    "type_and_place",
    "types_handled",
    "wait_for",
]
