"""Which persons a body names."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from flask_ycloud.inbox.mentions import Person

NUMBER = "15550100123"
WAMID = "wamid." + base64.b64encode(
    b"\x1c\x18\x0b15550100123\x15\x02\x00\x12\x18\x163EB0C431D2"
).decode().rstrip("=")


@pytest.mark.parametrize(
    "who",
    [
        NUMBER, f"+{NUMBER}", "+1 555 010 0123", "1-555-010-0123", " +1 (555) 010.0123 ",
        f"00{NUMBER}", "+1\u00a0555\u00a00100123", "+1 (0) 555 0100123",
        "001 (0)555 0100123", "\u202a+1 555\u20110100123\u202c",
    ],
)  # fmt: skip
def test_a_number_however_it_is_written(who: str) -> None:
    assert Person(who).is_in(json.dumps({"from": f"+{NUMBER}"}).encode())
    assert Person(who).name == NUMBER


@pytest.mark.parametrize(
    "body",
    [
        {"from": NUMBER},
        {"from": f"+{NUMBER}"},
        {"text": f"call me at +{NUMBER}, or write"},
        {"text": f"line\n{NUMBER}"},
        {"text": "my number is +1 555 010-0123."},
        {"text": "my number is 001 (555) 0100123"},
        {"text": "Call +1 555 0100123. 3 items"},
        {"text": "Call +1 555 0100123 (2nd floor)"},
        {"text": "Call +1 555 0100123 2 times"},
        {"text": "2. 1 555 0100123"},
        {"text": "3 items - 1 555 0100123"},
        {"text": "+44 7901 614024 1 555 010 0123"},
        {"text": "+44 7901 614024 +1 555 010 0123 2 "},
        {"text": "+1 (0) 555 0100123, +1 (0)555 010 0124"},
        {"text": "1 " * 50 + "1 555 010 0123" + " 2" * 50},
        {"number": int(NUMBER)},
        {"number": float(f"{NUMBER}.5")},
        {"deep": [[{"er": [{"to": NUMBER}]}]]},
        {NUMBER: True},
        {"response_json": json.dumps({"phone": NUMBER})},
        {"response_json": json.dumps([[int(NUMBER)]])},
        {"id": WAMID},
        {"text": f"reply to {WAMID}, please"},
        NUMBER,
        int(NUMBER),
    ],
)
def test_a_number_anywhere(body: Any) -> None:
    assert Person(NUMBER).is_in(json.dumps(body).encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "1555\\u0030100123"}',
        f'{{"a": "{NUMBER}", "a": 1}}'.encode(),
        f"not JSON: {NUMBER}".encode(),
        f"\xff {NUMBER}".encode("latin-1"),
        ("[" * 5000 + NUMBER + "]" * 5000).encode(),
    ],
)
def test_a_number_in_odd_bodies(body: bytes) -> None:
    assert Person(NUMBER).is_in(body)


@pytest.mark.parametrize(
    "body",
    [
        {"from": f"{NUMBER}1"},
        {"from": f"9{NUMBER}"},
        {"number": int(f"{NUMBER}1")},
        {"text": "+44 1555 010 0123"},
        {"text": "1 555 010 01234"},
        {"text": "91 555 010 0123"},
        {"text": "(0)1555 010"},
        {"text": "1 555 010 012 4"},
        {"response_json": "{broken"},
        {"id": "wamid.AAAA"},
        {"id": "wamid.A"},
        {"from": None, "true": True},
        [],
        "",
    ],
)
def test_another_number(body: Any) -> None:
    assert not Person(NUMBER).is_in(json.dumps(body).encode())


def test_a_short_number_is_not_inside_of_a_longer_one() -> None:
    assert not Person("15550100").is_in(b'{"from": "155501001"}')
    assert Person("15550100").is_in(b'{"from": "15550100"}')


@pytest.mark.parametrize(
    ("who", "text"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann@Example.com", "mail me: <ANN@example.com>."),
        ("ann@example.com", "mailto:ann@example.com?subject=x"),
        ("ann@example.com", "-ann@example.com"),
        ("US.13491208655302741918", "US.13491208655302741918"),
        ("US.13491208655302741918", "user us.13491208655302741918."),
    ],
)
def test_a_user_id_or_an_address(who: str, text: str) -> None:
    assert Person(who).is_in(json.dumps({"text": text}).encode())
    assert Person(who).is_in(json.dumps({text: 1}).encode())


@pytest.mark.parametrize(
    ("who", "text"),
    [
        ("ann@example.com", "joann@example.com"),
        ("ann@example.com", "jo.ann@example.com"),
        ("ann@example.com", "jo+ann@example.com"),
        ("ann@example.com", "ann@example.community"),
        ("ann@example.com", "ann@example.com.invalid"),
        ("US.1349120865", "US.13491208655302741918"),
        ("US.1349120865", "PLUS.1349120865"),
        ("a.c@example.com", "abc@example.com"),
    ],
)
def test_another_user_or_address(who: str, text: str) -> None:
    assert not Person(who).is_in(json.dumps({"text": text}).encode())


@pytest.mark.parametrize(
    "who", ["", "  ", "+", "1234", "000000", "+00 1234", "ann", "-- --"]
)
def test_what_tells_no_person(who: str) -> None:
    with pytest.raises(ValueError, match="A person is a telephone number of 5 digits"):
        Person(who)


def test_every_way_to_write_it_is_the_same_person() -> None:
    assert Person("+1 555 0100").name == Person("15550100").name
    assert Person("Ann@Example.com").name == Person(" ann@example.COM ").name
