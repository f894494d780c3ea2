"""The commands where one endpoint serves many accounts, and where bodies conflict."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from flask_ycloud import WebhookBlueprint, on_event, sign, ycloud_bp
from flask_ycloud.inbox import Identity, RunningHandler, Stats
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import PATH, SECRET, body_of, call, deliver, id_of
from ..tenants import SECRETS, deliver_to, hooks
from ..ycloud_api import API_KEY, YCloudAPI
from .support import endpoint, findings

TYPE = "sms.message.updated"


@pytest.fixture
def app(make_app: MakeApp, inbox_url: str) -> Flask:
    """Two tenants of one endpoint, and another endpoint with one account."""
    return make_app(hooks(), ycloud_bp, YCLOUD_INBOX_URL=inbox_url)


@pytest.fixture
def body(app: Flask) -> bytes:
    """One event of both tenants and of the other endpoint: its id is known three times."""
    body = body_of()
    deliver(app, body)
    for tenant in SECRETS:
        deliver_to(app, tenant, body)
    return body


def by_id(tenant: str | None, endpoint_id: str | None) -> str | None:
    return {"wh1": "the secret of wh1"}.get(str(endpoint_id))


def running(tenant: str | None) -> RunningHandler:
    return RunningHandler("app:slow", "evt_1", 61, "hooks", tenant)


# The inbox.


def test_a_list_names_tenants(app: Flask, body: bytes) -> None:
    lines = call(app, "list").output.splitlines()
    assert lines[0].split()[-2:] == ["ENDPOINT", "TENANT"]
    assert [line.split()[-2:] for line in lines[1:3]] == [
        ["hooks", "beta"],
        ["hooks", "acme"],
    ]
    assert lines[3].endswith("ycloud")
    assert len(call(app, "list", "--tenant", "acme").output.splitlines()) == 2
    assert call(app, "list", "--tenant", "gamma").output == "No events.\n"
    assert "TENANT" not in call(app, "list", "--endpoint", "ycloud").output


def test_showing_the_event_of_a_tenant(app: Flask, body: bytes) -> None:
    shown = call(app, "show", id_of(body), "--tenant", "acme").output
    assert "endpoint     hooks\n" in shown
    assert "tenant       acme\n" in shown
    shown = call(app, "show", id_of(body), "--endpoint", "ycloud").output
    assert "endpoint     ycloud\n" in shown
    assert "tenant" not in shown
    missing = call(app, "show", id_of(body), "--tenant", "gamma")
    assert missing.output == f"Error: The inbox has no event '{id_of(body)}'.\n"


@pytest.mark.parametrize("command", ["show", "replay"])
def test_an_id_that_is_not_enough(app: Flask, body: bytes, command: str) -> None:
    result = call(app, command, id_of(body))
    assert result.exit_code == 1
    assert result.output == (
        f"Error: The inbox has several events '{id_of(body)}': endpoint 'hooks', tenant"
        " 'acme'; endpoint 'hooks', tenant 'beta'; endpoint 'ycloud'. Choose one with"
        " --endpoint and --tenant.\n"
    )
    assert call(app, command, id_of(body), "--endpoint", "hooks").exit_code == 1
    assert call(app, command, id_of(body), "--tenant", "beta").exit_code == 0


def test_replaying_the_event_of_a_tenant(app: Flask, body: bytes) -> None:
    runs: list[str | None] = []
    on_event(TYPE, name="one")(lambda event: runs.append(event.tenant))
    call(app, "replay", id_of(body), "--tenant", "beta")
    call(app, "replay", id_of(body), "--endpoint", "ycloud")
    assert runs == ["beta", None]


def test_replaying_what_is_unhandled_of_a_tenant(app: Flask, body: bytes) -> None:
    def replay(*where: str) -> str:
        return call(app, "replay", "--unhandled", "--yes", *where).output

    on_event(TYPE, name="one")(lambda event: None)
    assert (
        replay("--tenant", "acme", "--endpoint", "ycloud")
        == "0 events are queued for replay.\n"
    )
    assert replay("--tenant", "acme") == "1 event is queued for replay.\n"
    assert replay() == "2 events are queued for replay.\n"


def test_stats_name_the_tenant_of_a_handler_that_runs(make_app: MakeApp) -> None:
    app = make_app(hooks())
    stats = Stats(0, 1, 0, None, {}, running_handlers=(running("acme"), running(None)))
    runtime_of(app).inbox.stats = lambda: stats  # type: ignore[method-assign]
    lines = call(app, "stats").output.splitlines()
    assert lines[1] == "app:slow has been running for 1 min with event evt_1 of acme."
    assert lines[2] == "app:slow has been running for 1 min with event evt_1."


def test_a_conflict_is_shown(app: Flask) -> None:
    body = body_of()
    other = body + b" "
    for each in (body, other):
        deliver_to(app, "acme", each)
    shown = call(app, "show", id_of(body)).output
    line = f"conflict     another body came under this id: {body_id(other)}\n"
    assert line in shown
    shown = call(app, "show", body_id(other)).output
    reason = f"reason       the event id {id_of(body)} is known with another body\n"
    assert reason in shown
    assert "conflict   " not in shown


def test_the_id_of_the_endpoint_is_shown(app: Flask) -> None:
    body = body_of()
    headers = {
        "YCloud-Signature": sign(body, SECRETS["acme"]),
        "X-Webhook-Endpoint-ID": "wh1",
    }
    app.test_client().post("/hooks/acme/webhook", data=body, headers=headers)
    assert "endpoint id  wh1\n" in call(app, "show", id_of(body)).output


# Samples and signatures.


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_sending_to_a_tenant(app: Flask, url: str) -> None:
    target = f"{url}/hooks/acme/webhook"
    sent = call(app, "send", TYPE, "--tenant", "acme", "--url", target)
    assert sent.exit_code == 0, sent.output
    (event,) = runtime_of(app).inbox.list()
    assert event.identity == Identity(event.id, "hooks", "acme")
    refused = call(app, "send", TYPE, "--tenant", "beta", "--url", target)
    assert (refused.exit_code, "→ 401" in refused.output) == (1, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "The endpoint 'hooks' serves many accounts. Name the tenant: --tenant NAME"),
        (["--tenant", "gamma"], "There is no such tenant: 'gamma'."),
        (["--tenant", 256 * "x"], "name is too long, or not printable: 'xxx"),
        (["--endpoint", "ycloud", "--tenant", "acme"], "takes no tenant"),
    ],
)
@pytest.mark.parametrize("command", ["send", "verify"])
def test_a_tenant_that_cannot_be(
    make_app: MakeApp, tmp_path: Path, command: str, options: list[str], said: str
) -> None:
    app = make_app(hooks(), ycloud_bp)
    (tmp_path / "body").write_bytes(b"{}")
    verify = ["--header", "t=1", "--body-file", str(tmp_path / "body")]
    result = call(app, command, *([TYPE] if command == "send" else verify), *options)
    assert result.exit_code == 1
    assert said in result.output


def test_a_secret_that_there_is_not(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(WebhookBlueprint("one_url", secrets=by_id))
    (tmp_path / "body").write_bytes(b"{}")
    verify = ("verify", "--header", "t=1", "--body-file", str(tmp_path / "body"))
    result = call(app, *verify)
    assert result.exit_code == 1
    assert "'one_url' has a secret for each endpoint id." in result.output
    result = call(app, *verify, "--endpoint-id", "wh2")
    assert result.exit_code == 1
    assert "'one_url' has no secret for the endpoint id 'wh2'." in result.output


def test_a_tenant_that_the_path_cannot_have(make_app: MakeApp) -> None:
    numbers = WebhookBlueprint("n", url_prefix="/n/<int:tenant>", secrets=by_id)
    result = call(make_app(numbers), "send", TYPE, "--tenant", "acme")
    assert result.exit_code == 1
    expected = "The path '/n/<int:tenant>/webhook' cannot have the tenant 'acme'."
    assert expected in result.output


def test_the_path_of_a_tenant_is_found(make_app: MakeApp) -> None:
    app = make_app(hooks())
    result = call(app, "send", TYPE, "--tenant", "acme")
    assert "No answer from http://127.0.0.1:5000/hooks/acme/webhook" in result.output


@pytest.fixture
def verified(make_app: MakeApp, tmp_path: Path) -> Callable[..., str]:
    app = make_app(
        hooks(),
        ycloud_bp,
        WebhookBlueprint("v2", url_prefix="/v2/<tenant>", secrets=by_id),
        WebhookBlueprint("one_url", secrets=by_id),
        WebhookBlueprint(
            "old", url_prefix="/old/<tenant>", secrets=lambda *_: "old secret"
        ),
    )

    def verify(secret: str, *options: str) -> str:
        (tmp_path / "body").write_bytes(b"{}")
        file = str(tmp_path / "body")
        args = ("--header", sign(b"{}", secret), "--body-file", file, *options)
        return call(app, "verify", *args).output

    return verify


def test_verifying_the_signature_of_a_tenant(verified: Callable[..., str]) -> None:
    right = "The signature is right"
    assert right in verified(SECRETS["acme"], "--tenant", "acme")
    one_url = ("--endpoint", "one_url", "--endpoint-id", "wh1")
    assert right in verified("the secret of wh1", *one_url)
    assert "No secret in the settings" in verified(SECRETS["beta"], "--tenant", "acme")
    found = verified("old secret", "--tenant", "acme")
    assert "signed with the secret of the endpoint 'old', not 'hooks'" in found
    found = verified(SECRETS["acme"], "--endpoint", "ycloud")
    assert "No secret in the settings" in found, "other endpoints ask for a tenant"


# The doctor.


def test_some_tenants_are_checked(make_app: MakeApp) -> None:
    secrets = {
        "acme": SECRETS["acme"], "spaced": f"{SECRET} ", "several": [SECRET, SECRET],
        "short": "a", "broken": OSError("x"),
    }  # fmt: skip

    def lookup(tenant: str | None, endpoint_id: str | None) -> Any:
        found = secrets.get(str(tenant))
        if isinstance(found, Exception):
            raise found
        return found

    app = make_app(hooks(lookup), ycloud_bp)
    options = [part for each in (*secrets, "gamma") for part in ("--tenant", each)]
    found = findings(app, *options)["secret"]
    shown = [(level, re.split(", such as| at ", text)[0]) for level, text, _ in found]
    assert shown == [
        ("ok", "hooks of acme has one secret."),
        (
            "error",
            "hooks of spaced: The function secrets= of endpoint 'hooks': the secret is"
            " blank or has white space around it",
        ),
        ("ok", "hooks of several has 2 secrets."),
        (
            "warning",
            "hooks of short: its secret has fewer than 16 characters, so it can be"
            " guessed.",
        ),
        (
            "error",
            "hooks of broken: The function secrets= of endpoint 'hooks' raised OSError",
        ),
        ("error", "hooks of gamma: there is no such tenant."),
        ("ok", "ycloud has one secret."),
    ]


def test_without_a_tenant_the_doctor_asks_for_some(make_app: MakeApp) -> None:
    asked: list[Any] = []
    app = make_app(hooks(lambda *whose: asked.append(whose)))
    assert findings(app)["secret"] == [
        (
            "skipped",
            "hooks serves many accounts; no tenant was checked.",
            "Name some: --tenant NAME …",
        )
    ]
    assert asked == []


def test_a_tenant_where_no_endpoint_has_any(make_app: MakeApp) -> None:
    result = call(make_app(), "doctor", "--tenant", "acme")
    assert result.exit_code == 2
    assert "no endpoint has <tenant> in its path" in result.output


def test_secrets_by_the_id_of_the_endpoint(make_app: MakeApp) -> None:
    app = make_app(WebhookBlueprint("one_url", secrets=by_id))
    ((level, _, remedy),) = findings(app)["secret"]
    assert (level, remedy) == ("skipped", "Name one: --endpoint-id ID")
    found = findings(app, "--endpoint-id", "wh1")["secret"]
    assert found == [("ok", "one_url has one secret.", "")]
    ((level, text, _),) = findings(app, "--endpoint-id", "wh2")["secret"]
    assert (level, text) == (
        "error",
        "one_url: there is no secret for the endpoint id wh2.",
    )


def test_conflicts_are_no_rejections(make_app: MakeApp) -> None:
    app = make_app()
    body = body_of()
    for each in (body, body + b" ", body + b"  "):
        assert deliver(app, each).status_code == 200
    runtime_of(app).rejections.write()
    found = findings(app)
    assert found["rejected"][0][:2] == ("ok", "No delivery was rejected in the last day.")
    ((level, text, remedy),) = found["conflicts"]
    assert level == "warning"
    assert text.startswith("ycloud: 2 deliveries in the last day had a known event id and")
    assert "flask ycloud show sha256:" in remedy


def test_an_unknown_tenant_is_a_rejection(make_app: MakeApp) -> None:
    app = make_app(hooks())
    deliver(app, body_of(), path="/hooks/gamma/webhook")
    runtime_of(app).rejections.write()
    ((level, text, remedy),) = findings(app)["rejected"]
    assert level == "warning"
    assert text.startswith("hooks: 1 delivery was rejected (unknown tenant) since ")
    assert text.endswith("; none in the day before.")
    assert "but not its endpoint at YCloud" in remedy


def test_the_account_beside_tenants(make_app: MakeApp, account: YCloudAPI) -> None:
    on_event(TYPE, name="one")(print)
    app = make_app(hooks(), YCLOUD_API_KEY=API_KEY)
    url = "https://example.org/hooks/acme/webhook"
    endpoint(account, secret=SECRETS["acme"], url=url)
    options = ("--tenant", "acme", "--tenant", "beta", "--tenant", "gamma")
    assert findings(app, *options)["account"] == [
        ("ok", "wh1 is active and belongs to hooks of acme.", ""),
        (
            "skipped",
            "hooks of beta: the account of YCLOUD_API_KEY has no such endpoint.",
            "It may be in an account of its own.",
        ),
    ]
    endpoint(account, secret=SECRETS["acme"], url=f"https://example.org{PATH}")
    text = findings(app, "--tenant", "acme")["account"][1][1]
    assert text == f"wh1 sends to {PATH}; the app listens at /hooks/acme/webhook."
    assert "account" not in findings(app), "there is nothing to check"


def test_the_account_where_secrets_go_by_its_ids(
    make_app: MakeApp, account: YCloudAPI
) -> None:
    on_event(TYPE, name="one")(print)
    app = make_app(WebhookBlueprint("one_url", secrets=by_id), YCLOUD_API_KEY=API_KEY)
    endpoint(account, secret="the secret of wh1", url="https://example.org/one_url/webhook")
    assert findings(app)["account"][0][:2] == (
        "ok",
        "wh1 is active and belongs to one_url.",
    )


def test_a_slow_handler_is_named_with_its_tenant(make_app: MakeApp) -> None:
    app = make_app(hooks())
    stats = Stats(0, 1, 0, None, {}, running_handlers=(running("acme"),))
    runtime_of(app).inbox.stats = lambda: stats  # type: ignore[method-assign]
    texts = [text for _, text, _ in findings(app)["running"]]
    assert "app:slow has been running for 1 min with event evt_1 of acme." in texts


# The endpoint at YCloud.


@pytest.mark.parametrize("command", ["create", "ensure"])
def test_the_endpoint_of_a_tenant_is_in_its_own_account(
    make_app: MakeApp, account: YCloudAPI, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    account.fake.add_account("key of acme")
    monkeypatch.setenv("ACME_KEY", "key of acme")
    app = make_app(ycloud_bp, hooks(), YCLOUD_API_KEY=API_KEY)
    where = ("--endpoint", "hooks", "--tenant", "acme", "--base-url", "https://example.org")
    args = ("endpoints", command, *where, "--event", TYPE)
    refused = call(app, *args)
    assert (refused.exit_code, "of the tenant's account" in refused.output) == (2, True)
    made = call(app, *args, "--api-key-env", "ACME_KEY")
    assert made.exit_code == 0, made.output
    (endpoint,) = account.fake.endpoints("key of acme").values()
    assert endpoint["url"] == "https://example.org/hooks/acme/webhook"
    assert endpoint["secret"] not in made.output
    assert account.endpoints == {}


def test_the_endpoint_of_whom(make_app: MakeApp, account: YCloudAPI) -> None:
    app = make_app(hooks(), YCLOUD_API_KEY=API_KEY)
    args = ("--base-url", "https://example.org", "--event", TYPE)
    result = call(app, "endpoints", "create", *args)
    assert (result.exit_code, "Name the tenant" in result.output) == (1, True)
