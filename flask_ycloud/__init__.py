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
    RunningHandler,
    Stats,
    StoredEvent,
)
from .lazy import imported_on_use
from .protocol import EVENT_TYPES, Event, EventType, Signature, parse_event, sign, verify
from .web import WebhookBlueprint, current_inbox, ycloud_bp

if TYPE_CHECKING:
    from .inbox import Inbox
else:  # to a type checker it would give every name
    __getattr__ = imported_on_use(__name__, {"Inbox": "inbox"})

__all__ = [
    "EVENT_TYPES",
    "APIError",
    "APIUnreachable",
    "AmbiguousEvent",
    "Attempt",
    "ConfigurationError",
    "Discard",
    "Event",
    "EventNotFound",
    "EventNotUnderstood",
    "EventRunning",
    "EventType",
    "HandlerState",
    "Identity",
    "Inbox",
    "InboxUnavailable",
    "MalformedSignature",
    "MissingSignature",
    "Retry",
    "RunningHandler",
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
