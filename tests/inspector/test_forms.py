"""The filters of the lists: what nobody can have stored is nothing, and no fault."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from flask_ycloud.inspector import forms

from ..conftest import MakeApp
from ..support import body_of, deliver
from .support import PAGE, chosen, token, words


@pytest.fixture
def app(make_app: MakeApp, inbox_url: str) -> Flask:
    return make_app(TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_INBOX_URL=inbox_url)


NAMES = (
    "type", "endpoint", "tenant", "handler", "error", "cause", "id", "state", "since",
    "before",
)  # fmt: skip
ODD = [
    "%00", "a%00b", "%ff%fe", "%ED%A0%80", "%F0%9F%92%A9", "'%22;--", "%25", "%0d%0a",
    "x" * 9000,
]  # fmt: skip


@pytest.mark.parametrize("view", ["", "rows"])
def test_odd_filters(client: FlaskClient, app: Flask, view: str) -> None:
    deliver(app, body_of())
    for name in NAMES:
        for odd in ODD:
            answer = client.get(f"{PAGE}{view}?{name}={odd}")
            assert answer.status_code == 200, (name, odd)
            found = answer.text.count('<a id="event-')
            ignored = name in ("state", "since", "before", "id") or odd == "%0d%0a"
            assert found == (1 if ignored else 0), (name, odd)


def test_odd_ids(client: FlaskClient) -> None:
    for odd in ODD:
        for page in (f"events/{odd}", f"event?id={odd}", f"events/evt_1?tenant={odd}"):
            assert client.get(PAGE + page).status_code == 404, page
        assert client.get(f"{PAGE}send?type={odd}").status_code == 404
        for name in ("variant", "endpoint", "tenant"):
            assert client.get(f"{PAGE}send?{name}={odd}").status_code == 200


def test_odd_times_and_positions(client: FlaskClient) -> None:
    for time in ("0001-01-01T00:00", "9999-12-31T23:59", "2026-01-01T00:00+23:59", "1e9"):
        for name in ("since", "until"):
            assert client.get(PAGE, query_string={name: time}).status_code == 200
    for before in ("0", "-1", "9" * 5000, "1_0", "٣", "1.5", f"{2**63}", f"{2**63 - 1}"):
        assert client.get(PAGE, query_string={"before": before}).status_code == 200


def test_odd_forms(client: FlaskClient) -> None:
    known = {"csrf_token": token(client, f"{PAGE}send")}
    for odd in ("\0", "a\0b", "", "é", "x" * 9000):
        for event in (odd, chosen(odd), chosen("evt_1", odd), chosen("evt_1", "x", odd)):
            form = {**known, "event": event, "sure": "1"}
            told = client.post(f"{PAGE}replay", data=form, follow_redirects=True)
            assert told.status_code in (200, 404)
        for form in ({"tenant": odd}, {"endpoint": odd}, {"body": odd}):
            sent = client.post(f"{PAGE}send", data={**known, "body": "{}", **form})
            assert sent.status_code == 200


def test_an_endpoint_that_is_no_more(client: FlaskClient) -> None:
    assert "No event matches." in words(client.get(f"{PAGE}?endpoint=gone"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("sms", "sms.*"),
        ("sms.", "sms.*"),
        ("sms*", "sms.*"),
        ("sms.message.updated", "sms.message.updated"),
        ("whatsapp.message", "whatsapp.message.*"),
        ("*", "*"),
        ("**", "*"),
        ("of.our.own", "of.our.own"),
        ("of.our.*", "of.our.*"),
        (".", "."),
        ("", ""),
    ],
)
def test_the_beginning_of_types_is_a_pattern(text: str, meant: str) -> None:
    assert forms.pattern(text) == meant


def test_a_cause_is_one_of_dead_letters() -> None:
    given = MultiDict({"cause": "1234abcd", "state": "unhandled"})
    assert forms.filters(given) == {"cause": "1234abcd", "state": "dead"}
