"""Mistyped fields are refused, at any depth."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from flask_ycloud.fields import change
from flask_ycloud.protocol import EVENT_TYPES, sample, variants
from flask_ycloud.testing import FakeYCloud, sample_event

TYPE = "sms.message.updated"
INBOUND = "whatsapp.inbound_message.received"
PLUS = r"write \+ before its name in the path"


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        ("statuss", "failed", "has no 'statuss': did you mean 'status'"),
        ("zzzzzz", 1, r"has no 'zzzzzz'\. To add"),
        ("event.idd", "1", "has no 'event.idd': did you mean 'event.id'"),
        ("event.sms.stauts", "1", "'event.sms.stauts': did you mean 'event.sms.status'"),
        ("event.sms", {"stauts": 1}, "'event.sms.stauts': did you mean 'event.sms.status'"),
    ],
)
def test_a_mistyped_field(path: str, value: Any, hint: str) -> None:
    with pytest.raises(LookupError, match=hint) as caught:
        sample_event(TYPE, **{path: value})
    caught.match(PLUS)


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        ("text.bdoy", "Hello", "'text.bdoy': did you mean 'text.body'"),
        ("text", {"bdoy": "Hello"}, "'text.bdoy': did you mean 'text.body'"),
        ("context.idd", "1", "'context.idd': did you mean 'context.id'"),
        ("contacts", [{"nmae": {}}], "'contacts.0.nmae': did you mean 'contacts.0.name'"),
        ("fromUserld", "1", "did you mean 'fromUserId'"),
    ],
)
def test_at_any_depth_whether_the_sample_has_it_or_not(
    path: str, value: Any, hint: str
) -> None:
    with pytest.raises(LookupError, match=hint):
        sample_event(INBOUND, **{path: value})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("fromUserId", "user1"),
        ("context.id", "wamid.1"),
        ("image", {"link": "https://example.org/1.png"}),
        ("contacts", [{"name": {"first_name": "Ada"}}]),
        ("errors", [{"code": "1"}]),
    ],
)
def test_what_the_types_know_is_taken(path: str, value: Any) -> None:
    data = sample_event(INBOUND, **{path: value})["whatsappInboundMessage"]
    for step in path.split("."):
        data = data[step]
    assert data == value


@pytest.mark.parametrize("path", ["status.x", "", "event.sms.status.x", "externalId.0"])
def test_a_path_that_leads_nowhere(path: str) -> None:
    with pytest.raises(LookupError, match=f"The path '{path}' leads nowhere"):
        sample_event(TYPE, **{path: "1"})


def test_items_of_lists() -> None:
    path = "contacts.0.name.first_name"
    event = sample_event(INBOUND, variant="contacts", **{path: "Ada"})
    assert event["whatsappInboundMessage"]["contacts"][0]["name"]["first_name"] == "Ada"
    with pytest.raises(LookupError, match=r"did you mean 'contacts\.0\.name\.first_name'"):
        sample_event(INBOUND, variant="contacts", **{"contacts.0.name.firstname": "Ada"})
    for path, value in (
        ("contacts.9.name.first_name", "Ada"),
        ("contacts.x", "Ada"),
        ("contacts", {"name": {}}),
    ):
        with pytest.raises(LookupError, match="leads nowhere"):
            sample_event(INBOUND, variant="contacts", **{path: value})
    with pytest.raises(LookupError, match="leads nowhere"):
        sample_event(INBOUND, **{"contacts.0": {}})


def test_where_any_name_goes() -> None:
    event = sample_event("contact.created", **{"customAttributes.shoe size": 42})
    assert event["contactCreated"]["customAttributes"]["shoe size"] == 42


def test_a_new_field_has_a_plus() -> None:
    changes = {"text.+language": "en", "+extra.why.not": 1, "event.+region": "eu"}
    event = sample_event(INBOUND, **changes)
    message = event["whatsappInboundMessage"]
    assert message["text"]["language"] == "en"
    assert message["extra"] == {"why": {"not": 1}}
    assert event["region"] == "eu"
    assert sample_event(TYPE, **{"+sent": {"by": "me"}})["sms"]["sent"] == {"by": "me"}


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_field_of_every_sample_is_taken(name: str) -> None:
    for variant in (None, *variants(name)):
        event = sample(name, variant)
        again = json.loads(json.dumps(event))
        change(name, again, {f"event.{key}": value for key, value in event.items()})
        assert again == event


def test_the_fake_refuses_them_too(app: Flask) -> None:
    ycloud = FakeYCloud(app)
    with pytest.raises(LookupError, match="did you mean 'status'"):
        ycloud.send(TYPE, statuss="failed")
    assert ycloud.deliveries == []
    first = ycloud.send(TYPE)
    with pytest.raises(LookupError, match="did you mean 'status'"):
        ycloud.send_conflict(first, statuss="failed")
    older = ycloud.send(sample("whatsapp.flow.status_change", "older_envelope"))
    assert ycloud.send_conflict(older, **{"event.apiVersion": "v3"}).acknowledged


def test_the_command_refuses_them_too(app: Flask) -> None:
    command = ["ycloud", "send", INBOUND, "--set", "text.bdoy=Hello"]
    result = app.test_cli_runner().invoke(args=command)
    assert result.exit_code == 2
    assert "did you mean 'text.body'?" in result.output


def test_fields_may_have_the_names_of_parameters() -> None:
    event = sample_event("whatsapp.call.connect", **{"+name": "n", "+event": "e"})
    assert event["type"] == "whatsapp.call.connect"
