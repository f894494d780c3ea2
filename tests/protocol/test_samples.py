"""The samples: each has its source, and the types of payloads are true of it."""

from __future__ import annotations

import functools
import operator
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from flask_ycloud import payloads
from flask_ycloud.payloads import PAYLOADS, WhatsappInboundMessage
from flask_ycloud.protocol import EVENT_TYPES, parse_event, sample

from ..support import samples

SAMPLES = files("flask_ycloud.protocol") / "samples"
SOURCES = Path(__file__).parents[2] / "scripts" / "payloads"


def strictly(kind: Any) -> TypeAdapter[Any]:
    """Takes lists of a type, and refuses what the type lacks, at any depth."""
    # A list, since a TypedDict takes its configuration from what it is in.
    return TypeAdapter(list[kind], config=ConfigDict(extra="forbid", strict=True))


def inbound(**changes: Any) -> dict[str, Any]:
    common = {"id": "1", "wamid": "wamid.1", "wabaId": "2", "to": "+15550002222"}
    return common | changes


@pytest.mark.parametrize(("name", "body"), samples())
def test_no_sample_has_a_key_that_its_type_lacks(name: str, body: bytes) -> None:
    event = parse_event(body)
    if event.raw.keys().isdisjoint(EVENT_TYPES[name].properties):
        # Only how far it is, says the page: there is no message.
        assert set(event.data) == {"phase", "progress"}
        return
    strictly(functools.reduce(operator.or_, PAYLOADS[name])).validate_python([event.data])


def test_the_check_itself_finds_what_is_wrong() -> None:
    sms = sample("sms.message.updated")["sms"]
    for change in ({"surprise": 1}, {"id": 7}, {"status": None}):
        with pytest.raises(ValidationError):
            strictly(payloads.Sms).validate_python([sms | change])
    with pytest.raises(ValidationError):
        strictly(payloads.Sms).validate_python([{"id": sms["id"]}])


def test_the_types_leave_room_for_what_ycloud_adds() -> None:
    sms = sample("sms.message.updated")["sms"] | {"status": "lost", "new": 1}
    assert TypeAdapter(payloads.Sms).validate_python(sms)["status"] == "lost"
    message = inbound(type="hologram", hologram={})
    checked: Any = TypeAdapter(WhatsappInboundMessage).validate_python(message)
    assert checked["type"] == "hologram"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"type": "text", "text": {}},
        {"type": "image", "text": {"body": "Hi"}},
        {"type": 7},
    ],
)
def test_a_message_is_of_one_kind(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(WhatsappInboundMessage).validate_python(inbound(**wrong))


def test_no_number_is_required_of_a_customer() -> None:
    for member in get_args(WhatsappInboundMessage):
        assert "from" in member.__optional_keys__
        assert {"id", "to", "type"} <= member.__required_keys__


def test_each_message_requires_what_it_is_named_after() -> None:
    for member in get_args(WhatsappInboundMessage)[:-1]:
        [kind] = get_args(member.__annotations__["type"])
        content = {kind} & set(member.__annotations__) - {"unsupported"}
        assert content <= member.__required_keys__


def test_every_event_type_has_a_payload_type() -> None:
    assert list(PAYLOADS) == list(EVENT_TYPES)


def test_the_catalogue_has_all_types_that_ycloud_documents() -> None:
    """A new one is in the next copy of the schema, or on a page of its own."""
    schema = yaml.safe_load((SOURCES / "openapi.yaml").read_text("utf-8"))
    enum = set(schema["EventType"]["enum"])
    pages = yaml.safe_load((SOURCES / "pages.yaml").read_text("utf-8"))
    assert not enum & set(pages)
    assert set(EVENT_TYPES) == enum | set(pages)
    assert len(EVENT_TYPES) == 47  # says YCloud's overview
    assert pages == {name: EVENT_TYPES[name].page for name in pages}


def test_every_sample_names_its_source() -> None:
    table = (SAMPLES / "README.rst").read_text("utf-8")
    rows = re.findall(r"^(\S+\.json) +(?:documented|synthetic) +\S", table, re.M)
    assert rows == sorted(each.name for each in SAMPLES.iterdir() if each.name[-1] == "n")
