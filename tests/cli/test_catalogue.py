"""``types``: the catalogue in a terminal."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from flask_ycloud.protocol import EVENT_TYPES, patterns

from ..support import call

TYPE = "sms.message.updated"


def test_the_types(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = call(app, "types").output.splitlines()
    assert [line.split()[0] for line in lines] == ["TYPE", *EVENT_TYPES]
    found = call(app, "types", "SMS.").output
    assert TYPE in found
    assert "An SMS was delivered, or could not be delivered." in found
    assert "whatsapp" not in found
    assert "image" in call(app, "types", "inbound_message").output
    result = call(app, "types", "sms.message.update_")
    assert result.exit_code == 1
    assert result.output.startswith("Error: No documented event type has 'sms.message")
    assert TYPE in result.output


def test_the_types_of_a_pattern(app: Flask) -> None:
    found = call(app, "types", "whatsapp.template.*", "--ids").output.split()
    assert found == [n for n in EVENT_TYPES if "whatsapp.template.*" in patterns(n)]
    assert call(app, "types", "*", "--ids").output.split() == list(EVENT_TYPES)
    assert call(app, "types", TYPE, "--ids").output == f"{TYPE}\n"


def test_the_types_as_json(app: Flask) -> None:
    found = json.loads(call(app, "types", "--json").output)
    assert [each["type"] for each in found] == list(EVENT_TYPES)
    image = next(e for e in found if e["type"] == "whatsapp.inbound_message.received")
    assert image["meaning"]
    assert "image" in image["variants"]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_list_is_as_wide_as_the_terminal(
    app: Flask, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = call(app, "types").output
    assert max(map(len, shown.splitlines())) <= columns
    words = shown.split()
    assert set(EVENT_TYPES) <= set(words)
    assert "Variants:" in words


def test_in_a_pipe_each_type_has_one_line(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert len(call(app, "types").output.splitlines()) == len(EVENT_TYPES) + 1


def test_one_type_in_detail(app: Flask) -> None:
    shown = call(app, "types", TYPE).output
    lines = shown.splitlines()
    assert lines[0].split() == ["type", TYPE]
    assert "meaning     An SMS was delivered, or could not be delivered." in lines
    assert "data in     sms or smsMessage" in lines
    assert "order by    id" in lines
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines if "  " in line}
    assert rows["status"] == [
        "always",
        "accepted, failed, sent, delivered, undelivered or text",
    ]
    assert rows["errorCode"] == ["sometimes", "text"]
    assert rows["totalSegments"] == ["always", "whole number"]
    sample = json.loads(shown.partition("A sample:")[2])
    assert sample["type"] == TYPE


def test_fields_that_are_inside_others(app: Flask) -> None:
    found = json.loads(
        call(app, "types", "whatsapp.inbound_message.received", "--json").output
    )
    fields = {each["path"]: each for each in found["fields"]}
    assert fields["text.body"] == {"path": "text.body", "value": "text", "always": True}
    assert fields["text"]["always"] is False
    assert fields["contacts"]["value"] == "list of object"
    assert fields["contacts.0.name.first_name"]["value"] == "text"
    assert found["conversation"][0] == ["groupId"]
    assert found["sample"]["whatsappInboundMessage"]
    assert found["page"].startswith("https://docs.ycloud.com/")


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_type_has_a_detail_page(app: Flask, name: str) -> None:
    result = call(app, "types", name)
    assert result.exit_code == 0, result.output
    assert "A sample:" in result.output
