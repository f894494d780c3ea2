"""The recipes of the documents: each runs as it stands, against a stub of YCloud's API."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Response, request

from flask_ycloud import (
    Discard,
    HandlerState,
    StoredEvent,
    current_inbox,
    parse_event,
    verify,
)
from flask_ycloud.api import YCloud
from flask_ycloud.runtime import runtime_of
from flask_ycloud.testing import FakeYCloud, sample_event

from .support import eventually
from .ycloud_api import API_KEY, YCloudAPI, problem, serving

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "recipes.rst").read_text("utf-8")
BIN = Path(sys.executable).parent
INBOUND = "whatsapp.inbound_message.received"
UPDATED = "whatsapp.message.updated"
ECHO = "whatsapp.smb.message.echoes"
HISTORY = "whatsapp.smb.history"
CUSTOMER = "+16315551111"

REPLY = "Reply to a message"
NEVER_BACK = "Keep the latest status of a message"
MATCH = "Match a status to the message that you sent"
READ = "Mark as read and show the typing indicator"
MEDIA = "Download media"
TOGETHER = "Answer several messages at once"
HUMAN = "Pause the bot when a human answers"
FORWARD = "Forward events to another service"
IMPORT = "Import chat history"
HELPERS = "Reply to a message, without its handler"
ANSWER = "answer_unless_paused"


def recipes() -> dict[str, str]:
    """The visible code of each section, by its title."""
    parts = re.split(r"^(.+)\n[=-]{4,}\n", PAGE, flags=re.M)[1:]
    return {
        title: "\n".join(
            textwrap.dedent(block)
            for block in re.findall(
                r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", text, re.M
            )
        )
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def code_of(title: str) -> str:
    if title == HELPERS:
        return recipes()[REPLY].partition("@on_event")[0]
    return recipes()[title]


class Shop:
    """The app of the recipes, and what the tests do with it."""

    def __init__(self, *titles: str) -> None:
        self.names: dict[str, Any] = {"__name__": "shop"}
        for title in ("Recipes", *titles):
            code = compile(code_of(title), f"recipes.rst: {title}", "exec")
            exec(code, self.names)
        self.engine: sa.Engine = self.names["engine"]
        self.names["tables"].create_all(self.engine)
        self.app = self.names["app"]
        self.fake = FakeYCloud(self.app, real_inbox=True)

    def send(self, event: Any, variant: str | None = None, **changes: Any) -> str:
        """Send an event, and give its id."""
        delivery = self.fake.send(event, variant=variant, **changes)
        assert delivery.acknowledged
        return str(json.loads(delivery.body)["id"])

    def say(self, text: str, **changes: Any) -> str:
        return self.send(INBOUND, **{"text.body": text, "from": CUSTOMER, **changes})

    def event(self, event_id: str) -> StoredEvent:
        with self.app.app_context():
            found = current_inbox.get(event_id)
        assert found is not None
        return found

    def outcome(
        self, event_id: str, handler: str = "reply", attempts: int = 1
    ) -> HandlerState:
        """How a handler ended, once it has run that often."""

        def look() -> HandlerState | None:
            states = self.event(event_id).handlers
            return next(
                (
                    each
                    for each in states
                    if each.handler == f"shop:{handler}" and each.attempts >= attempts
                ),
                None,
            )

        found = eventually(look)
        assert found is not None
        return found

    def done(self, event_id: str) -> None:
        eventually(lambda: self.event(event_id).state == "done")

    def replay(self, event_id: str) -> None:
        with self.app.app_context():
            current_inbox.replay(event_id)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        query = sa.select(*(self.names[table].c[each] for each in columns))
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def close(self) -> None:
        runtime_of(self.app).dispatcher.stop()
        self.names["ycloud"].close()
        self.engine.dispose()


@pytest.fixture
def shop(
    base_url: str, inbox_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., Shop]]:
    """Opens the app with some of the recipes."""
    opened: list[Shop] = []
    environment = {
        "DATABASE_URL": inbox_url,
        "FLASK_YCLOUD_WEBHOOK_SECRET": "whsec_of_the_shop",
        "FLASK_YCLOUD_API_KEY": API_KEY,
        "FLASK_YCLOUD_RETRY_DELAYS": "[0.05, 0.05, 0.05, 0.05, 0.05]",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("flask_ycloud.api.client.BASE_URL", base_url)
    monkeypatch.setattr("flask_ycloud.api.repeating._PAUSES", ())

    def open_shop(*titles: str) -> Shop:
        opened.append(Shop(*titles))
        return opened[-1]

    yield open_shop
    for each in opened:
        each.close()


def texts(account: YCloudAPI) -> list[str]:
    return [each["text"]["body"] for each in account.messages.values()]


# Reply to a message.


def test_a_reply(account: YCloudAPI, shop: Callable[..., Shop]) -> None:
    open_shop = shop(REPLY)
    event_id = open_shop.say("hello")
    assert open_shop.outcome(event_id).state == "succeeded"
    (sent,) = account.messages.values()
    assert (sent["to"], sent["from"]) == (CUSTOMER, "+447901614024")
    assert sent["text"] == {"body": "You wrote: hello"}
    assert open_shop.rows("replies", "event_id", "message_id", "status") == [
        (event_id, sent["id"], "accepted")
    ]
    with open_shop.app.app_context():
        current_inbox.replay(event_id, succeeded_too=True)
    open_shop.outcome(event_id)
    open_shop.done(event_id)
    assert len(account.messages) == 1


def test_a_reply_to_a_customer_without_a_number(
    account: YCloudAPI, shop: Callable[..., Shop]
) -> None:
    open_shop = shop(REPLY)
    open_shop.done(open_shop.send(without_number("hello")))
    (sent,) = account.messages.values()
    assert sent["recipient"] == "US.1234"
    assert "to" not in sent


def without_number(text: str) -> Any:
    event = sample_event(INBOUND, **{"text.body": text})
    del event["whatsappInboundMessage"]["from"]
    return event


@pytest.mark.parametrize("variant", ["image", "group", "reaction"])
def test_what_gets_no_reply(
    account: YCloudAPI, shop: Callable[..., Shop], variant: str
) -> None:
    open_shop = shop(REPLY)
    open_shop.done(open_shop.send(INBOUND, variant))
    assert account.calls == []


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry_After": "900"}, 900), ({}, 60)])
def test_a_busy_api(
    account: YCloudAPI, shop: Callable[..., Shop], headers: dict[str, str], seconds: int
) -> None:
    open_shop = shop(REPLY)
    account.failures.append(problem(429, "SENDER_RATE_LIMITED", "Slower.", **headers))
    event_id = open_shop.say("hello")
    failed = open_shop.outcome(event_id)
    assert failed.state == "failed"
    assert failed.next_at == pytest.approx(time.time() + seconds, abs=10)
    assert open_shop.rows("replies", "event_id") == []
    open_shop.replay(event_id)
    open_shop.done(event_id)
    assert texts(account) == ["You wrote: hello"]


def test_an_api_that_is_not_reached(shop: Callable[..., Shop]) -> None:
    open_shop = shop(REPLY)
    with YCloud(API_KEY, base_url="http://127.0.0.1:9/v2") as nowhere:
        open_shop.names["ycloud"], real = nowhere, open_shop.names["ycloud"]
        failed = open_shop.outcome(open_shop.say("hello"))
        open_shop.names["ycloud"] = real
    assert failed.state == "failed"
    assert failed.next_at == pytest.approx(time.time() + 60, abs=10)
    assert open_shop.rows("replies", "event_id") == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (("RECIPIENT_IN_BLOCK_LIST", "…"), "RECIPIENT_IN_BLOCK_LIST"),
        (("BAD_REQUEST", "(#131047) …", "131047"), "131047"),
    ],
)
def test_what_ycloud_refuses(
    account: YCloudAPI, shop: Callable[..., Shop], answer: tuple[str, ...], reason: str
) -> None:
    open_shop = shop(REPLY)
    account.failures.append(problem(403, *answer))
    ended = open_shop.outcome(open_shop.say("hello"))
    assert (ended.state, ended.error) == ("discarded", f"YCloud refused: {reason}")
    assert open_shop.rows("replies", "event_id") == []


@pytest.mark.parametrize("lost", [True, False])
def test_a_reply_that_may_have_been_sent_is_not_sent_again(
    account: YCloudAPI, shop: Callable[..., Shop], lost: bool
) -> None:
    open_shop = shop(REPLY, NEVER_BACK, MATCH)
    if lost:
        account.lost = 1
    else:
        account.failures.append(problem(500, "INTERNAL_SERVER_ERROR", "…"))
    event_id = open_shop.say("hello")
    ended = open_shop.outcome(event_id)
    assert (ended.state, ended.error) == ("discarded", "YCloud may have sent the reply")
    assert open_shop.rows("replies", "event_id", "status") == [(event_id, "sending")]
    with open_shop.app.app_context():
        current_inbox.replay(event_id, succeeded_too=True)
    open_shop.done(event_id)
    assert open_shop.outcome(event_id).error == "an earlier attempt may have sent the reply"
    assert len(account.calls) == 1
    for message in account.messages.values():
        changes = {"externalId": message["externalId"], "id": message["id"]}
        open_shop.done(open_shop.send(UPDATED, status="sent", **changes))
        assert open_shop.rows("replies", "status", "message_id") == [
            ("sent", message["id"])
        ]


# Statuses.


def test_statuses_that_never_go_back(shop: Callable[..., Shop]) -> None:
    open_shop = shop(NEVER_BACK)
    arrived = ["sent", "delivered", "failed", "read", "accepted", "delivered", "paused"]
    for status in arrived:
        open_shop.done(open_shop.send(UPDATED, id="msg1", status=status))
    open_shop.done(open_shop.send(UPDATED, id="msg2", status="failed"))
    group = {"field": "messages", "type": "message_status", "groupId": "g1", "statuses": []}
    event = json.loads(open_shop.fake.send(UPDATED, id="msg2").body)
    del event["whatsappMessage"]
    open_shop.done(open_shop.send({**event, "id": "evt_group1", "whatsappGroup": group}))
    assert open_shop.rows("messages", "id", "status") == [
        ("msg1", "read"),
        ("msg2", "failed"),
    ]


def test_a_status_that_is_there_before_the_row(shop: Callable[..., Shop]) -> None:
    open_shop = shop(REPLY, NEVER_BACK, MATCH)
    update = {"externalId": "order-7", "status": "failed", "errorCode": "131047"}
    event_id = open_shop.send(UPDATED, id="msg7", **update)
    waits = open_shop.outcome(event_id, "follow_reply")
    assert waits.next_at == pytest.approx(time.time() + 2, abs=2)
    with open_shop.engine.begin() as tx:
        row = {"event_id": "order-7", "status": "sending"}
        tx.execute(open_shop.names["replies"].insert(), row)
    open_shop.done(event_id)
    assert open_shop.rows("replies", "event_id", "message_id", "status", "error") == [
        ("order-7", "msg7", "failed", "131047")
    ]
    open_shop.done(open_shop.send(UPDATED, id="msg7", **{**update, "status": "accepted"}))
    assert open_shop.rows("replies", "status") == [("failed",)]


def test_a_status_of_something_else(shop: Callable[..., Shop]) -> None:
    open_shop = shop(REPLY, NEVER_BACK, MATCH)
    open_shop.done(open_shop.send(UPDATED, id="msg8", status="sent"))
    body = open_shop.fake.send(UPDATED, id="msg9", externalId="?", status="sent").body
    with runtime_of(open_shop.app).inbox.database.transaction() as transaction:
        last = dataclasses.replace(parse_event(body), attempt=4, transaction=transaction)
        with pytest.raises(Discard, match="nothing was sent"):
            open_shop.names["follow_reply"](last)


# The others.


def test_mark_as_read_and_typing(account: YCloudAPI, shop: Callable[..., Shop]) -> None:
    open_shop = shop(READ)
    account.failures.append(problem(500, "INTERNAL_SERVER_ERROR", "…"))
    message_id = "63f71fb8741c165b434292fb"
    path = f"/whatsapp/inboundMessages/{message_id}/typing"
    open_shop.send(INBOUND, id=message_id)
    eventually(lambda: account.calls == [f"POST {path}"])
    open_shop.done(open_shop.send(INBOUND, "image", id="627c8640675de8fc689ab9d9"))
    assert account.read == [("627c8640675de8fc689ab9d9", "markAsRead")]
    open_shop.done(open_shop.send(INBOUND, id=message_id))
    assert account.read[1:] == [(message_id, "typing")]


def test_media(account: YCloudAPI, base_url: str, shop: Callable[..., Shop]) -> None:
    open_shop = shop(MEDIA)
    account.media["1"] = (b"a picture", "image/jpeg")
    account.failures.append(problem(503, "SERVICE_UNAVAILABLE", "…"))
    link = f"{base_url}/whatsapp/media/download/"
    event_id = open_shop.send(INBOUND, "image", **{"image.link": f"{link}1"})
    open_shop.done(event_id)
    (file,) = Path(open_shop.app.instance_path, "media").iterdir()
    assert file.read_bytes() == b"a picture"
    assert open_shop.rows("files", "name", "type", "size") == [(file.name, "image/jpeg", 9)]
    gone = open_shop.send(INBOUND, "audio", **{"audio.link": f"{link}2"})
    ended = open_shop.outcome(gone, "keep_media")
    assert (ended.state, ended.error) == ("discarded", "no media: NOT_FOUND")
    account.media["3"] = (bytes(20 * 1024**2 + 1), "video/mp4")
    large = open_shop.send(INBOUND, "video", **{"video.link": f"{link}3"})
    assert open_shop.outcome(large, "keep_media").error == "no media: CONTENT_TOO_LARGE"
    open_shop.done(open_shop.say("no media"))


def test_one_answer_to_several_messages(
    account: YCloudAPI, shop: Callable[..., Shop]
) -> None:
    open_shop = shop(HELPERS, TOGETHER)
    open_shop.names["QUIET"] = 2
    for text in ("hi", "I want", "a pizza"):
        last = open_shop.say(text)
        other = open_shop.say(text, **{"from": "+4912345", "fromUserId": "DE.5"})
    open_shop.done(last)
    open_shop.done(other)
    assert texts(account) == ["You wrote: hi I want a pizza"] * 2
    assert {each["to"] for each in account.messages.values()} == {CUSTOMER, "+4912345"}
    open_shop.done(open_shop.say("with cheese"))
    assert texts(account)[2:] == ["You wrote: with cheese"]
    open_shop.done(open_shop.send(INBOUND, "image"))


def test_a_busy_api_while_customers_write(
    account: YCloudAPI, shop: Callable[..., Shop]
) -> None:
    open_shop = shop(HELPERS, TOGETHER)
    open_shop.names["QUIET"] = 0.1
    account.failures.append(problem(429, "SENDER_RATE_LIMITED", "…", Retry_After="900"))
    first = open_shop.say("hi")
    open_shop.outcome(first, "answer_together", attempts=2)
    open_shop.done(open_shop.say("hello?"))
    assert texts(account) == ["You wrote: hi hello?"], "the newer one answers for both"
    open_shop.replay(first)
    open_shop.done(first)
    assert len(account.messages) == 1


def test_a_human_takes_over(account: YCloudAPI, shop: Callable[..., Shop]) -> None:
    open_shop = shop(HELPERS, HUMAN)

    def ends(time: str, **changes: Any) -> str:
        at = {"event.createTime": f"2026-05-01T{time}:00.000Z"}
        return open_shop.outcome(open_shop.say("?", **at, **changes), ANSWER).state

    assert ends("09:59") == "succeeded"
    for _ in range(2):
        at = {"event.createTime": "2026-05-01T10:00:00.000Z"}
        open_shop.done(open_shop.send(ECHO, to="16315551111", **at))
    assert ends("10:01", fromUserId="US.9") == "discarded", "one number, with + and without"
    assert ends("10:01", **{"from": "+4912345", "fromUserId": "DE.5"}) == "succeeded"
    assert ends("22:01") == "succeeded"
    assert len(account.messages) == 3


class Flows(YCloudAPI):
    """Another service, that verifies what it gets."""

    def __init__(self, *statuses: int) -> None:
        super().__init__()
        self.statuses = [*statuses]
        self.bodies: list[bytes] = []

    def before(self) -> Response:
        verify(request.data, request.headers["YCloud-Signature"], "shared")
        self.bodies.append(request.data)
        return Response(status=self.statuses.pop(0) if self.statuses else 204)


def test_events_are_forwarded(shop: Callable[..., Shop]) -> None:
    open_shop = shop(FORWARD)
    body = b'{ "id": "evt_forward1", "type":"contact.created", "apiVersion": "v2",'
    body += (
        b' "createTime": "2026-05-01T10:00:00Z", "contactCreated": {"name": "\xc3\xa9"} }'
    )
    flows = Flows(503)
    with serving(flows) as url:
        open_shop.names.update(FORWARD_URL=url, FORWARD_SECRET="shared")
        open_shop.done(open_shop.send(body))
    assert flows.bodies == [body, body]


def test_history_is_imported(account: YCloudAPI, shop: Callable[..., Shop]) -> None:
    open_shop = shop(REPLY, IMPORT)
    for _ in range(2):
        for variant in (None, "inbound", "progress"):
            open_shop.done(open_shop.send(HISTORY, variant))
    assert sorted(open_shop.rows("history", "message_id", "phase")) == [
        ("63f5d602367ea403f8175a6c", "0"),
        ("63f71fb8741c165b434292fb", "0"),
    ]
    ((kept,), *_) = open_shop.rows("history", "message")
    assert kept["text"]["body"] in ("Hello", "OK")
    assert account.calls == [], "nobody is answered"
