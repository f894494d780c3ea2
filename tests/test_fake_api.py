"""The fake of YCloud's Webhook Endpoints API: what it takes, keeps and refuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flask_ycloud import APIError, on_event
from flask_ycloud.api import EndpointSecret, WebhookEndpoints
from flask_ycloud.runtime import runtime_of
from flask_ycloud.testing import FakeYCloudAPI

from .conftest import MakeApp
from .support import call
from .tenants import hooks

URL = "https://example.org/hooks/acme/webhook"
TYPE = "contact.created"
ACME, BETA = "key of acme", "key of beta"


@pytest.fixture
def api() -> Iterator[FakeYCloudAPI]:
    with FakeYCloudAPI(ACME, BETA) as api:
        yield api


@pytest.fixture
def acme(api: FakeYCloudAPI) -> Iterator[WebhookEndpoints]:
    with WebhookEndpoints(ACME, base_url=api.url) as made:
        yield made


def ask(
    api: FakeYCloudAPI, method: str, path: str = "", *, key: str = ACME, **options: Any
) -> httpx.Response:
    url = f"{api.url}/webhookEndpoints{path}"
    return httpx.request(method, url, headers={"X-API-Key": key}, **options)


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message, where the form is as documented."""
    error = answer.json()["error"]
    assert error["status"] == answer.status_code
    assert error["requestId"] == answer.headers["YCloud-Request-ID"]
    assert set(error) == {"status", "code", "message", "target", "docUrl", "requestId"}
    return error["status"], error["code"], error["message"]


def test_each_account_has_endpoints_of_its_own(
    api: FakeYCloudAPI, acme: WebhookEndpoints
) -> None:
    made = acme.create(URL, [TYPE])
    assert list(api.endpoints(ACME)) == [made.id]
    assert api.endpoints(BETA) == {}
    with (
        WebhookEndpoints(BETA, base_url=api.url) as beta,
        pytest.raises(APIError, match="404 NOT_FOUND"),
    ):
        beta.retrieve(made.id)
    api.endpoints(ACME)[made.id]["status"] = "pending"
    assert acme.retrieve(made.id).status == "pending"


def test_an_account_may_be_added_later(api: FakeYCloudAPI) -> None:
    answer = ask(api, "GET", key="gamma")
    assert refusal(answer) == (401, "UNAUTHORIZED", "The API key is invalid.")
    api.add_account("gamma")
    assert ask(api, "GET", key="gamma").json()["items"] == []


def test_the_ids_of_requests_differ(api: FakeYCloudAPI) -> None:
    ids = {ask(api, "GET").headers["YCloud-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


def test_an_account_has_at_most_twenty_endpoints(
    api: FakeYCloudAPI, acme: WebhookEndpoints
) -> None:
    made = [acme.create(f"{URL}/{number}", [TYPE]) for number in range(20)]
    with pytest.raises(APIError, match="403 FORBIDDEN An account has at most 20"):
        acme.create(URL, [TYPE])
    acme.delete(made[0].id)
    acme.create(URL, [TYPE])
    assert len(api.endpoints(ACME)) == 20


def test_many_calls_at_once(api: FakeYCloudAPI) -> None:
    """The limit holds."""
    body = {"url": URL, "enabledEvents": [TYPE]}
    threads = [
        threading.Thread(target=lambda: ask(api, "POST", json=body)) for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(api.endpoints(ACME)) == 20


def test_pages(api: FakeYCloudAPI, acme: WebhookEndpoints) -> None:
    made = [acme.create(f"{URL}/{number}", [TYPE]).id for number in range(12)]
    page = ask(api, "GET").json()
    assert [each["id"] for each in page.pop("items")] == made[:10]
    assert page == {"offset": 0, "limit": 10, "length": 10}
    page = ask(api, "GET", params={"page": 3, "limit": 5, "includeTotal": "true"}).json()
    assert [each["id"] for each in page.pop("items")] == made[10:]
    assert page == {"offset": 10, "limit": 5, "length": 2, "total": 12}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"limit": 101}, "limit is a whole number from 1 to 100."),
        ({"page": 0}, "page is a whole number from 1 to 100."),
        ({"page": "two"}, "page is a whole number from 1 to 100."),
        ({"size": 5}, "There is an unknown parameter."),
    ],
)
def test_what_is_no_page(api: FakeYCloudAPI, query: dict[str, Any], message: str) -> None:
    assert refusal(ask(api, "GET", params=query)) == (400, "PARAM_INVALID", message)


