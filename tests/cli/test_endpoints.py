"""The commands about the account's endpoints, against a strict API."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from flask_ycloud import WebhookBlueprint, on_event, ycloud_bp

from ..conftest import MakeApp
from ..support import call
from ..ycloud_api import API_KEY, YCloudAPI

URL = "https://example.org/ycloud/webhook"
TYPE = "sms.message.updated"


@pytest.fixture
def keyed(make_app: MakeApp, account: YCloudAPI) -> Flask:
    return make_app(YCLOUD_API_KEY=API_KEY)


def run(app: Flask, *args: str, confirm: str | None = None) -> Result:
    runner = app.test_cli_runner()
    return runner.invoke(args=["ycloud", "endpoints", *args], input=confirm)


def make(app: Flask, *args: str) -> dict[str, Any]:
    result = run(app, "create", URL, *(args or ("--event", TYPE)), "--json", "--reveal")
    assert result.exit_code == 0, result.output
    made: dict[str, Any] = json.loads(result.output)
    return made


def test_listing(keyed: Flask) -> None:
    assert run(keyed, "list").output == "No endpoints.\n"
    made = make(keyed)
    head, row = run(keyed, "list").output.splitlines()
    assert head.split() == ["ID", "STATUS", "EVENTS", "URL"]
    assert row.split() == [made["id"], "active", "1", URL]
    (listed,) = json.loads(run(keyed, "list", "--json").output)
    assert listed == {name: made[name] for name in made if name != "secret"}


def test_a_secret_is_shown_when_asked_for(keyed: Flask) -> None:
    made = make(keyed)
    for shows in (["list"], ["show", made["id"]], ["show", made["id"], "--json"]):
        hidden, revealed = run(keyed, *shows), run(keyed, *shows, "--reveal")
        assert made["secret"] not in hidden.output
        assert made["secret"] in revealed.output


def test_showing(keyed: Flask) -> None:
    made = make(keyed, "--event", TYPE, "--event", "a.b", "--description", "ours")
    lines = run(keyed, "show", made["id"]).output.splitlines()
    assert f"id          {made['id']}" in lines
    assert "description ours" in lines
    assert "secret      whsec_… (--reveal shows it)" in lines
    assert lines[-2:] == [f"events      {TYPE}", "            a.b"]


def test_creating_for_the_handlers(make_app: MakeApp, account: YCloudAPI) -> None:
    app = make_app(
        ycloud_bp, WebhookBlueprint("eu", secret_key="EU"), EU="2", YCLOUD_API_KEY=API_KEY
    )
    result = run(app, "create", URL, "--from-handlers")
    assert "no handlers to subscribe for" in result.output
    on_event("whatsapp.template.*", name="one")(print)
    on_event(TYPE, name="two")(print)
    eu = app.blueprints["eu"]
    assert isinstance(eu, WebhookBlueprint)
    eu.on_event("contact.created", name="three")(print)
    heard = [
        TYPE,
        "whatsapp.template.category_updated",
        "whatsapp.template.quality_updated",
        "whatsapp.template.reviewed",
    ]
    assert make(app, "--from-handlers")["enabled_events"] == heard
    made = make(app, "--from-handlers", "--event", "a.b", "--endpoint", "eu")
    assert made["enabled_events"] == ["a.b", *heard, "contact.created"]


def test_attributes_of_contacts(keyed: Flask) -> None:
    event = ("--event", "contact.attributes_changed")
    result = run(keyed, "create", URL, *event)
    assert result.exit_code == 1
    assert "400 PARAM_MISSING eventProperties are required" in result.output
    made = make(keyed, *event, "--attribute", "tags", "--attribute", "age")
    shown = run(keyed, "show", made["id"]).output.splitlines()
    assert "properties  contact.attributes_changed: tags, age" in shown


def test_nothing_is_created_or_changed_by_mistake(keyed: Flask) -> None:
    result = run(keyed, "create", URL)
    assert result.exit_code == 2
    assert "--event TYPE …, or --from-handlers" in result.output
    result = run(keyed, "update", "wh1")
    assert result.exit_code == 2
    assert "nothing to change" in result.output


def test_updating(keyed: Flask, account: YCloudAPI) -> None:
    made = make(keyed)
    account.endpoints[made["id"]]["status"] = "pending"
    result = run(keyed, "update", made["id"], "--status", "active", "--event", "a.b")
    assert result.exit_code == 0
    assert account.endpoints[made["id"]]["status"] == "active"
    assert account.endpoints[made["id"]]["enabledEvents"] == ["a.b"]
    assert account.endpoints[made["id"]]["url"] == URL


def test_deleting_asks(keyed: Flask, account: YCloudAPI) -> None:
    made = make(keyed)
    assert run(keyed, "delete", made["id"], confirm="n\n").exit_code == 1
    assert len(account.endpoints) == 1
    result = run(keyed, "delete", made["id"], confirm="y\n")
    assert result.output.endswith(f"{made['id']} is deleted.\n")
    result = run(keyed, "delete", made["id"], "--yes")
    assert result.exit_code == 1
    assert "404 NOT_FOUND" in result.output


def test_rotating_asks(keyed: Flask, account: YCloudAPI) -> None:
    made = make(keyed)
    assert run(keyed, "rotate-secret", made["id"], confirm="n\n").exit_code == 1
    assert account.endpoints[made["id"]]["secret"] == made["secret"]
    result = run(keyed, "rotate-secret", made["id"], "--yes", "--json", "--reveal")
    assert json.loads(result.output)["secret"] == account.endpoints[made["id"]]["secret"]
    assert account.endpoints[made["id"]]["secret"] != made["secret"]


def test_a_wrong_id_is_a_line(keyed: Flask) -> None:
    result = run(keyed, "show", "a/b")
    assert result.exit_code == 1
    assert "'a/b' is no id of a webhook endpoint" in result.output


def test_without_a_key(app: Flask) -> None:
    result = run(app, "list")
    assert result.exit_code == 1
    assert result.output.startswith("Error: YCLOUD_API_KEY is not set. It takes an API key")


def test_without_httpx(keyed: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "api":
            raise ModuleNotFoundError(name="httpx")
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    result = call(keyed, "endpoints", "list")
    assert result.exit_code == 1
    assert "pip install 'flask-ycloud[api]'" in result.output
