"""From bytes to an Event, and what is not understood."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_ycloud import Event, EventNotUnderstood, InboxUnavailable, parse_event
from flask_ycloud.protocol import EVENT_TYPES, body_id, conversation_names

COMMON = {
    "id": "evt_123456",
    "type": "sms.message.updated",
    "apiVersion": "v2",
    "createTime": "2022-03-01T12:00:00.123Z",
}


def parse(**changes: Any) -> Event[Any]:
    return parse_event(json.dumps(COMMON | changes).encode())


def test_the_common_properties() -> None:
    event = parse(sms={"id": "1"})
    assert (event.id, event.type, event.api_version) == ("evt_123456", COMMON["type"], "v2")
    assert event.create_time == datetime(2022, 3, 1, 12, 0, 0, 123000, timezone.utc)
    assert event.raw["sms"] == event.data == {"id": "1"}
    assert event.attempt == 1
    assert event.received_at.tzinfo is timezone.utc


def test_endpoint_and_arrival_are_given() -> None:
    then = datetime(2024, 1, 1, tzinfo=timezone.utc)
    event = parse_event(json.dumps(COMMON).encode(), endpoint="eu", received_at=then)
    assert (event.endpoint, event.received_at) == ("eu", then)


def test_a_connection_is_there_while_a_handler_runs() -> None:
    with pytest.raises(InboxUnavailable, match="in its own thread, while it runs"):
        parse().connection  # noqa: B018


def test_no_repr_shows_the_payload() -> None:
    assert "+447901614024" not in repr(parse(sms={"to": "+447901614024"}))


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2022-03-01T12:00:00Z", datetime(2022, 3, 1, 12)),
        ("2022-03-01t12:00:00z", datetime(2022, 3, 1, 12)),
        ("2022-03-01T12:00:00.1Z", datetime(2022, 3, 1, 12, 0, 0, 100000)),
        ("2022-03-01T12:00:00.123456789Z", datetime(2022, 3, 1, 12, 0, 0, 123456)),
        ("2022-03-01T14:30:00+02:30", datetime(2022, 3, 1, 12)),
        ("2022-03-01T02:00:00-10:00", datetime(2022, 3, 1, 12)),
    ],
)
def test_create_time_in_rfc_3339(written: str, utc: datetime) -> None:
    time = parse(createTime=written).create_time
    assert time == utc.replace(tzinfo=timezone.utc)
    assert time.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("properties", "data"),
    [
        ({"sms": {"a": 1}, "phase": 1, "more": {}}, {"a": 1}),
        ({"smsMessage": {"a": 1}, "more": {}}, {"a": 1}),
        ({"surprise": {"a": 1}}, {"a": 1}),
        ({"surprise": "text"}, "text"),
        ({"surprise": {"a": 1}, "count": 3}, {"a": 1}),
        ({"one": {}, "two": {}}, {"one": {}, "two": {}}),
        ({"phase": 1, "progress": 2}, {"phase": 1, "progress": 2}),
        ({}, {}),
    ],
)
def test_data_is_found_whichever_name_it_came_by(properties: Any, data: Any) -> None:
    assert parse(**properties).data == data


def test_an_unknown_type_passes_with_its_one_property_as_data() -> None:
    event = parse(type="fax.message.sent", fax={"pages": 3})
    assert event.data == {"pages": 3}


def test_the_older_envelope_of_flow_events_is_understood() -> None:
    """docs.ycloud.com/reference-link/whatsapp-flow-webhook-examples"""
    raw = {
        "eventId": "evt_123456",
        "eventType": "whatsapp.flow.status_change",
        "apiVersion": "v2",
        "createTime": "2025-09-11T07:24:52.000Z",
        "flowChanges": {"flowId": "1"},
    }
    event = parse_event(json.dumps(raw).encode())
    assert (event.id, event.type) == ("evt_123456", "whatsapp.flow.status_change")
    assert event.data == {"flowId": "1"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"{", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"[]", "not an object"),
        (b"1", "not an object"),
        (b"null", "not an object"),
        (b"[" * 100_000, "too deeply"),
        (b'{"a":' * 100_000, "too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "NaN"),
        (b'{"a": 1, "a": 2}', "same key twice"),
        (b'{"b": {"a": 1, "a": 2}}', "same key twice"),
        (b"{}", "no type"),
    ],
)
def test_hostile_json_is_not_understood(body: bytes, reason: str) -> None:
    with pytest.raises(EventNotUnderstood, match=reason):
        parse_event(body)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ""}, "no id"),
        ({"id": 7}, "no id"),
        ({"id": "x" * 256}, "id is not"),
        ({"id": "sha256:" + "0" * 64}, "which is ours"),
        ({"type": "x" * 129}, "type is not"),
        ({"id": "a\0b"}, "id is not"),
        ({"id": "a\ud800b"}, "id is not"),
        ({"type": None}, "no type"),
        ({"type": "a\nb"}, "type is not"),
        ({"apiVersion": 2}, "no apiVersion"),
        ({"createTime": None}, "no createTime"),
        ({"createTime": 1654084800}, "no createTime"),
        ({"createTime": "yesterday"}, "no createTime"),
        ({"createTime": "2022-02-30T12:00:00Z"}, "not a time"),
        ({"createTime": "0001-01-01T00:00:00+10:00"}, "not a time"),
        ({"createTime": "٢٠٢٢-03-01T12:00:00Z"}, "no createTime"),
    ],
)
def test_a_wrong_envelope_is_not_understood(changes: Any, reason: str) -> None:
    with pytest.raises(EventNotUnderstood, match=reason):
        parse(**changes)


def test_a_reason_quotes_nothing() -> None:
    with pytest.raises(EventNotUnderstood) as caught:
        parse_event(b'{"to": "+447901614024", "to": "+447901614024"}')
    assert "447" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.binary())
def test_any_bytes_give_an_event_or_are_not_understood(body: bytes) -> None:
    with pytest.raises(EventNotUnderstood):
        parse_event(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.sampled_from([*COMMON, "sms", "smsMessage", "eventId"]) | st.text(), JSON
    )
)
def test_any_json_gives_an_event_or_is_not_understood(changes: dict[str, Any]) -> None:
    body = json.dumps(COMMON | changes).encode()
    try:
        event = parse_event(body)
    except EventNotUnderstood:
        return
    assert event.raw == json.loads(body)
    assert all(len(name) == 32 for name in conversation_names(event))


def test_what_is_not_understood_is_kept_by_its_hash() -> None:
    assert body_id(b"") == (
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


INBOUND = "whatsapp.inbound_message.received"
ECHO = "whatsapp.smb.message.echoes"
BUSINESS = "+16315551111"
CUSTOMER = "+447901614024"


def names(
    type: str = INBOUND, endpoint: str = "", tenant: str | None = None, **data: Any
) -> Any:
    (known, *_) = EVENT_TYPES[type].properties
    body = json.dumps(COMMON | {"type": type, known: data}).encode()
    return conversation_names(parse_event(body, endpoint=endpoint, tenant=tenant))


def message(**changes: Any) -> Any:
    return names(**{"from": CUSTOMER, "to": BUSINESS, "id": "1"} | changes)


def test_the_name_of_a_conversation() -> None:
    """Same numbers, same name; nothing of them can be read in it."""
    (one,) = message()
    assert (one,) == message(id="2")
    assert (one,) != message(**{"from": "+447901614025"})
    assert "447901614024" not in one
    assert message(**{"from": CUSTOMER[1:]}) == (one,), (
        "YCloud leaves out the plus at times"
    )
    assert message(**{"from": 7}) == message(**{"from": None}) == ()
    assert message(**{"from": "\ud800"}) != ()


def test_a_customer_is_named_by_the_user_id_before_the_number() -> None:
    (by_number,) = message()
    (by_id,) = names(fromUserId="US.1", to=BUSINESS)
    assert by_number != by_id
    assert message(fromUserId="US.1") == (by_id, by_number)


def test_a_note_without_any_number_is_of_the_conversation_before() -> None:
    """The event ``user_changed_user_id`` has neither a number nor the user id."""
    system = {"type": "user_changed_user_id", "previous_user_id": "US.1"}
    note = names(to=BUSINESS, type=INBOUND, system=system)
    assert note == names(fromUserId="US.1", to=BUSINESS)
    assert names(to=BUSINESS, system="odd") == ()


def test_a_group_is_named_before_its_member() -> None:
    one = message(groupId="g@g.us")
    assert one == names(fromUserId="US.1", to=BUSINESS, groupId="g@g.us")
    assert one == names("whatsapp.group.settings_update", groupId="g@g.us")
    assert one != message()


def test_an_echo_is_of_the_conversation_that_it_answers() -> None:
    echo = {"from": BUSINESS, "to": CUSTOMER}
    for type in (ECHO, "whatsapp.smb.message.created"):
        assert names(type, **echo) == message()
        assert names(type, **echo, toUserId="US.1") == message(fromUserId="US.1")


def test_a_status_of_a_group_message_is_of_the_group() -> None:
    body = COMMON | {
        "type": "whatsapp.message.updated",
        "whatsappGroup": {"groupId": "g@g.us"},
    }
    event = parse_event(json.dumps(body).encode())
    assert conversation_names(event) == message(groupId="g@g.us")


def test_notes_are_in_order_with_their_contact() -> None:
    assert names("contact.note.updated", contactId="c") == names("contact.created", id="c")


def test_each_endpoint_and_each_tenant_has_names_of_its_own() -> None:
    found = {
        names(fromUserId="US.1", to=BUSINESS, endpoint=endpoint, tenant=tenant)
        for endpoint in ("one", "two")
        for tenant in (None, "acme", "beta")
    }
    assert len(found) == 6


def test_events_without_a_conversation_have_no_name() -> None:
    assert conversation_names(parse(type="fax.message.sent")) == ()
    assert names("whatsapp.template.reviewed") == ()
    assert conversation_names(parse(sms="text")) == ()


@pytest.mark.parametrize("length", [6, 128, 129, 255])
def test_ids_of_up_to_255_characters(length: int) -> None:
    event_id = "evt_" + "a" * (length - 4)
    assert parse(id=event_id).id == event_id


def test_an_event_has_its_bytes_and_where_it_came_from() -> None:
    body = b" " + json.dumps(COMMON | {"sms": {"to": "+1555"}}).encode() + b"\n"
    event = parse_event(body, endpoint="hooks", tenant="acme", endpoint_id="wh1")
    assert (event.body, event.endpoint) == (body, "hooks")
    assert (event.tenant, event.endpoint_id) == ("acme", "wh1")
    assert "+1555" not in repr(event)
