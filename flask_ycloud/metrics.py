"""Prometheus metrics, from the signals of an event's life. Needs the extra ``metrics``.

::

    from flask_ycloud.metrics import metrics_bp
    app.register_blueprint(metrics_bp)   # GET /ycloud/metrics

With several processes, set ``PROMETHEUS_MULTIPROC_DIR`` as prometheus_client documents it.
Each process that handles events also needs it: ``flask ycloud worker``, a Celery worker.
"""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, Response, current_app
from flask.blueprints import BlueprintSetupState
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from .errors import (
    MalformedSignature,
    MissingSignature,
    SignatureMismatch,
    StaleSignature,
    UnknownTenant,
)
from .gauges import Backlog
from .handlers import (
    delivery_rejected,
    event_accepted,
    event_conflicted,
    event_dead,
    event_done,
    event_duplicated,
    handler_failed,
    handler_succeeded,
)
from .inbox import OUR_FAULTS
from .protocol import EVENT_TYPES
from .runtime import runtime_of
from .web import GuardedBlueprint

__all__ = ["Backlog", "MetricsBlueprint", "metrics_bp"]

# Why a delivery is rejected.
_REASONS = tuple(
    each.reason
    for each in (MissingSignature, MalformedSignature, SignatureMismatch, StaleSignature,
                 UnknownTenant)
)  # fmt: skip

_HANDLING = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

_accepted = Counter(
    "ycloud_events_accepted", "Events that were stored.", ("endpoint", "type")
)
_duplicated = Counter(
    "ycloud_events_duplicated", "Deliveries of known events.", ("endpoint", "type")
)
_conflicted = Counter(
    "ycloud_events_conflicted",
    "Deliveries of known events with another body.",
    ("endpoint", "type"),
)
_rejected = Counter(
    "ycloud_deliveries_rejected",
    "Deliveries that were rejected or answered 503.",
    ("endpoint", "reason"),
)
_unavailable = Counter(
    "ycloud_deliveries_unavailable",
    "Deliveries that were answered 503, so that YCloud sends them again.",
    ("endpoint", "reason"),
)
_handled = Counter(
    "ycloud_handlers_succeeded", "Runs of handlers that returned.", ("type", "handler")
)
_failed = Counter(
    "ycloud_handlers_failed", "Runs of handlers that raised.", ("type", "handler", "last")
)
_ended = Counter("ycloud_events_ended", "Events that were settled.", ("type", "state"))
_accept_seconds = Histogram(
    "ycloud_accept_seconds", "Verifying and storing a delivery.", ("endpoint",)
)
_handling_seconds = Histogram(
    "ycloud_handling_seconds", "One run of a handler.", ("type", "handler"),
    buckets=_HANDLING,
)  # fmt: skip


class MetricsBlueprint(GuardedBlueprint):
    """``GET <url_prefix>``, for Prometheus. Its access rules are those of the inspector."""

    defaults = {"name": "metrics", "url_prefix": "/ycloud/metrics"}  # noqa: RUF012

    def add_pages(self) -> None:
        """Add the page, and count the signals of each app."""
        self.add_url_rule("", view_func=expose, endpoint="expose")
        self.record(_listen)


def expose() -> Response:
    """The counters of all processes, and the backlog."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    else:
        counted = REGISTRY
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    _begin_at_zero(app)
    backlog = CollectorRegistry()
    backlog.register(Backlog(app))
    text = generate_latest(counted) + generate_latest(backlog)
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def _begin_at_zero(app: Flask) -> None:
    """Create counters before their first event, since a rate would miss that event."""
    for name in runtime_of(app).endpoints:
        for reason in (*_REASONS, *OUR_FAULTS):
            _rejected.labels(name, reason)
        for reason in OUR_FAULTS:
            _unavailable.labels(name, reason)


def _listen(setup: BlueprintSetupState) -> None:
    """Connect to the signals of an app: once, even if it is registered several times."""
    for signal, receiver in _RECEIVERS:
        signal.connect(receiver, sender=setup.app)


def _type(name: str | None) -> str:
    """A documented type, or "other": the values of a label must be bounded."""
    return name if name in EVENT_TYPES else "other"


def _on_accepted(app: Any, *, event_type: str | None, endpoint: str, seconds: float,
                 **_: Any) -> None:  # fmt: skip
    _accepted.labels(endpoint, _type(event_type)).inc()
    _accept_seconds.labels(endpoint).observe(seconds)


def _on_duplicated(app: Any, *, event_type: str | None, endpoint: str, seconds: float,
                   **_: Any) -> None:  # fmt: skip
    _duplicated.labels(endpoint, _type(event_type)).inc()
    _accept_seconds.labels(endpoint).observe(seconds)


def _on_conflicted(app: Any, *, event_type: str | None, endpoint: str, seconds: float,
                   **_: Any) -> None:  # fmt: skip
    _conflicted.labels(endpoint, _type(event_type)).inc()
    _accept_seconds.labels(endpoint).observe(seconds)


def _on_rejected(app: Any, *, endpoint: str, reason: str, **_: Any) -> None:
    _rejected.labels(endpoint, reason).inc()
    if reason in OUR_FAULTS:
        _unavailable.labels(endpoint, reason).inc()


def _on_succeeded(app: Any, *, event: Any, handler: str, seconds: float, **_: Any) -> None:
    _handled.labels(_type(event.type), handler).inc()
    _handling_seconds.labels(_type(event.type), handler).observe(seconds)


def _on_failed(app: Any, *, event: Any, handler: str, seconds: float,
               retry_in: float | None, **_: Any) -> None:  # fmt: skip
    last = "yes" if retry_in is None else "no"
    _failed.labels(_type(event.type), handler, last).inc()
    _handling_seconds.labels(_type(event.type), handler).observe(seconds)


def _on_done(app: Any, *, event_type: str | None, **_: Any) -> None:
    _ended.labels(_type(event_type), "done").inc()


def _on_dead(app: Any, *, event_type: str | None, **_: Any) -> None:
    _ended.labels(_type(event_type), "dead").inc()


_RECEIVERS: tuple[tuple[Any, Any], ...] = (
    (event_accepted, _on_accepted),
    (event_duplicated, _on_duplicated),
    (event_conflicted, _on_conflicted),
    (delivery_rejected, _on_rejected),
    (handler_succeeded, _on_succeeded),
    (handler_failed, _on_failed),
    (event_done, _on_done),
    (event_dead, _on_dead),
)

#: The ready-made blueprint: ``GET /ycloud/metrics``.
metrics_bp = MetricsBlueprint()
