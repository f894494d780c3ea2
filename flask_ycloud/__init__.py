"""Receive YCloud webhooks in Flask: verified, stored before the 2xx, handled once."""

from typing import TYPE_CHECKING

from .dispatch import start, stop
from .errors import (
    AmbiguousEvent,
    APIError,
    APIUnreachable,
    ConfigurationError,
    Discard,
    EventNotFound,
    EventNotUnderstood,
    EventRunning,
    EventSettled,
    InboxUnavailable,
    MalformedSignature,
    MissingSignature,
    Retry,
    SignatureError,
    SignatureMismatch,
    StaleSignature,
    UnknownEventTypeWarning,
    UnknownTenant,
    YCloudError,
)
from .handlers import (
    delivery_rejected,
    event_accepted,
    event_conflicted,
    event_dead,
    event_done,
    event_duplicated,
    event_signal,
    handler_failed,
    handler_succeeded,
    on_event,
)
from .inbox import (
    Attempt,
    HandlerState,
    Identity,
    Pause,
    RunningHandler,
    Stats,
    StoredEvent,
)
from .lazy import imported_on_use
from .protocol import EVENT_TYPES, Event, EventType, Signature, parse_event, sign, verify
from .web import WebhookBlueprint, current_inbox, ycloud_bp

if TYPE_CHECKING:
    from .inbox import DeadCause, Inbox, Report, SelectedEvents, Selection
else:  # to a type checker it would give every name
    __getattr__ = imported_on_use(
        __name__,
        {
            "DeadCause": "inbox",
            "Inbox": "inbox",
            "Report": "inbox",
            "SelectedEvents": "inbox",
            "Selection": "inbox",
        },
    )

__all__ = [
    "EVENT_TYPES",
    "APIError",
    "APIUnreachable",
    "AmbiguousEvent",
    "Attempt",
    "ConfigurationError",
    "DeadCause",
    "Discard",
    "Event",
    "EventNotFound",
    "EventNotUnderstood",
    "EventRunning",
    "EventSettled",
    "EventType",
    "HandlerState",
    "Identity",
    "Inbox",
    "InboxUnavailable",
    "MalformedSignature",
    "MissingSignature",
    "Pause",
    "Report",
    "Retry",
    "RunningHandler",
    "SelectedEvents",
    "Selection",
    "Signature",
    "SignatureError",
    "SignatureMismatch",
    "StaleSignature",
    "Stats",
    "StoredEvent",
    "UnknownEventTypeWarning",
    "UnknownTenant",
    "WebhookBlueprint",
    "YCloudError",
    "current_inbox",
    "delivery_rejected",
    "event_accepted",
    "event_conflicted",
    "event_dead",
    "event_done",
    "event_duplicated",
    "event_signal",
    "handler_failed",
    "handler_succeeded",
    "on_event",
    "parse_event",
    "sign",
    "start",
    "stop",
    "verify",
    "ycloud_bp",
]
