"""What an event is about, in a line."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from flask import Flask

from flask_ycloud.inbox import StoredEvent
from flask_ycloud.inspector.summaries import summary

from ..conftest import MakeApp
from ..support import body_of, deliver, samples
from .support import PAGE, inspected, words


def event(body: bytes, event_type: str | None = "x") -> StoredEvent:
    now = datetime.now(timezone.utc)
    return StoredEvent(
        "evt_1", event_type, "ycloud", "done", now, None, None, None, None, 1, lambda: body
    )


def of(event_type: str, data: dict[str, Any], **more: Any) -> StoredEvent:
    return event(body_of(event_type, **data, **more), event_type)


def test_messages() -> None:
    inbound = of("whatsapp.inbound_message.received", {})
    assert summary(inbound, hide=False).startswith("text · +")
    assert " → +" in summary(inbound, hide=False)
    assert summary(inbound, hide=True) == "text"
    failed = of("sms.message.updated", {"sms": {"status": "failed", "errorCode": "30005"}})
    assert summary(failed, hide=True) == "failed · 30005"
    long = of("sms.message.updated", {"sms": {"text": "a\n" * 200}})
    assert len(summary(long, hide=False)) == 91
    assert "\n" not in summary(long, hide=False)


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"[" * 100_000, json.dumps({"id": "1"}).encode()]
)
def test_nothing_to_say(body: bytes) -> None:
    assert summary(event(body), hide=False) == ""


@pytest.mark.parametrize(("event_type", "body"), samples())
def test_every_sample(event_type: str, body: bytes) -> None:
    hidden = summary(event(body, event_type), hide=True)
    assert not any(each in hidden for each in ("+", "@", "@"))
    assert len(summary(event(body, event_type), hide=False)) <= 91


def test_data_that_is_no_object() -> None:
    body = {"id": "evt_1", "type": "of.our.own", "apiVersion": "v2", "thing": ["x"]}
    body["createTime"] = "2026-01-01T00:00:00.000Z"
    assert summary(event(json.dumps(body).encode()), hide=False) == ""


@pytest.mark.parametrize("masks", [True, False])
def test_the_list_has_them(make_app: MakeApp, masks: bool) -> None:
    app: Flask = make_app(YCLOUD_INSPECTOR_MASKS=masks)
    client = inspected(app)
    deliver(app, body_of("whatsapp.inbound_message.received", **{
        "whatsappInboundMessage": {"text": {"body": "my card is 4111"}},
    }))  # fmt: skip
    for page in ("", "rows"):
        assert ("my card is 4111" in words(client.get(PAGE + page))) != masks or page
    assert ("4111" in client.get(PAGE).text) == (not masks)


def test_half_a_character() -> None:
    body = b'{"id": "1", "type": "a.b", "apiVersion": "v2", "createTime":'
    body += b' "2026-01-01T00:00:00.000Z", "x": {"text": "\\udcff"}}'
    assert summary(event(body), hide=False) == "\\udcff"
