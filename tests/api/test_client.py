"""Any call of the API: what is sent, what comes back, what is repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from flask import Response

from flask_ycloud import APIError, APIUnreachable, ConfigurationError
from flask_ycloud.api import YCloud

from ..ycloud_api import API_KEY, YCloudAPI, problem

NOWHERE = "http://127.0.0.1:9/v2"
MESSAGES = "/whatsapp/messages"
MESSAGE = {
    "from": "+447901614024",
    "to": "+16315551111",
    "type": "text",
    "text": {"body": "Hello"},
    "externalId": "evt_1",
}


def refusal(status: int, **headers: str) -> Response:
    return problem(status, "SOME_CODE", "Some sentence.", **headers)


def test_sending_and_retrieving(account: YCloudAPI, ycloud: YCloud) -> None:
    sent = ycloud.call("POST", MESSAGES, json=MESSAGE)
    assert sent["status"] == "accepted"
    assert ycloud.call("GET", f"{MESSAGES}/{sent['id']}") == sent
    assert account.messages[sent["id"]]["externalId"] == "evt_1"


def test_a_query_and_an_escaped_id(account: YCloudAPI, ycloud: YCloud) -> None:
    page = ycloud.call("GET", "/webhookEndpoints", params={"page": 2, "limit": 5})
    assert (page["offset"], page["limit"]) == (5, 5)
    ycloud.call("POST", "/whatsapp/inboundMessages/wamid.a%20b==/markAsRead")
    assert account.read == [("wamid.a b==", "markAsRead")]


def test_an_answer_without_a_body(ycloud: YCloud) -> None:
    path = "/whatsapp/inboundMessages/63f71fb8741c165b434292fb"
    assert ycloud.call("POST", f"{path}/markAsRead") == {}
    assert ycloud.call("POST", f"{path}/typing") == {"success": True}


@pytest.mark.parametrize(
    "path",
    ["", "/", "whatsapp/messages", "https://example.org/x", "//example.org/x", "/a//b",
     "/a/", "/a/../b", "/.", "/a/%2e%2e/b", "/a%2f..", "/a?b=c", "/a#b", "/a\\b", "/a b",
     "/a\n", "/é", "/%zz"],
)  # fmt: skip
def test_what_is_no_path(account: YCloudAPI, ycloud: YCloud, path: str) -> None:
    with pytest.raises(ValueError, match="is not a path of YCloud's API"):
        ycloud.call("GET", path)
    assert account.calls == []


def test_what_is_no_method(ycloud: YCloud) -> None:
    with pytest.raises(ValueError, match="got 'post'"):
        ycloud.call("post", MESSAGES)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["", "  ", "ключ", "a\nb", None, 7])
def test_what_is_no_key(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="YCLOUD_API_KEY") as refused:
        YCloud(key)
    assert repr(key) not in str(refused.value)


def test_the_key_stays_with_the_client(
    account: YCloudAPI, base_url: str, logged: Callable[[], str]
) -> None:
    with YCloud(f" {API_KEY}\n", base_url=base_url) as ycloud:
        ycloud.call("POST", MESSAGES, json=MESSAGE)
        ycloud.call("GET", "/webhookEndpoints", params={"page": 7})
        account.failures.append(None)
        with pytest.raises(APIUnreachable) as failed:
            ycloud.call("POST", MESSAGES, json=MESSAGE)
        assert account.keys == [API_KEY] * 3
        told = f"{ycloud!r} {vars(ycloud)} {failed.value!r} {logged()}"
    assert API_KEY not in told
    assert "HTTP Request: GET" in logged()
    assert "page=" not in logged(), "a query may have a person's number"
    assert failed.value.__cause__ is failed.value.__context__ is None


# Errors.


def test_an_error_of_ycloud(account: YCloudAPI, ycloud: YCloud) -> None:
    with pytest.raises(APIError, match="404 NOT_FOUND The requested") as failed:
        ycloud.call("GET", f"{MESSAGES}/none")
    error = failed.value
    assert (error.status, error.code) == (404, "NOT_FOUND")
    assert str(error.request_id).startswith("req_")
    assert (error.whatsapp_code, error.retry_after, error.maybe_done) == (None, None, False)


def test_an_error_of_whatsapp(account: YCloudAPI, ycloud: YCloud) -> None:
    account.failures.append(problem(400, "BAD_REQUEST", "(#131047) …", "131047"))
    with pytest.raises(APIError) as failed:
        ycloud.call("POST", f"{MESSAGES}/sendDirectly", json=MESSAGE)
    assert (failed.value.code, failed.value.whatsapp_code) == ("BAD_REQUEST", "131047")


@pytest.mark.parametrize("body", ["hello", "[]", "{}", '{"error": 1}'])
def test_errors_that_are_not_as_documented(
    account: YCloudAPI, ycloud: YCloud, body: str
) -> None:
    account.failures.append(Response(body, 403))
    with pytest.raises(APIError, match=r"403 +FORBIDDEN \(request req_"):
        ycloud.call("GET", "/webhookEndpoints")


@pytest.mark.parametrize("body", ["hello", "[]", '"text"'])
def test_answers_that_are_not_as_documented(
    account: YCloudAPI, ycloud: YCloud, body: str
) -> None:
    account.failures.append(Response(body, mimetype="application/json"))
    with pytest.raises(APIError, match="not as documented: it is not a JSON") as failed:
        ycloud.call("POST", MESSAGES, json=MESSAGE)
    assert failed.value.maybe_done


# What is repeated.


def test_a_busy_api_is_asked_again(
    account: YCloudAPI, ycloud: YCloud, slept: list[float]
) -> None:
    account.failures += [refusal(429), refusal(429)]
    ycloud.call("POST", MESSAGES, json=MESSAGE)
    assert slept == [0.5, 1.0]
    assert len(account.messages) == 1


def test_retry_after_is_honoured(
    account: YCloudAPI, ycloud: YCloud, slept: list[float]
) -> None:
    soon = format_datetime(datetime.fromtimestamp(time.time() + 20, timezone.utc))
    for value in ("7", soon, "whenever"):
        account.failures.append(refusal(429, Retry_After=value))
    ycloud.call("GET", "/webhookEndpoints")
    assert slept == [7.0, pytest.approx(20, abs=2), 2.0]


def test_retry_after_may_be_too_long_to_wait(
    account: YCloudAPI, ycloud: YCloud, slept: list[float]
) -> None:
    account.failures.append(refusal(429, Retry_After="3600"))
    with pytest.raises(APIError, match="429") as failed:
        ycloud.call("POST", MESSAGES, json=MESSAGE)
    assert (failed.value.retry_after, failed.value.maybe_done) == (3600, False)
    assert slept == []


def test_it_gives_up(account: YCloudAPI, ycloud: YCloud, slept: list[float]) -> None:
    account.failures += [refusal(503) for _ in range(4)]
    with pytest.raises(APIError, match="503 SOME_CODE Some sentence"):
        ycloud.call("GET", "/webhookEndpoints")
    assert slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_send_that_may_have_been_carried_out_is_not_repeated(
    account: YCloudAPI, ycloud: YCloud, status: int
) -> None:
    account.failures.append(refusal(status))
    with pytest.raises(APIError, match=str(status)) as failed:
        ycloud.call("POST", MESSAGES, json=MESSAGE)
    assert failed.value.maybe_done
    assert len(account.calls) == 1


@pytest.mark.parametrize("lose", ["the call", "the answer"])
def test_a_send_without_an_answer_is_not_repeated(
    account: YCloudAPI, ycloud: YCloud, lose: str
) -> None:
    if lose == "the call":
        account.failures.append(None)
    else:
        account.lost = 1
    message = r"^POST /whatsapp/messages: .* no answer \(Remote.*Error\)\. It may have been"
    with pytest.raises(APIUnreachable, match=message) as failed:
        ycloud.call("POST", MESSAGES, json=MESSAGE)
    assert failed.value.maybe_done
    assert len(account.calls) == 1
    assert len(account.messages) == (lose == "the answer")


@pytest.mark.parametrize("failure", [None, 502])
def test_a_read_is_repeated(
    account: YCloudAPI, ycloud: YCloud, slept: list[float], failure: int | None
) -> None:
    account.failures.append(refusal(failure) if failure else None)
    assert ycloud.call("GET", "/webhookEndpoints")["items"] == []
    assert slept == [0.5]


def test_a_refusal_after_a_lost_answer(
    account: YCloudAPI, ycloud: YCloud, slept: list[float]
) -> None:
    account.failures += [None, refusal(400)]
    with pytest.raises(APIError, match="400") as failed:
        ycloud.call("PATCH", "/webhookEndpoints/wh1", json={})
    assert failed.value.maybe_done, "by the first attempt"


def test_nobody_listens(slept: list[float]) -> None:
    with YCloud(API_KEY, base_url=NOWHERE) as nowhere:
        calls: list[Callable[[], Any]] = [
            lambda: nowhere.call("POST", MESSAGES, json=MESSAGE),
            lambda: nowhere.call("GET", "/webhookEndpoints"),
        ]
        for call in calls:
            slept.clear()
            with pytest.raises(APIUnreachable, match=r"be reached \(Con.*again") as failed:
                call()
            assert not failed.value.maybe_done
            assert slept == [0.5, 1.0, 2.0], "it was never sent, so it is safe to repeat"
