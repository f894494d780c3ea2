"""What an event is searched by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_ycloud.protocol import (
    EVENT_TYPES,
    names_in,
    parse_event,
    plain_name,
    sample_event,
    searched_name,
)

SAME = [
    "+44 7901 614024", "447901614024", "+447901614024", "00447901614024",
    "+44-7901-614-024", "+44 (7901) 614.024", "44 7901/614024", " +44 7901 614024\n",
    "+44\u00a07901\u202f614024", "\u202a+44 7901 614024\u202c", "+44\u20117901\u2013614024",
]  # fmt: skip


@pytest.mark.parametrize("written", SAME)
def test_a_number_is_the_same_however_it_is_written(written: str) -> None:
    assert plain_name(written) == "447901614024"
    assert searched_name(written) == "447901614024"


@pytest.mark.parametrize("written", ["+44 (0) 7901 614024", "0044(0)7901 614024"])
def test_the_zero_in_brackets_is_only_dialled_inside_of_a_country(written: str) -> None:
    assert searched_name(written) == "447901614024"


def test_without_a_country_the_zero_stays() -> None:
    assert searched_name("7901 (0) 614024") == "79010614024"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("John.Doe@Example.com ", "john.doe@example.com"),
        ("US.1234", "us.1234"),
        ("wamid.BgNODYxN-_+/=", "wamid.bgnodyxn-_+/="),
        ("1-a", "1-a"),
        ("+", ""),
        (" \u202a", ""),
        ("", ""),
        ("²", "²"),
        ("\ud800", "\ud800"),
    ],
)
def test_other_names_differ_in_more_than_upper_and_lower_case(
    written: str, name: str
) -> None:
    assert plain_name(written) == searched_name(written) == name


def of(**data: Any) -> tuple[str, ...]:
    event = {
        "id": "evt_1", "type": "whatsapp.inbound_message.received", "apiVersion": "v2",
        "createTime": "2026-05-13T00:00:00.000Z", "whatsappInboundMessage": data,
    }  # fmt: skip
    return names_in(parse_event(json.dumps(event).encode()))


def test_both_sides_the_message_and_the_one_that_it_answers_are_names() -> None:
    message = {
        "id": "63f7", "wamid": "wamid.AB", "wabaId": "1", "from": "+1555", "to": "+44",
        "fromUserId": "US.1", "customerProfile": {"name": "Joe"},
        "text": {"body": "+49 555", "id": "x"}, "context": {"from": "+44", "id": "wamid.C"},
    }  # fmt: skip
    assert of(**message) == ("63f7", "wamid.ab", "1555", "44", "us.1", "wamid.c")


def test_members_of_a_group_are_names() -> None:
    contacts = [{"waId": "1"}, "odd", {"waId": "2", "recipientUserId": "US.2"}]
    assert of(contacts=contacts, statuses=[]) == ("1", "2", "us.2")


def test_what_is_no_text_or_too_long_or_empty_is_no_name() -> None:
    assert of(id=5, wamid=None, to={"id": "1"}, email="a" * 513, userId=" ") == ()
    assert of(context=["a", None]) == ()


def test_no_more_than_sixteen_are_taken() -> None:
    many = [{"waId": str(number)} for number in range(100)]
    assert of(contacts=many) == tuple(map(str, range(16)))


def test_deep_nesting_is_left() -> None:
    deep: dict[str, Any] = {"id": "deep"}
    for _ in range(200):
        deep = {"context": deep}
    assert of(**deep) == ()


def test_data_that_is_no_object_has_none() -> None:
    event = {"id": "evt_1", "type": "new", "apiVersion": "v2", "data": "+1555",
             "createTime": "2026-05-13T00:00:00.000Z"}  # fmt: skip
    assert names_in(parse_event(json.dumps(event).encode())) == ()


#: What is about the account and nobody in it, by the start of the type.
_NOBODY = ("whatsapp.flow.", "whatsapp.template.", "whatsapp.payment.", "whatsapp.account.")


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_documented_event_about_a_person_has_names(event_type: str) -> None:
    found = names_in(parse_event(json.dumps(sample_event(event_type)).encode()))
    assert found or event_type.startswith(_NOBODY), "add its properties"
    assert len(found) <= 8
