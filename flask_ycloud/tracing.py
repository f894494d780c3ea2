"""OpenTelemetry spans, from the accept to the handler, if ``opentelemetry-api`` is there.

The context of the accept is kept with the event, as W3C Trace Context has it. So a handler
that runs in another process, hours later, is in the same trace.
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
    """Whether somebody collects spans; else making them would cost as much as handling."""
    return trace is not None and not isinstance(
        trace.get_tracer_provider(), trace.ProxyTracerProvider
    )


@contextmanager
def accepting(endpoint: str) -> Iterator[None]:
    """A span around the verifying and storing of a delivery."""
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
    """Add what is known by now to the current span."""
    if _is_traced():
        span = trace.get_current_span()
        span.set_attributes({f"ycloud.{name}": v for name, v in attributes.items()})


def current() -> str | None:
    """The context to keep with an event; ``None`` outside any trace."""
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
    """Mark the current span as failed, only by the error's type."""
    if _is_traced():
        name = type(error).__qualname__
        span = trace.get_current_span()
        span.set_status(trace.Status(trace.StatusCode.ERROR, name))
        span.set_attribute("error.type", name)
