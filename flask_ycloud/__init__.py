"""Receive YCloud webhooks in Flask: verified, stored before the 2xx, handled once."""

from .blueprint import WebhookBlueprint, current_inbox, ycloud_bp
from .errors import (
    APIError,
    APIUnreachable,
    ConfigurationError,
    Discard,
    EventNotFound,
    EventNotUnderstood,
    EventRunning,
    InboxUnavailable,
    MalformedSignature,
    MissingSignature,
    Retry,
    SignatureError,
    SignatureMismatch,
    StaleSignature,
    UnknownEventTypeWarning,
    YCloudError,
)
from .event import Event, parse_event
from .handlers import event_signal, on_event
from .inbox import Inbox
from .records import Attempt, HandlerState, Stats, StoredEvent
from .signals import (
    delivery_rejected,
    event_accepted,
    event_dead,
    event_done,
    event_duplicated,
    handler_failed,
    handler_succeeded,
)
from .signature import Signature, sign, verify

__all__ = [
    "APIError",
    "APIUnreachable",
    "Attempt",
    "ConfigurationError",
    "Discard",
    "Event",
    "EventNotFound",
    "EventNotUnderstood",
    "EventRunning",
    "HandlerState",
    "Inbox",
    "InboxUnavailable",
    "MalformedSignature",
    "MissingSignature",
    "Retry",
    "Signature",
    "SignatureError",
    "SignatureMismatch",
    "StaleSignature",
    "Stats",
    "StoredEvent",
    "UnknownEventTypeWarning",
    "WebhookBlueprint",
    "YCloudError",
    "current_inbox",
    "delivery_rejected",
    "event_accepted",
    "event_dead",
    "event_done",
    "event_duplicated",
    "event_signal",
    "handler_failed",
    "handler_succeeded",
    "on_event",
    "parse_event",
    "sign",
    "verify",
    "ycloud_bp",
]
