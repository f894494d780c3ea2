"""The blueprint under another name, and handling that cannot start."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Blueprint, Flask

from flask_ycloud import ConfigurationError, WebhookBlueprint, on_event, ycloud_bp
from flask_ycloud.dispatch import ManualDispatcher
from flask_ycloud.runtime import Runtime, runtime_of
from flask_ycloud.testing import FakeYCloud

from ..conftest import MakeApp
from ..support import SECRET, body_of, call, deliver, id_of
from .support import problem, stored

TYPE = "sms.message.updated"


def an_app() -> Flask:
    app = Flask(__name__)
    app.config.update(TESTING=True, YCLOUD_WEBHOOK_SECRET=SECRET)
    return app


def look_at(app: Flask, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that asks for the endpoint's path finds it."""
    seen: list[str] = []
    on_event(TYPE, name="one")(lambda event: seen.append(event.endpoint))
    assert runtime_of(app).path_of("ycloud") == path
    assert FakeYCloud(app).send(TYPE).acknowledged
    assert seen == ["ycloud"]

    sent: list[str] = []

    def post(target: Any, *_: Any, **__: Any) -> None:
        sent.append(target.url)

    monkeypatch.setattr("flask_ycloud.cli.send.post", post)
    call(app, "send", TYPE)
    assert sent == [f"http://127.0.0.1:5000{path}"]
    assert "Traceback" not in call(app, "doctor").output


def test_registered_under_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    app = an_app()
    app.register_blueprint(ycloud_bp, name="hooks")
    look_at(app, "/ycloud/webhook", monkeypatch)


def test_in_another_blueprint_under_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    app, outer = an_app(), Blueprint("outer", __name__, url_prefix="/outer")
    outer.register_blueprint(ycloud_bp, name="hooks", url_prefix="/hooks")
    app.register_blueprint(outer, name="all")
    look_at(app, "/outer/hooks/webhook", monkeypatch)


def test_registered_twice_the_first_path_is_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = an_app()
    app.register_blueprint(ycloud_bp)
    app.register_blueprint(ycloud_bp, name="old", url_prefix="/old")
    look_at(app, "/ycloud/webhook", monkeypatch)
    body = body_of()
    assert deliver(app, body, path="/old/webhook").json == {"status": "accepted"}


def test_under_a_subdomain(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Flask(__name__, subdomain_matching=True)
    app.config.update(
        TESTING=True, YCLOUD_WEBHOOK_SECRET=SECRET, SERVER_NAME="example.org:8000"
    )
    app.register_blueprint(ycloud_bp, subdomain="hooks")
    look_at(app, "/ycloud/webhook", monkeypatch)


def test_a_tenant_in_the_subdomain() -> None:
    app = Flask(__name__, subdomain_matching=True)
    app.config.update(TESTING=True, SERVER_NAME="example.org")
    hooks = WebhookBlueprint("hooks", secrets=lambda tenant, _: f"{SECRET} of {tenant}")
    app.register_blueprint(hooks, subdomain="<tenant>")
    seen: list[str | None] = []
    hooks.on_event(TYPE, name="one")(lambda event: seen.append(event.tenant))
    assert FakeYCloud(app, tenant="acme").send(TYPE).acknowledged
    assert seen == ["acme"]
    runtime = runtime_of(app)
    assert runtime.path_of("hooks", "acme") == "/hooks/webhook"
    assert runtime.location_of("hooks", "acme") == ("acme", "/hooks/webhook")


def test_each_path_is_looked_at() -> None:
    app = an_app()
    app.register_blueprint(ycloud_bp)
    with pytest.raises(ConfigurationError, match="<shop>"):
        app.register_blueprint(ycloud_bp, name="old", url_prefix="/<shop>")


def test_two_endpoints_under_each_others_names() -> None:
    """A name that the app gives does not make one endpoint the other."""
    app = an_app()
    app.config["YCLOUD_EU_SECRET"] = "k" * 16
    app.register_blueprint(WebhookBlueprint("eu", secret_key="YCLOUD_EU_SECRET"), name="us")
    app.register_blueprint(WebhookBlueprint("us"), name="eu")
    runtime = runtime_of(app)
    assert [runtime.path_of(each) for each in ("eu", "us")] == [
        "/eu/webhook",
        "/us/webhook",
    ]


def test_celery_without_a_celery_fails_deliveries_alone(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, told: list[Any]
) -> None:
    app = make_app(YCLOUD_DISPATCH="celery")
    app.get("/")(lambda: "home")
    client, body = app.test_client(), body_of()
    assert [client.get("/").text for _ in range(2)] == ["home"] * 2
    assert caplog.text.count('app.extensions["celery"] = celery_app') == 1
    response = deliver(app, body)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "10")
    detail = "The dispatch is not available. Send the delivery again later."
    assert problem(response) == detail
    assert "ycloud are rejected, since nothing handles them: YCLOUD_DISPATCH" in caplog.text
    about = {"endpoint": "ycloud", "reason": "dispatch unavailable", "status": 503}
    assert told == [("delivery-rejected", about)]
    assert stored(app) == 0
    assert app.test_client().post("/ycloud/webhook").status_code in (401, 411)
    app.extensions["celery"] = object()  # it was set up late
    assert deliver(app, body).json == {"status": "accepted"}
    assert stored(app) == 1


def test_a_dispatcher_that_cannot_be_made_is_told_without_values(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    def dispatch(runtime: Runtime) -> ManualDispatcher:
        if broken:
            raise ValueError(*broken)
        return ManualDispatcher(runtime)

    broken = ["secret.example"]
    app = make_app(YCLOUD_DISPATCH=dispatch)
    with caplog.at_level(logging.ERROR):
        assert deliver(app, body_of()).status_code == 503
    assert "ValueError" in caplog.text
    assert "secret.example" not in caplog.text
    broken.clear()
    body = body_of()
    assert deliver(app, body).status_code == 200
    event = runtime_of(app).inbox.get(id_of(body))
    assert event is not None
