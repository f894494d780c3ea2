"""What does YCloud say? Bytes in, values out: signatures, events, the catalogue of types.

Nothing here needs Flask or a database.
"""

from .event import Event, body_id, ordering_key, parse_event, read_time
from .event_types import (
    EVENT_TYPES,
    KNOWN_SUBSCRIPTIONS,
    EventType,
    closest_hint,
    find,
    patterns,
    sample,
    sample_event,
    variants,
)
from .sending import Answer, attempt, post, post_all, signed_headers
from .signature import HEADER, Signature, sign, verify

__all__ = [
    "EVENT_TYPES",
    "HEADER",
    "KNOWN_SUBSCRIPTIONS",
    "Answer",
    "Event",
    "EventType",
    "Signature",
    "attempt",
    "body_id",
    "closest_hint",
    "find",
    "ordering_key",
    "parse_event",
    "patterns",
    "post",
    "post_all",
    "read_time",
    "sample",
    "sample_event",
    "sign",
    "signed_headers",
    "variants",
    "verify",
]
