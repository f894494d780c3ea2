"""OpenTelemetry spans from accept to handler, if ``opentelemetry-api`` is installed.

The context of the accept is stored with the event, as W3C Trace Context. So a handler that
runs in another process, hours later, is in the same trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

trace: Any
propagation: Any
try:
    from opentelemetry import trace
    from opentelemetry.trace.propagation import tracecontext as propagation
except ModuleNotFoundError:
    trace = propagation = None

_HEADER = "traceparent"


def _is_traced() -> bool:
    """Whether spans are collected. Otherwise none are created, which would be slow."""
    return trace is not None and not isinstance(
        trace.get_tracer_provider(), trace.ProxyTracerProvider
    )


@contextmanager
def accepting(endpoint: str) -> Iterator[None]:
    """A span while a delivery is verified and stored."""
    if not _is_traced():
        yield
        return
    tracer = trace.get_tracer("flask_ycloud")
    with tracer.start_as_current_span(
        "ycloud accept",
        kind=trace.SpanKind.PRODUCER,
        attributes={"ycloud.endpoint": endpoint},
        record_exception=False,  # it may quote the payload
    ):
        yield


def note(**attributes: str | int) -> None:
    """Add attributes to the current span."""
    if _is_traced():
        span = trace.get_current_span()
        span.set_attributes({f"ycloud.{name}": v for name, v in attributes.items()})


def current() -> str | None:
    """The context to store with an event; ``None`` outside a trace."""
    if not _is_traced():
        return None
    carrier: dict[str, str] = {}
    propagation.TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(_HEADER)


@contextmanager
def handling(traceparent: str | None, **attributes: str | int) -> Iterator[Any]:
    """A span around one run of a handler, in the trace of the accept."""
    if not _is_traced():
        yield
        return
    kept = {} if traceparent is None else {_HEADER: traceparent}
    tracer = trace.get_tracer("flask_ycloud")
    with tracer.start_as_current_span(
        "ycloud handle",
        context=propagation.TraceContextTextMapPropagator().extract(kept),
        kind=trace.SpanKind.CONSUMER,
        attributes={f"ycloud.{name}": value for name, value in attributes.items()},
        record_exception=False,
    ):
        yield


def failed(error: BaseException) -> None:
    """Mark the current span as failed, with only the error's type."""
    if _is_traced():
        name = type(error).__qualname__
        span = trace.get_current_span()
        span.set_status(trace.Status(trace.StatusCode.ERROR, name))
        span.set_attribute("error.type", name)
