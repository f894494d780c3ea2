"""The doctor's check of the account."""

from __future__ import annotations

import builtins
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import APIError, WebhookBlueprint, on_event, ycloud_bp
from flask_ycloud.cli import account as checked
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import PATH, SECRET
from ..ycloud_api import API_KEY, YCloudAPI
from .support import TYPE, endpoint, levels, only


@pytest.fixture
def keyed(make_app: MakeApp, account: YCloudAPI) -> Flask:
    on_event(TYPE, name="one")(print)
    return make_app(YCLOUD_API_KEY=API_KEY)


def test_an_account_that_fits(keyed: Flask, account: YCloudAPI) -> None:
    endpoint(account)
    assert only(keyed, "account") == [("ok", "wh1 is active and belongs to ycloud.", "")]


def test_nothing_in_the_account_fits(keyed: Flask, account: YCloudAPI) -> None:
    endpoint(account, secret="whsec_another")
    ((level, text, _),) = only(keyed, "account")
    assert (level, text) == (
        "error",
        "No endpoint of the account has the secret of ycloud.",
    )


@pytest.mark.parametrize(
    ("changes", "level", "text", "remedy"),
    [
        ({"status": "pending"}, "error", "wh1 is pending: YCloud sends nothing",
         "flask ycloud endpoints update wh1 --status active"),
        ({"url": f"http://example.org{PATH}"}, "error", "URL without HTTPS", "--url https://"),
        ({"url": "https://example.org"}, "warning",
         "wh1 sends to /; the app listens at /ycloud/webhook", "--url https://"),
        ({"enabledEvents": [TYPE, "contact.created"]}, "warning",
         "Subscribed, but without a handler: contact.created.", "--from-handlers"),
        ({"enabledEvents": []}, "warning", f"Handled, but not subscribed: {TYPE}.",
         "flask ycloud endpoints update wh1 --from-handlers"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_endpoint(
    keyed: Flask, account: YCloudAPI, changes: dict[str, Any], level: str, text: str,
    remedy: str,
) -> None:  # fmt: skip
    endpoint(account, **changes)
    found = [each for each in only(keyed, "account") if each[0] != "ok"]
    assert [each[0] for each in found] == [level]
    assert text in found[0][1]
    assert remedy in found[0][2]


def test_a_pattern_is_subscribed_by_any_type_that_it_reaches(
    keyed: Flask, account: YCloudAPI
) -> None:
    on_event("*", "whatsapp.message.*", name="two")(print)
    endpoint(account)
    texts = [text for _, text, _ in only(keyed, "account")]
    assert "Handled, but not subscribed: whatsapp.message.*." in texts


def test_a_prefix_of_a_proxy_is_fine(keyed: Flask, account: YCloudAPI) -> None:
    endpoint(account, url=f"https://example.org/api{PATH}")
    assert levels(keyed, "account") == ["ok"]


def test_a_key_that_is_refused(make_app: MakeApp, account: YCloudAPI) -> None:
    ((level, text, remedy),) = only(make_app(YCLOUD_API_KEY="x"), "account")
    assert level == "error"
    assert "401 UNAUTHORIZED" in text
    assert remedy == "Is YCLOUD_API_KEY right, and of this account?"


def test_secrets_that_are_not_text(make_app: MakeApp, account: YCloudAPI) -> None:
    def broken() -> str:
        raise OSError

    app = make_app(
        ycloud_bp,
        WebhookBlueprint("two", secret_key="TWO"),
        YCLOUD_WEBHOOK_SECRET=SECRET.encode(),
        TWO=broken,
        YCLOUD_API_KEY=API_KEY,
    )
    endpoint(account, enabledEvents=[])
    assert levels(app, "account") == ["ok"]


def test_a_suspended_endpoint(keyed: Flask, account: YCloudAPI) -> None:
    endpoint(account, status="pending")
    level, text, _ = only(keyed, "account")[0]
    assert level == "error"
    assert text.endswith("It failed too often, so YCloud suspended it.")
    endpoint(account, status="disabled")
    assert only(keyed, "account")[0][1] == "wh1 is disabled: YCloud sends nothing to it."


def test_types_that_a_pattern_would_receive_if_they_were_subscribed(
    keyed: Flask, account: YCloudAPI
) -> None:
    on_event("*", "sms.*", "voice.*", name="two")(print)
    endpoint(account)
    texts = [text for level, text, _ in only(keyed, "account") if level != "ok"]
    assert texts == [
        "Handled, but not subscribed: voice.*.",
        "sms.* has handlers, but of its types these are not subscribed:"
        " sms.inbound.received.",
    ]


def test_httpx_is_not_installed(keyed: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if args and args[-1] == 2 and name == "api":
            raise ModuleNotFoundError("No module named 'httpx'", name="httpx")
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    ((level, text, remedy),) = only(keyed, "account")
    assert level == "error"
    assert "pip install 'flask-ycloud[api]'" in text
    assert remedy == "Correct the setting, or remove YCLOUD_API_KEY: only commands use it."


def test_an_api_that_cannot_be_reached(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_ycloud.api.repeating.time.sleep", lambda seconds: None)
    app = make_app(YCLOUD_API_KEY=API_KEY, YCLOUD_API_URL="http://127.0.0.1:9/v2")
    ((level, _, remedy),) = only(app, "account")
    assert level == "warning"
    assert remedy == "Is YCLOUD_API_URL right, and does something answer there?"
    monkeypatch.setattr("flask_ycloud.api.client.BASE_URL", "http://127.0.0.1:9/v2")
    ((_, _, remedy),) = only(make_app(YCLOUD_API_KEY=API_KEY), "account")
    assert remedy.startswith("Can this machine reach api.ycloud.com?")


def test_an_api_that_fails(keyed: Flask, account: YCloudAPI) -> None:
    failed = APIError(503, "DOWN", "later", None)
    found = checked._no_list(runtime_of(keyed), failed)
    assert found.level == "warning"
    assert found.remedy.startswith("Try again later.")
