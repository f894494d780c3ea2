"""What is done to all events that a filter finds, or to some."""

from __future__ import annotations

import html
import logging
import re
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import on_event
from flask_ycloud.inbox import Inbox, selected
from flask_ycloud.inspector import acting
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from .support import PAGE, TYPE, chosen, fail, token, words


@pytest.fixture
def app(make_app: MakeApp, inbox_url: str) -> Flask:
    return make_app(
        TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[],
        YCLOUD_INBOX_URL=inbox_url,
    )  # fmt: skip


@pytest.fixture
def inbox(app: Flask) -> Inbox:
    return runtime_of(app).inbox


def die(inbox: Inbox, count: int, **more: Any) -> None:
    for number in range(count):
        options: Any = {"endpoint": "ycloud", "event_type": None, "dead": "x", **more}
        inbox.accept(f"evt_{options['dead']}_{number}", b"{}", **options)


def form_of(page: Any) -> dict[str, str]:
    """The hidden fields of the form that a page asks with."""
    main = page.text.partition("<main")[2]
    fields = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', main)
    return {name: html.unescape(value) for name, value in fields}


def post(client: FlaskClient, action: str, **form: Any) -> Any:
    known = {"csrf_token": token(client, f"{PAGE}send")}
    return client.post(PAGE + action, data={**known, **form})


