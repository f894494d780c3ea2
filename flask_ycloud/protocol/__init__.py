"""YCloud's protocol: signatures, events and the catalogue of event types.

Nothing here needs Flask or a database.
"""

from .event import (
    OUTSIDE_A_HANDLER,
    Event,
    body_id,
    conversation_names,
    conversation_values,
    parse_event,
    read_again,
    read_time,
)
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
from .names import names_in, plain_name, searched_name
from .sending import (
    SAMPLE_ENDPOINT_ID,
    Answer,
    Target,
    attempt,
    is_loopback,
    post,
    post_all,
    signed_headers,
)
from .signature import ENDPOINT_ID_HEADER, HEADER, Signature, read_signature, sign, verify

__all__ = [
    "ENDPOINT_ID_HEADER",
    "EVENT_TYPES",
    "HEADER",
    "KNOWN_SUBSCRIPTIONS",
    "OUTSIDE_A_HANDLER",
    "SAMPLE_ENDPOINT_ID",
    "Answer",
    "Event",
    "EventType",
    "Signature",
    "Target",
    "attempt",
    "body_id",
    "closest_hint",
    "conversation_names",
    "conversation_values",
    "find",
    "is_loopback",
    "names_in",
    "parse_event",
    "patterns",
    "plain_name",
    "post",
    "post_all",
    "read_again",
    "read_signature",
    "read_time",
    "sample",
    "sample_event",
    "searched_name",
    "sign",
    "signed_headers",
    "variants",
    "verify",
]
