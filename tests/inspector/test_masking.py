"""Masking: personal data, hidden on request."""

from __future__ import annotations

import html
import json
import re

import pytest

from flask_ycloud import Discard, on_event
from flask_ycloud.inspector.masking import masked
from flask_ycloud.protocol import body_id

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of, samples
from .support import PAGE, TYPE, fail, inspected, words


def test_masking(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INSPECTOR_MASKS=True)
    client = inspected(app)
    body = body_of()
    deliver(app, body)
    deliver(app, b"hello +447901614024")
    page = client.get(f"{PAGE}events/{id_of(body)}").text
    sms = json.loads(body)["sms"]
    for name in ("to", "text", "id"):
        assert sms[name] not in html.unescape(page)
    assert '"status": "delivered"' in re.sub("<[^>]*>", "", html.unescape(page))
    assert "Personal data is masked" in page
    dead = client.get(f"{PAGE}events/{body_id(b'hello +447901614024')}").text
    assert "447901614024" not in dead


def test_what_is_masked() -> None:
    assert masked({"status": "sent", "sms": [1, None, True, {"type": ["x"]}]}) == {
        "status": "sent",
        "sms": ["•••", None, "•••", {"type": ["•••"]}],
    }


@pytest.mark.parametrize(
    ("name", "value", "passes"),
    [
        ("type", "whatsapp.inbound_message.received", True),
        ("type", "image", True),
        ("type", "UNDELIVERABLE_2", True),
        ("type", "Dr Example, oncology ward", False),
        ("type", "447901614024", False),
        ("type", "x" * 41, False),
        ("type", True, False),
        ("type", 447901614024, False),
        ("status", "ann@example.org", False),
        ("status", "+447901614024", False),
        ("errorCode", "131026", True),
        ("errorCode", 131026, True),
        ("errorCode", "447901614024447", False),
        ("apiVersion", "v2", True),
        ("apiVersion", "Ann", False),
        ("createTime", "2024-01-01T12:00:00.000Z", True),
        ("updateTime", "2024-01-01T12:00:00+01:00", True),
        ("createTime", "Ann, 2024-01-01T12:00:00Z", False),
        ("id", "evt_1", False),
    ],
)
def test_what_looks_like_a_word_of_the_catalogue(
    name: str, value: object, passes: bool
) -> None:
    assert masked({name: value}) == {name: value if passes else "•••"}


def test_what_a_customer_has_chosen_is_masked() -> None:
    """A shared contact card, attributes of a contact, and objects whose names are data."""
    message = {
        "contacts": [{"phones": [{"type": "Oncology", "phone": "1"}], "type": "Ann"}],
        "customAttributes": [{"name": "status", "value": "ill", "type": "Diagnosis"}],
        "type": "contacts",
    }
    assert masked({"whatsappInboundMessage": message}) == {
        "whatsappInboundMessage": {
            "contacts": [{"phones": [{"type": "•••", "phone": "•••"}], "type": "•••"}],
            "customAttributes": [{"name": "•••", "value": "•••", "type": "•••"}],
            "type": "contacts",
        }
    }
    by_number = {"+447901614024": {"status": "Ann"}, "+447901614025": {"type": "Bob"}}
    assert masked({"changedAttributes": by_number}) == {
        "changedAttributes": {"••• 1": {"status": "•••"}, "••• 2": {"type": "•••"}}
    }
    assert masked(by_number) == {"••• 1": {"status": "•••"}, "••• 2": {"type": "•••"}}


@pytest.mark.parametrize(("event_type", "body"), samples())
def test_the_names_of_every_sample_are_shown(event_type: str, body: bytes) -> None:
    assert event_type in str(masked(json.loads(body)))
    assert "'••• " not in str(masked(json.loads(body)))


def test_reasons_and_messages_are_masked(make_app: MakeApp) -> None:
    app = make_app(
        TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[],
        YCLOUD_INSPECTOR_MASKS=True, YCLOUD_ERROR_MESSAGES=True,
    )  # fmt: skip
    client = inspected(app)

    @on_event(TYPE, name="drops")
    def drop(event: object) -> None:
        raise Discard("unknown customer +447901614024")

    on_event(TYPE, name="bad")(fail)
    body = body_of(sms={"text": "x"})
    deliver(app, body)
    page = words(client.get(f"{PAGE}events/{id_of(body)}"))
    assert "447901614024" not in page
    assert "drops discarded 1 •••" in page
    assert re.search(r"bad failed 1 of 1 ValueError at \S+ in fail: •••", page)


def test_the_filter_tells_no_message_that_is_masked(make_app: MakeApp) -> None:
    app = make_app(
        TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[],
        YCLOUD_INSPECTOR_MASKS=True, YCLOUD_ERROR_MESSAGES=True,
    )  # fmt: skip
    client = inspected(app)
    on_event(TYPE, name="bad")(fail)
    body = body_of()
    deliver(app, body)

    def finds(text: str) -> bool:
        return id_of(body) in client.get(f"{PAGE}?state=dead&error={text}").text

    assert finds("ValueError")
    assert not finds("4479")
    assert not finds("447901614024")