def test_exactly_what_the_filter_finds_is_discarded(
    client: FlaskClient, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    die(inbox, 3, dead="odd")
    die(inbox, 2, dead="even")
    listed = client.get(f"{PAGE}?state=dead&error=odd")
    assert "Discard all 3 …" in words(listed)
    asked = post(client, "discard", all="1", state="dead", error="odd")
    assert "Discard 3 events?" in words(asked)
    assert "state dead error odd" in words(asked)
    fields = form_of(asked)
    again = client.post(f"{PAGE}discard", data={**fields, "reason": "  "})
    assert "Discard 3 events?" in words(again), "a reason is needed"
    with caplog.at_level(logging.INFO, logger="flask_ycloud.actions"):
        done = client.post(f"{PAGE}discard", data={**fields, "reason": "answered"})
    assert done.location.startswith(f"{PAGE}?state=dead&error=odd&notice=")
    assert "3 events discarded." in words(client.get(done.location))
    assert (inbox.stats().dead, inbox.stats().discarded) == (2, 3)
    assert caplog.messages == [
        "somebody: discard of 3 events, address 127.0.0.1, state dead, error odd, reason"
        " answered"
    ]


def test_very_many_are_acted_on_by_one_request_after_another(
    client: FlaskClient, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selected, "AT_ONCE", 3)
    monkeypatch.setattr(acting, "_SECONDS", 0.0)
    die(inbox, 10)
    fields = form_of(post(client, "replay", all="1", state="dead"))
    steps = []
    page = client.post(f"{PAGE}replay", data=fields)
    while page.status_code == 200:
        steps.append(words(page).split("Leave")[0].strip())
        assert "data-continue" in page.text
        fields = form_of(page)
        page = client.post(f"{PAGE}replay", data=fields)
    assert (
        steps
        == [f"Replay: {n} of 10 events {n} of 10" for n in (3, 6, 9, 10)][: len(steps)]
    )
    assert "10 events queued for replay." in words(client.get(page.location))
    assert inbox.stats().dead == 10, "each was met once, though it is dead again at once"


def test_what_arrives_after_the_question_is_left_alone(
    client: FlaskClient, inbox: Inbox
) -> None:
    die(inbox, 2, dead="x")
    fields = form_of(post(client, "discard", all="1", state="dead"))
    real = inbox.clock
    inbox.clock = lambda: real() + 5
    die(inbox, 1, dead="later")
    inbox.clock = real
    post(client, "discard", **{**fields, "reason": "x"})
    assert [each.reason for each in inbox.list(state="dead")] == ["later"]


def test_what_is_skipped_is_counted(
    client: FlaskClient, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selected, "AT_ONCE", 2)
    monkeypatch.setattr(acting, "_SECONDS", 0.0)
    for number in range(3):
        inbox.accept(f"evt_{number}", b"{}", endpoint="ycloud", event_type="a.b")
    assert inbox.claim() is not None
    fields = form_of(post(client, "discard", all="1", type="a.*"))
    page = post(client, "discard", **fields, reason="x")
    assert "1 skipped: being handled now." in words(page)
    end = client.post(f"{PAGE}discard", data=form_of(page))
    while end.status_code == 200:
        end = client.post(f"{PAGE}discard", data=form_of(end))
    told = words(client.get(end.location))
    assert "2 events discarded; 1 skipped: being handled now." in told


@pytest.mark.parametrize("action", ["replay", "discard", "delete"])
def test_without_a_choice_nothing_is_done(
    client: FlaskClient, inbox: Inbox, action: str
) -> None:
    die(inbox, 2)
    for form in ({}, {"all": "1"}, {"state": "dead"}):
        answer = post(client, action, sure="1", reason="x", **form)
        assert "so nothing was done" in words(client.get(answer.location)), form
    assert inbox.stats().dead == 2


def test_one_event_is_discarded(app: Flask, client: FlaskClient, inbox: Inbox) -> None:
    on_event(TYPE, name="bad")(fail)
    body = body_of()
    deliver(app, body)
    asked = post(client, "discard", event=chosen(id_of(body)))
    assert "Discard 1 event?" in words(asked)
    done = client.post(f"{PAGE}discard", data={**form_of(asked), "reason": "old"})
    text = words(client.get(done.location))
    assert "1 event discarded." in text
    assert "State discarded : old" in text
    twice = post(client, "discard", event=chosen(id_of(body)), sure="1", reason="x")
    assert "0 events discarded; 1 skipped: done or discarded already." in words(
        client.get(twice.location)
    )


def test_an_event_is_deleted(app: Flask, client: FlaskClient, inbox: Inbox) -> None:
    body = body_of()
    deliver(app, body)
    assert "Delete …" in words(client.get(f"{PAGE}events/{id_of(body)}"))
    asked = post(client, "delete", event=chosen(id_of(body)))
    assert "are deleted for good" in words(asked)
    done = client.post(f"{PAGE}delete", data=form_of(asked))
    text = words(client.get(done.location))
    assert "1 event deleted." in text
    assert "State deleted" in text
    assert "Delete …" not in text
    stored = inbox.get(id_of(body))
    assert stored is not None
    assert stored.body == b""


@pytest.mark.parametrize("odd", ["", "x", "nan", "inf", "-1", "1e400", "9" * 30])
def test_odd_fields_of_the_form(client: FlaskClient, inbox: Inbox, odd: str) -> None:
    die(inbox, 1)
    form = {"begun": odd, "after": odd, "done": odd, "count": odd, "until": odd}
    answer = post(client, "replay", all="1", state="dead", sure="1", **form)
    assert answer.status_code == 302


def test_several_at_once(client: FlaskClient, inbox: Inbox) -> None:
    die(inbox, 3)
    some = [chosen("evt_x_0"), chosen("evt_x_1"), chosen("evt_gone")]
    asked = post(client, "replay", event=some, state="dead")
    assert "Replay 3 events?" in words(asked)
    done = post(client, "replay", event=some, state="dead", sure="1")
    assert done.location.startswith(f"{PAGE}?state=dead&notice=")
    assert "2 events queued for replay; 1 skipped: not in the inbox." in words(
        client.get(done.location)
    )


def test_a_request_ends_soon(client: FlaskClient, inbox: Inbox) -> None:
    die(inbox, 1200)
    began = time.monotonic()
    fields = form_of(post(client, "discard", all="1", state="dead"))
    end = client.post(f"{PAGE}discard", data={**fields, "reason": "x"})
    assert end.status_code == 302
    assert time.monotonic() - began < 30
    assert inbox.stats().discarded == 1200