GOOD = {"url": URL, "enabledEvents": [TYPE]}
TAGS = {"event": "contact.attributes_changed", "properties": ["tags"]}


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"url": URL}, "PARAM_MISSING", "enabledEvents is required."),
        ({"enabledEvents": []}, "PARAM_MISSING", "url is required."),
        ([], "PARAM_INVALID", "The body is not a JSON object."),
        (GOOD | {"url": 7}, "PARAM_INVALID", "url is not valid."),
        (GOOD | {"url": "x" * 501}, "PARAM_INVALID_LENGTH",
         "url has more than 500 characters."),
        (GOOD | {"description": "x" * 401}, "PARAM_INVALID_LENGTH",
         "description has more than 400 characters."),
        (GOOD | {"status": "on"}, "PARAM_INVALID", "status is not valid."),
        (GOOD | {"enabledEvents": TYPE}, "PARAM_INVALID", "enabledEvents is not valid."),
        (GOOD | {"enabledEvents": [7]}, "PARAM_INVALID", "enabledEvents is not valid."),
        (GOOD | {"region": "eu"}, "PARAM_INVALID", "region is not valid."),
        (GOOD | {"eventProperties": {}}, "PARAM_INVALID", "eventProperties is not valid."),
        (GOOD | {"eventProperties": [TAGS | {"properties": []}]}, "PARAM_INVALID",
         "eventProperties is not valid."),
        (GOOD | {"enabledEvents": [TAGS["event"]]}, "PARAM_MISSING",
         "eventProperties are required for contact.attributes_changed."),
    ],
)  # fmt: skip
def test_what_is_refused(api: FakeYCloudAPI, body: Any, code: str, message: str) -> None:
    assert refusal(ask(api, "POST", json=body)) == (400, code, message)
    assert api.endpoints(ACME) == {}


def test_what_is_just_long_enough(acme: WebhookEndpoints) -> None:
    url = URL.ljust(500, "x")
    made = acme.create(url, [TYPE], description="x" * 400, status="disabled")
    assert (len(made.url), len(made.description), made.status) == (500, 400, "disabled")


def test_an_update_is_checked_too(api: FakeYCloudAPI, acme: WebhookEndpoints) -> None:
    made = acme.create(URL, [TYPE])
    answer = ask(api, "PATCH", f"/{made.id}", json={"enabledEvents": [TAGS["event"]]})
    assert refusal(answer)[1] == "PARAM_MISSING"
    assert acme.retrieve(made.id) == made


def test_what_the_api_does_not_have(api: FakeYCloudAPI) -> None:
    assert refusal(ask(api, "PUT"))[:2] == (405, "METHOD_NOT_ALLOWED")
    assert refusal(ask(api, "GET", "/a/b"))[:2] == (404, "NOT_FOUND")
    text = ask(api, "POST", content=b"hello")
    assert refusal(text)[:2] == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_rotated_secret(acme: WebhookEndpoints) -> None:
    made = acme.create(URL, [TYPE])
    rotated = acme.rotate_secret(made.id)
    assert str(rotated.secret).startswith("whsec_")
    assert rotated.secret != made.secret


def test_it_has_a_url_while_it_runs() -> None:
    api = FakeYCloudAPI(ACME)
    with pytest.raises(RuntimeError, match="is not running, so it has no URL"):
        _ = api.url
    api.__exit__()
    with api:
        assert ask(api, "GET").status_code == 200
        url = api.url
    with pytest.raises(RuntimeError):
        _ = api.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    with api:
        assert ask(api, "GET").status_code == 200, "it may be started again"


# What sends to its endpoints.


def test_a_sender_of_an_endpoint(
    api: FakeYCloudAPI, acme: WebhookEndpoints, make_app: MakeApp
) -> None:
    seen: list[Any] = []
    on_event(TYPE, name="one")(lambda event: seen.append((event.tenant, event.endpoint_id)))
    made = acme.create(URL, [TYPE])
    app = make_app(hooks(lambda tenant, endpoint_id: made.secret))
    sender = api.sender(made.id, app=app, tenant="acme")
    assert sender.send(TYPE).status == 200
    assert seen == [("acme", made.id)]
    acme.update(made.id, status="disabled")
    assert not api.sender(made.id, app=app, tenant="acme").send(TYPE).sent


def test_a_sender_goes_to_the_url_of_the_endpoint(
    api: FakeYCloudAPI, acme: WebhookEndpoints
) -> None:
    made = acme.create(f"{api.url}/elsewhere", [TYPE])
    assert api.sender(made.id).send(TYPE).status == 401, "as the API has no such key"
    with pytest.raises(LookupError, match="No account has an endpoint 'wh1'"):
        api.sender("wh1")


# The setting that leads to it.


def test_commands_and_doctor_go_where_the_setting_says(
    api: FakeYCloudAPI, make_app: MakeApp
) -> None:
    on_event(TYPE, name="one")(print)
    app = make_app(YCLOUD_API_KEY=ACME, YCLOUD_API_URL=api.url)
    url = "https://example.org/ycloud/webhook"
    made = call(app, "endpoints", "create", url, "--from-handlers")
    assert made.exit_code == 0, made.output
    ((endpoint_id, endpoint),) = api.endpoints(ACME).items()
    endpoint["secret"] = app.config["YCLOUD_WEBHOOK_SECRET"]
    assert f"{endpoint_id} is active and belongs to ycloud." in call(app, "doctor").output


def test_a_fetched_secret_goes_there_too(
    api: FakeYCloudAPI, acme: WebhookEndpoints, make_app: MakeApp
) -> None:
    made = acme.create(URL, [TYPE])
    secret = EndpointSecret(made.id, ACME, base_url=api.url)
    app = make_app(YCLOUD_WEBHOOK_SECRET=secret)
    assert runtime_of(app).endpoints["ycloud"].secrets.of() == (made.secret,)
