"""The commands about the account's endpoints, against a strict API."""

from __future__ import annotations

import builtins
import json
from types import SimpleNamespace
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


def ensured(app: Flask, *args: str) -> str:
    result = run(app, "ensure", URL, "--event", TYPE, *args, "--json")
    assert result.exit_code == 0, result.output
    endpoint_id: str = json.loads(result.output)["id"]
    return endpoint_id


def test_ensuring(keyed: Flask, account: YCloudAPI) -> None:
    first = ensured(keyed)
    account.endpoints[first]["status"] = "pending"
    assert ensured(keyed) == first
    assert account.endpoints[first]["status"] == "pending", "it may be so on purpose"
    assert ensured(keyed, "--status", "active", "--event", "a.b") == first
    assert account.endpoints[first]["status"] == "active"
    assert account.endpoints[first]["enabledEvents"] == [TYPE, "a.b"]
    args = ("ensure", URL, "--event", TYPE)
    hidden, shown = run(keyed, *args), run(keyed, *args, "--reveal")
    secret = account.endpoints[first]["secret"]
    assert f"id          {first}\n" in hidden.output
    assert (secret in hidden.output, secret in shown.output) == (False, True)
    result = run(keyed, "ensure", URL)
    assert (result.exit_code, "--event TYPE …" in result.output) == (2, True)


def test_the_url_comes_from_the_route(keyed: Flask, account: YCloudAPI) -> None:
    for base in ("https://example.org/shop/", "https://example.org/shop"):
        result = run(keyed, "ensure", "--base-url", base, "--event", TYPE)
        assert result.exit_code == 0, result.output
    (endpoint,) = account.endpoints.values()
    assert endpoint["url"] == "https://example.org/shop/ycloud/webhook"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "Name the URL, or where the app is reached: --base-url"),
        ([URL, "--base-url", "https://example.org"], "Name the URL, or where the app is"),
        ([URL, "--tenant", "acme", "--api-key-env", "KEY"], "the path comes from the app"),
        (["--base-url", "example.org"], "--base-url takes a URL without a query"),
        (["--base-url", "https://example.org?a"], "--base-url takes a URL without a query"),
    ],
)
@pytest.mark.parametrize("command", ["create", "ensure"])
def test_what_is_no_url(
    keyed: Flask, monkeypatch: pytest.MonkeyPatch, command: str, args: list[str], said: str
) -> None:
    monkeypatch.setenv("KEY", API_KEY)
    result = run(keyed, command, *args, "--event", TYPE)
    assert (result.exit_code, said in result.output) == (2, True), result.output


# Another account.


@pytest.fixture
def another(account: YCloudAPI) -> dict[str, Any]:
    account.fake.add_account("key of another")
    return account.fake.endpoints("key of another")


def test_a_key_from_the_environment(
    app: Flask, another: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOTHER_KEY", "key of another")
    created = run(app, "create", URL, "--event", TYPE, "--api-key-env", "ANOTHER_KEY")
    assert created.exit_code == 0, created.output
    (endpoint_id,) = another
    for command in (
        ["list"],
        ["show", endpoint_id],
        ["rotate-secret", endpoint_id, "--yes"],
        ["update", endpoint_id, "--status", "disabled"],
    ):
        result = run(app, *command, "--api-key-env", "ANOTHER_KEY")
        assert (result.exit_code, endpoint_id in result.output) == (0, True)


def test_a_key_from_standard_input(
    keyed: Flask, account: YCloudAPI, another: dict[str, Any]
) -> None:
    args = ("create", URL, "--event", TYPE, "--api-key-stdin")
    assert run(keyed, *args, confirm="key of another\n").exit_code == 0
    (endpoint_id,) = another
    assert account.endpoints == {}
    deletes = ("delete", endpoint_id, "--yes", "--api-key-stdin")
    assert run(keyed, *deletes, confirm="key of another").exit_code == 0
    assert another == {}
    empty = run(keyed, *args, confirm="")
    assert (empty.exit_code, "takes an API key" in empty.output) == (1, True)


def test_a_key_that_is_typed_is_not_seen(
    app: Flask, another: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("flask_ycloud.cli.api_access.sys", terminal)
    result = run(app, "list", "--api-key-stdin", confirm="key of another\n")
    assert (result.exit_code, "API key: " in result.output) == (0, True), result.output
    assert "key of another" not in result.output


def test_where_no_key_can_be_had(keyed: Flask) -> None:
    result = run(keyed, "list", "--api-key-env", "sk_given_by_mistake")
    assert result.exit_code == 2
    assert "The given variable does not exist." in " ".join(result.output.split())
    assert "sk_given" not in result.output
    result = run(keyed, "list", "--api-key-env", "A", "--api-key-stdin")
    assert (result.exit_code, "not both" in result.output) == (2, True)


def test_a_wrong_id_is_a_line(keyed: Flask) -> None:
    result = run(keyed, "show", "a/b")
    assert result.exit_code == 1
    assert "'a/b' is not the id of a webhook endpoint" in result.output


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


def test_a_url_without_a_path_gets_the_apps(keyed: Flask) -> None:
    for url, expected in (
        ("example.org", URL),
        ("https://example.org", URL),
        ("https://example.org/?key=1", f"{URL}?key=1"),
        ("https://example.org/in?key=1", "https://example.org/in?key=1"),
    ):
        result = run(keyed, "create", url, "--event", TYPE, "--json")
        assert json.loads(result.output)["url"] == expected


@pytest.mark.parametrize(
    "url", ["notaurl", "ftp://example.org", "https://", "https://a b.org", "x@example.org"]
)
def test_what_cannot_be_a_url(keyed: Flask, account: YCloudAPI, url: str) -> None:
    result = run(keyed, "create", url, "--event", TYPE)
    assert result.exit_code == 2
    assert f"{url!r} is not a host or a URL." in result.output
    assert account.calls == []


def test_the_ids_only(keyed: Flask) -> None:
    assert run(keyed, "list", "--ids").output == ""
    ids = [make(keyed)["id"] for _ in range(2)]
    assert run(keyed, "list", "--ids").output.splitlines() == ids
