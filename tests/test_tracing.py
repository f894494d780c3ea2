"""Spans, with OpenTelemetry's own SDK; and without it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator

import pytest
from flask import Flask
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flask_ycloud import on_event, tracing
from flask_ycloud.runtime import runtime_of

from .conftest import MakeApp
from .support import PATH, body_of, deliver, eventually, id_of

TYPE = "sms.message.updated"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def test_the_handler_is_in_the_trace_of_the_accept(
    make_app: MakeApp, spans: InMemorySpanExporter
) -> None:
    app = make_app(YCLOUD_DISPATCH="worker")
    on_event(TYPE, name="one")(lambda event: None)
    body = body_of()
    deliver(app, body)
    eventually(lambda: named(spans, "ycloud handle"))
    (accept,) = named(spans, "ycloud accept")
    (handle,) = named(spans, "ycloud handle")
    assert accept.context is not None
    assert handle.context is not None
    assert handle.parent is not None
    assert handle.context.trace_id == accept.context.trace_id
    assert handle.parent.span_id == accept.context.span_id
    assert dict(accept.attributes or {}) == {
        "ycloud.endpoint": "ycloud",
        "ycloud.event_id": id_of(body),
        "ycloud.event_type": TYPE,
    }
    assert dict(handle.attributes or {}) == {
        "ycloud.event_id": id_of(body),
        "ycloud.event_type": TYPE,
        "ycloud.endpoint": "ycloud",
        "ycloud.handler": "one",
        "ycloud.attempt": 1,
    }


def test_a_failure_is_marked_by_its_type_alone(
    make_app: MakeApp, spans: InMemorySpanExporter
) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline")

    @on_event(TYPE)
    def fail(event: object) -> None:
        raise ValueError("+447901614024")

    deliver(app, body_of())
    (handle,) = named(spans, "ycloud handle")
    assert handle.status.status_code is trace.StatusCode.ERROR
    assert (handle.attributes or {})["error.type"] == "ValueError"
    assert "+447901614024" not in handle.to_json()


def test_an_event_from_before_the_tracing(
    app: Flask, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_event(TYPE, name="one")(lambda event: None)
    monkeypatch.setattr(tracing, "current", lambda: None)
    deliver(app, body_of())
    (handle,) = named(spans, "ycloud handle")
    assert handle.parent is None


def test_without_opentelemetry(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "trace", None)
    runs: list[str] = []
    on_event(TYPE, name="one")(lambda event: runs.append(event.id))
    on_event(TYPE, name="two")(_fail)
    body = body_of()
    with pytest.raises(LookupError):
        deliver(app, body)
    assert len(runs) == 1
    assert runtime_of(app).inbox.list()[0].state == "pending"
    assert app.test_client().get(PATH).status_code == 405


def _fail(event: object) -> None:
    raise LookupError


def test_it_is_not_needed_to_import_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    spec = importlib.util.spec_from_file_location("a_copy", tracing.__file__)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    assert copy.trace is None
    assert copy.current() is None
