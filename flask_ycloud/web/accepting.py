"""Stores an authentic delivery, and sends the signals about it."""

from __future__ import annotations

import logging
import time
from typing import Any, NamedTuple

from .. import tracing
from ..errors import EventNotUnderstood, type_and_stack
from ..handlers import (
    announce,
    event_accepted,
    event_conflicted,
    event_dead,
    event_duplicated,
)
from ..inbox import Arrival, Identity
from ..logs import log
from ..protocol import body_id, conversation_names, names_in, parse_event
from ..runtime import Runtime
from .deliveries import Delivery

_logger = logging.getLogger(__name__)


class _Event(NamedTuple):
    """What the body says about an event. ``dead`` is why the body was not understood."""

    identity: Identity
    type: str | None = None
    names: tuple[str, ...] = ()
    found_by: tuple[str, ...] = ()
    dead: str | None = None

    @property
    def about(self) -> dict[str, Any]:
        """What signals, spans and log records say about the event."""
        event_id, endpoint, tenant = self.identity
        about = {"event_id": event_id, "event_type": self.type, "endpoint": endpoint}
        return {**about, "tenant": tenant or None}


def accept(runtime: Runtime, delivery: Delivery, endpoint: str) -> Arrival:
    """Store a delivery. Once it is stored, the answer is 2xx.

    :param endpoint: the name of the endpoint where the delivery arrived.
    :raises InboxUnavailable: if the delivery was not stored.
    """
    event = _read(delivery, endpoint)
    tracing.note(**{name: value for name, value in event.about.items() if value})
    arrival = runtime.inbox.accept(
        event.identity.id,
        delivery.body,
        endpoint=endpoint,
        tenant=event.identity.tenant,
        endpoint_id=delivery.endpoint_id,
        event_type=event.type,
        names=event.names,
        found_by=event.found_by,
        signed_at=delivery.signed_at,
        traceparent=tracing.current(),
        dead=event.dead,
        origin=delivery.origin,
    )
    seconds = time.perf_counter() - delivery.started
    if arrival == "conflict":
        _keep_conflict(runtime, delivery, event, seconds)
        return arrival
    signal = event_accepted if arrival == "accepted" else event_duplicated
    announce(signal, runtime.app, **event.about, seconds=seconds)
    if arrival == "accepted" and event.dead is None:
        _wake(runtime, event.identity)
    elif arrival == "accepted":
        message = "Event %s is a dead letter: not understood, %s."
        _tell(runtime, message, event, event.identity.id, event.dead)
    return arrival


def _read(delivery: Delivery, endpoint: str) -> _Event:
    tenant = delivery.tenant or ""
    try:
        event = parse_event(delivery.body, endpoint=endpoint, tenant=delivery.tenant)
    except EventNotUnderstood as error:
        identity = Identity(body_id(delivery.body), endpoint, tenant)
        return _Event(identity, dead=str(error))
    identity = Identity(event.id, endpoint, tenant)
    return _Event(identity, event.type, conversation_names(event), names_in(event))


def _keep_conflict(
    runtime: Runtime, delivery: Delivery, event: _Event, seconds: float
) -> None:
    """Keep and log the first other body of a known id; count each."""
    other = event.identity._replace(id=body_id(delivery.body))
    first = runtime.inbox.accept_conflict(
        event.identity,
        other.id,
        delivery.body,
        event_type=event.type,
        endpoint_id=delivery.endpoint_id,
        found_by=event.found_by,
        signed_at=delivery.signed_at,
    )
    runtime.rejections.count(event.identity.endpoint, "conflict")
    announce(
        event_conflicted,
        runtime.app,
        **event.about,
        seconds=seconds,
        conflict_id=other.id if first else None,
    )
    if first:
        message = "Event %s came with another body. It is kept as the dead letter %s."
        dead = event._replace(identity=other, dead=event.identity.conflict)
        _tell(runtime, message, dead, event.identity.id, other.id)


def _tell(runtime: Runtime, message: str, event: _Event, *args: object) -> None:
    """Log a dead letter, and send its signal."""
    log(_logger, logging.ERROR, message, *args, **event.about)
    announce(event_dead, runtime.app, **event.about, reason=event.dead)


def _wake(runtime: Runtime, event: Identity) -> None:
    try:
        runtime.dispatcher.wake(event)
    except Exception as error:
        if runtime.app.testing:
            raise
        # The event is stored, so the answer stays 2xx. The next poll finds the event.
        message = "Event %s is stored, but its handling did not start: %s"
        text = type_and_stack(error)
        log(_logger, logging.ERROR, message, event.id, text, **event.about)
