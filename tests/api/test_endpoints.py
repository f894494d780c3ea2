"""The operations on webhook endpoints, and the secret of one."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from flask import Response

from flask_ycloud import APIError, APIUnreachable, ConfigurationError
from flask_ycloud.api import EndpointSecret, WebhookEndpoint, WebhookEndpoints
from flask_ycloud.api import endpoints as module

from ..support import eventually
from ..ycloud_api import API_KEY, YCloudAPI, problem

URL = "https://example.org/ycloud/webhook"
TYPES = ("sms.message.updated", "whatsapp.message.updated")


def test_creating_and_reading(endpoints: WebhookEndpoints) -> None:
    made = endpoints.create(URL, TYPES, description="ours")
    assert made.id.startswith("wh")
    assert made.url == URL
    assert made.enabled_events == TYPES
    assert (made.description, made.status) == ("ours", "active")
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert made.create_time is not None
    assert abs(made.create_time.timestamp() - time.time()) < 5
    assert endpoints.retrieve(made.id) == made


def test_no_repr_shows_a_secret(endpoints: WebhookEndpoints) -> None:
    made = endpoints.create(URL, TYPES)
    assert str(made.secret) not in repr(made)
    assert API_KEY not in repr(endpoints) + repr(vars(endpoints))


def test_attributes_of_contacts_are_chosen(endpoints: WebhookEndpoints) -> None:
    special = "contact.attributes_changed"
    with pytest.raises(APIError, match="eventProperties are required") as refused:
        endpoints.create(URL, [special])
    assert refused.value.code == "PARAM_MISSING"
    made = endpoints.create(URL, [special], event_properties={special: ["tags", "age"]})
    assert made.event_properties == {special: ("tags", "age")}


def test_a_list_is_as_long_as_it_is(
    account: YCloudAPI, endpoints: WebhookEndpoints
) -> None:
    assert list(endpoints.list()) == []
    first = endpoints.create(URL, TYPES)
    for number in range(200):  # which YCloud would not allow
        account.endpoints[f"wh{number}"] = {
            **account.endpoints[first.id],
            "id": f"wh{number}",
        }
    made = [first, *(replace(first, id=f"wh{number}") for number in range(200))]
    account.calls.clear()
    assert list(endpoints.list()) == made
    assert len(account.calls) == 3
    account.calls.clear()
    assert next(endpoints.list()) == made[0]
    assert len(account.calls) == 1, "pages are fetched as they are needed"


def test_a_list_ends_at_the_last_page(
    account: YCloudAPI, endpoints: WebhookEndpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_PAGES", 2)
    monkeypatch.setattr(module, "_PAGE_SIZE", 2)
    for number in range(5):
        endpoints.create(f"{URL}/{number}", TYPES)
    assert len(list(endpoints.list())) == 4


def test_an_update_changes_what_is_given(endpoints: WebhookEndpoints) -> None:
    made = endpoints.create(URL, TYPES, description="ours")
    changed = endpoints.update(made.id, status="disabled", enabled_events=["a.b"])
    assert (changed.status, changed.enabled_events) == ("disabled", ("a.b",))
    assert (changed.url, changed.description) == (URL, "ours")


# Ensuring.


def patches(account: YCloudAPI) -> int:
    return sum(each.startswith("PATCH") for each in account.calls)


def test_ensuring_creates_once_and_changes_what_differs(
    account: YCloudAPI, endpoints: WebhookEndpoints
) -> None:
    made = endpoints.ensure(URL, TYPES, description="ours")
    assert endpoints.ensure(URL, reversed(TYPES)) == made
    assert endpoints.ensure(URL, TYPES, description="ours", status="active") == made
    assert patches(account) == 0
    changed = endpoints.ensure(URL, ["a.b"], status="disabled")
    assert changed.id == made.id
    assert (changed.enabled_events, changed.status) == (("a.b",), "disabled")
    assert (changed.description, changed.secret) == ("ours", made.secret)
    assert patches(account) == 1
    assert endpoints.ensure(f"{URL}2", TYPES).id != made.id
    assert len(account.endpoints) == 2


def test_ensuring_the_properties_of_events(
    account: YCloudAPI, endpoints: WebhookEndpoints
) -> None:
    special = "contact.attributes_changed"
    made = endpoints.ensure(URL, [special], event_properties={special: iter(["tags"])})
    assert made.event_properties == {special: ("tags",)}
    assert endpoints.ensure(URL, [special], event_properties={special: ["tags"]}) == made
    assert patches(account) == 0
    two = endpoints.ensure(URL, [special], event_properties={special: ["tags", "age"]})
    assert two.event_properties == {special: ("tags", "age")}
    more = endpoints.ensure(URL, [special, "a.b"])
    assert more.enabled_events == (special, "a.b")
    assert more.event_properties == two.event_properties


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("https://example.org/a", "https://EXAMPLE.org:443/a/", True),
        ("http://example.org:80/a", "http://example.org/a", True),
        ("https://example.org/a", "http://example.org/a", False),
        ("https://example.org/a", "https://example.org/A", False),
        ("https://example.org/a", "https://example.org:8443/a", False),
        ("https://example.org/a?t=1", "https://example.org/a?t=2", False),
        ("https://example.org", "https://example.org/", True),
    ],
)
def test_what_is_the_same_url(
    account: YCloudAPI, endpoints: WebhookEndpoints, first: str, second: str, same: bool
) -> None:
    endpoints.create(first, TYPES)
    endpoints.ensure(second, TYPES)
    assert len(account.endpoints) == (1 if same else 2)


def test_ensuring_among_several(endpoints: WebhookEndpoints) -> None:
    ids = [endpoints.create(URL, TYPES).id for _ in range(2)]
    with pytest.raises(ConfigurationError, match=f"{ids[0]}, {ids[1]}. Delete all but one"):
        endpoints.ensure(URL, TYPES)


def test_deleting(endpoints: WebhookEndpoints) -> None:
    made = endpoints.create(URL, TYPES)
    endpoints.delete(made.id)
    with pytest.raises(APIError, match="404 NOT_FOUND The requested") as refused:
        endpoints.retrieve(made.id)
    assert refused.value.status == 404
    assert str(refused.value.request_id).startswith("req_")
    assert f"(request {refused.value.request_id})" in str(refused.value)
    with pytest.raises(APIError, match="404"):
        endpoints.delete(made.id)


def test_rotating(endpoints: WebhookEndpoints) -> None:
    made = endpoints.create(URL, TYPES)
    rotated = endpoints.rotate_secret(made.id)
    assert rotated.id == made.id
    assert rotated.secret != made.secret
    assert endpoints.retrieve(made.id).secret == rotated.secret


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "x" * 501}, "url has more than 500"),
        ({"description": "x" * 401}, "description has more than 400"),
        ({"status": "on"}, "status is not valid"),
    ],
)
def test_what_yclouds_limits_forbid(
    endpoints: WebhookEndpoints, arguments: dict[str, Any], message: str
) -> None:
    made = {"url": URL, "enabled_events": TYPES} | arguments
    with pytest.raises(APIError, match=message):
        endpoints.create(**made)


def test_a_wrong_key_is_refused(base_url: str) -> None:
    wrong = WebhookEndpoints("another", base_url=base_url)
    with wrong, pytest.raises(APIError, match="401 UNAUTHORIZED The API key is invalid"):
        list(wrong.list())


@pytest.mark.parametrize("endpoint_id", ["", "..", "a/b", "wh?", "whé"])
def test_what_is_no_id(endpoints: WebhookEndpoints, endpoint_id: str) -> None:
    with pytest.raises(APIError, match="is not the id of a webhook endpoint"):
        endpoints.retrieve(endpoint_id)


# What goes wrong on the way.


@pytest.mark.parametrize("status", [502, 503, 504])
def test_only_what_is_safe_is_repeated(
    account: YCloudAPI, endpoints: WebhookEndpoints, slept: list[float], status: int
) -> None:
    made = endpoints.create(URL, TYPES)
    for call in (
        lambda: endpoints.retrieve(made.id),
        lambda: endpoints.update(made.id, description="x"),
        lambda: endpoints.delete(made.id),
    ):
        account.failures.append(problem(status, "SOME_CODE", "Some sentence."))
        call()
    for call in (
        lambda: endpoints.create(URL, TYPES),
        lambda: endpoints.rotate_secret("wh1"),
    ):
        account.calls.clear()
        account.failures.append(problem(status, "SOME_CODE", "Some sentence."))
        with pytest.raises(APIError, match=str(status)):
            call()
        assert len(account.calls) == 1


def test_an_answer_that_is_lost(
    account: YCloudAPI, endpoints: WebhookEndpoints, slept: list[float]
) -> None:
    account.lost = 1
    with pytest.raises(APIUnreachable, match=r"^POST /webhookEndpoints: .* no answer"):
        endpoints.create(URL, TYPES)
    assert len(account.endpoints) == 1, "it was made once, and not made again"
    (made,) = endpoints.list()
    account.lost = 1
    assert endpoints.update(made.id, description="x").description == "x"
    account.lost = 1
    endpoints.delete(made.id)
    assert account.endpoints == {}


def test_nobody_listens(slept: list[float]) -> None:
    nowhere = WebhookEndpoints(API_KEY, base_url="http://127.0.0.1:9/v2")
    with nowhere, pytest.raises(APIUnreachable, match=r"be reached \(ConnectError\)"):
        nowhere.create(URL, TYPES)
    assert slept == [0.5, 1.0, 2.0], "it was never sent, so it is safe to try again"


@pytest.mark.parametrize(
    "body", ["hello", "[]", '{"items": 1}', '{"items": [{}]}', '{"items": [1]}',
             '{"items": [{"id": "wh1", "createTime": "soon"}]}',
             '{"items": [{"id": "wh1", "eventProperties": [{}]}]}'],
)  # fmt: skip
def test_answers_that_are_not_as_documented(
    account: YCloudAPI, endpoints: WebhookEndpoints, body: str
) -> None:
    account.failures.append(Response(body, mimetype="application/json"))
    with pytest.raises(APIError, match="not as documented"):
        list(endpoints.list())


@pytest.mark.parametrize("body", ["hello", "[]", "{}", '{"error": 1}'])
def test_errors_that_are_not_as_documented(
    account: YCloudAPI, endpoints: WebhookEndpoints, body: str
) -> None:
    account.failures.append(Response(body, 403))
    with pytest.raises(APIError, match=r"403 +FORBIDDEN \(request req_"):
        list(endpoints.list())


def test_what_is_added_one_day_is_left_aside(
    account: YCloudAPI, endpoints: WebhookEndpoints
) -> None:
    account.failures.append(Response('{"id": "wh1", "region": "eu"}'))
    assert endpoints.retrieve("wh1") == WebhookEndpoint("wh1")


# The secret of an endpoint.


def test_a_fetched_secret(
    account: YCloudAPI,
    base_url: str,
    endpoints: WebhookEndpoints,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = endpoints.create(URL, TYPES)
    secret = EndpointSecret(made.id, API_KEY, base_url=base_url)
    assert secret() == (made.secret,)
    account.calls.clear()
    assert [secret() for _ in range(3)] == [(made.secret,)] * 3
    assert account.calls == [], "it is cached"
    assert repr(secret) == f"EndpointSecret({made.id!r})"

    rotated = endpoints.rotate_secret(made.id)
    now = time.monotonic()
    monkeypatch.setattr("flask_ycloud.api.secret.time.monotonic", lambda: now)
    now += 301
    assert secret() == (made.secret,), "nobody waits for the fetch"
    eventually(lambda: secret() == (rotated.secret, made.secret))
    now += 301
    secret()
    eventually(lambda: account.calls.count(f"GET /webhookEndpoints/{made.id}") == 2)
    now += 6 * 3600
    assert secret() == (rotated.secret,), "the old one was good for six hours"


def test_the_last_secret_stays_while_the_api_is_away(
    account: YCloudAPI,
    base_url: str,
    endpoints: WebhookEndpoints,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = endpoints.create(URL, TYPES)
    secret = EndpointSecret(made.id, API_KEY, base_url=base_url)
    account.endpoints.clear()
    monkeypatch.setattr(secret, "_fetch_at", 0.0)
    assert secret() == (made.secret,)
    failed = f"The secret of {made.id} was not fetched again, so the last one is used:"
    eventually(lambda: f"{failed} YCloud's API: 404" in caplog.text)
    assert secret() == (made.secret,)
    assert str(made.secret) not in caplog.text


def test_without_a_thread_the_last_secret_stays_and_the_fetch_is_tried_again(
    base_url: str, endpoints: WebhookEndpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = endpoints.create(URL, TYPES)
    secret = EndpointSecret(made.id, API_KEY, base_url=base_url)
    rotated = endpoints.rotate_secret(made.id)
    monkeypatch.setattr(secret, "_fetch_at", 0.0)
    tried: list[threading.Timer] = []

    def out_of_threads(timer: threading.Timer) -> None:
        tried.append(timer)
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Timer, "start", out_of_threads)
        assert [secret() for _ in range(2)] == [(made.secret,)] * 2
    assert len(tried) == 1, "not at each delivery"
    eventually(lambda: secret() == (rotated.secret, made.secret))


def test_without_a_secret_there_is_no_start(
    account: YCloudAPI, base_url: str, slept: list[float]
) -> None:
    with pytest.raises(APIError, match="404"):
        EndpointSecret("wh1", API_KEY, base_url=base_url)
    account.endpoints["wh1"] = {"id": "wh1"}
    with pytest.raises(APIError, match="the endpoint has no secret"):
        EndpointSecret("wh1", API_KEY, base_url=base_url)
    with pytest.raises(APIUnreachable):
        EndpointSecret("wh1", API_KEY, base_url="http://127.0.0.1:9/v2")
