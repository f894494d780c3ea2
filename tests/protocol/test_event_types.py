"""The catalogue and its samples."""

from __future__ import annotations

import json

import pytest

from flask_ycloud.protocol import (
    EVENT_TYPES,
    closest_hint,
    conversation_names,
    parse_event,
    patterns,
    sample,
    sample_event,
)

from ..support import samples


@pytest.mark.parametrize(("name", "body"), samples())
def test_every_sample_parses(name: str, body: bytes) -> None:
    event = parse_event(body)
    known = EVENT_TYPES[name]
    assert event.type == name
    assert isinstance(event.data, dict)
    found = [event.raw[each] for each in known.properties if each in event.raw]
    if found:  # whatsapp.smb.history may tell no more than how far it is
        assert event.data == found[0]
        assert bool(conversation_names(event)) == bool(known.keys)
    else:
        assert set(event.data) == {"phase", "progress"}


def test_every_type_has_a_sample() -> None:
    assert {sample(name)["type"] for name in EVENT_TYPES} == set(EVENT_TYPES)


def test_every_type_names_its_page() -> None:
    page = EVENT_TYPES["whatsapp.inbound_message.received"].page
    assert page.endswith("/webhook-reference/whatsapp-inbound-message-received")


def test_a_sample_is_another_event_each_time() -> None:
    one, two = sample_event("contact.created"), sample_event("contact.created")
    assert one["id"] != two["id"]
    assert one["contactCreated"] == two["contactCreated"]
    assert parse_event(json.dumps(one).encode()).create_time.year >= 2026


def test_a_sample_of_an_unknown_type_says_what_is_close() -> None:
    with pytest.raises(LookupError, match=r"did you mean 'contact\.created'"):
        sample("contact.create")


def test_patterns_go_from_narrow_to_wide() -> None:
    assert list(patterns("a.b.c")) == ["a.b.c", "a.b.*", "a.*", "*"]
    assert list(patterns("a")) == ["a", "*"]


def test_the_hint_gives_up_on_what_is_like_nothing() -> None:
    assert "no documented type" in closest_hint("zzz")


def test_every_type_says_where_it_is_documented() -> None:
    pages = {name: each.page for name, each in EVENT_TYPES.items()}
    assert pages["sms.message.updated"].endswith("/webhook-reference/sms-message-updated")
    listed = "https://docs.ycloud.com/reference/webhook-events-payloads"
    assert pages["whatsapp.smb.app.state.sync"] == listed
