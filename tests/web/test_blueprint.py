"""The blueprint: what it answers, and where it can live."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_ycloud import (
    ConfigurationError,
    Event,
    InboxUnavailable,
    WebhookBlueprint,
    current_inbox,
    on_event,
    ycloud_bp,
)
from flask_ycloud.inbox import Inbox
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import PATH, SECRET, body_of, deliver, id_of
from .support import problem, stored

TYPE = "sms.message.updated"


def test_authentic_and_new(app: Flask, told: list[Any]) -> None:
    body = body_of()
    response = deliver(app, body)
    assert (response.status_code, response.json) == (200, {"status": "accepted"})
    assert response.content_type == "application/json"
    details: dict[str, Any] = {
        "event_id": id_of(body),
        "event_type": TYPE,
        "endpoint": "ycloud",
    }
    details["tenant"] = None
    ((signal, heard),) = told
    assert 0 < heard.pop("seconds") < 10
    assert (signal, heard) == ("event-accepted", details)
    assert stored(app) == 1


def test_authentic_and_known(app: Flask, told: list[Any]) -> None:
    body = body_of()
    deliver(app, body)
    response = deliver(app, body)
    assert (response.status_code, response.json) == (200, {"status": "duplicate"})
    assert told[-1][0] == "event-duplicated"
    assert stored(app) == 1


@pytest.mark.parametrize("body", [b"hello", b"[]", b'{"id": "evt_1"}', b"\xff"])
def test_authentic_but_not_understood(
    app: Flask, told: list[Any], caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    for status in ("accepted", "duplicate"):
        response = deliver(app, body)
        assert (response.status_code, response.json) == (200, {"status": status})
    with app.app_context():
        (event,) = current_inbox.list(state="dead")
    assert (event.id, event.body, event.type) == (body_id(body), body, None)
    assert [name for name, _ in told] == [
        "event-accepted",
        "event-dead",
        "event-duplicated",
    ]
    assert told[1][1]["reason"] == event.reason
    assert "not understood" in caplog.text


def test_an_unknown_type_is_handled_like_any(app: Flask) -> None:
    seen: list[Event[Any]] = []
    on_event("*", name="all")(seen.append)
    deliver(app, body_of(type="fax.message.sent"))
    assert seen[0].type == "fax.message.sent"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method(app: Flask, method: str) -> None:
    response = app.test_client().open(PATH, method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert response.content_type == "application/problem+json"


def test_a_trailing_slash_is_no_other_place(app: Flask) -> None:
    assert deliver(app, body_of(), path=PATH + "/").status_code == 200


def test_an_inbox_that_cannot_store(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> bool:
        raise InboxUnavailable("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "accept", broken)
        for body in (body_of(), b"hello"):
            response = deliver(app, body)
            assert response.status_code == 503
            assert int(response.headers["Retry-After"]) > 0
            assert problem(response)
    assert "was not stored: database is locked" in caplog.text
    assert stored(app) == 0


def test_a_handling_that_does_not_start_is_still_acknowledged(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is stored; another look finds it."""
    app = make_app(TESTING=False, YCLOUD_DISPATCH="manual")

    def broken(event_id: str) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(runtime_of(app).dispatcher, "wake", broken)
    assert deliver(app, body_of()).status_code == 200
    assert "its handling did not start: RuntimeError" in caplog.text
    app.testing = True
    with pytest.raises(RuntimeError):
        deliver(app, body_of())


@pytest.mark.parametrize("secret", [None, "", [], ["x", ""]])
def test_no_secret_means_no_start(secret: Any) -> None:
    app = Flask("no-secret")
    app.config["YCLOUD_WEBHOOK_SECRET"] = secret
    with pytest.raises(ConfigurationError, match="YCLOUD_WEBHOOK_SECRET"):
        app.register_blueprint(ycloud_bp)


def test_a_further_endpoint_has_its_own_secret_handlers_and_ids(
    make_app: MakeApp,
) -> None:
    eu = WebhookBlueprint("eu", secret_key="EU_SECRET")
    heard: list[str] = []
    eu.on_event(TYPE, name="eu")(lambda event: heard.append("eu " + event.endpoint))
    on_event(TYPE, name="all")(lambda event: heard.append("all " + event.endpoint))
    app = make_app(ycloud_bp, eu, EU_SECRET="eu secret")
    deliver(app, body_of())
    assert heard == ["all ycloud"]
    assert deliver(app, body_of(), path="/eu/webhook").status_code == 401
    body = body_of()
    assert deliver(app, body, path="/eu/webhook", secret="eu secret").status_code == 200
    assert heard[1:] == ["all eu", "eu eu"]
    assert deliver(app, body).json == {"status": "accepted"}, "one id space for each"
    assert heard[3:] == ["all ycloud"]
    again = deliver(app, body, path="/eu/webhook", secret="eu secret")
    assert again.json == {"status": "duplicate"}
    with app.app_context():
        assert {event.endpoint for event in current_inbox.list()} == {"ycloud", "eu"}


def test_a_prefix_of_choice(make_app: MakeApp) -> None:
    app = make_app(WebhookBlueprint("hooks", url_prefix="/in/ycloud"))
    assert deliver(app, body_of(), path="/in/ycloud/webhook").status_code == 200


def test_nested_in_another_blueprint(make_app: MakeApp) -> None:
    api = Blueprint("api", __name__, url_prefix="/api")
    api.register_blueprint(WebhookBlueprint("ycloud"))
    app = Flask("nested")
    app.config.update(YCLOUD_WEBHOOK_SECRET=SECRET, TESTING=True)
    app.register_blueprint(api)
    assert deliver(app, body_of(), path="/api/ycloud/webhook").status_code == 200
    with app.app_context():
        assert current_inbox.list()[0].endpoint == "ycloud"


def test_two_apps_of_one_process_share_nothing_but_the_code(make_app: MakeApp) -> None:
    one, two = make_app(), make_app(YCLOUD_WEBHOOK_SECRET="another")
    body = body_of()
    assert deliver(one, body).json == {"status": "accepted"}
    assert deliver(two, body).status_code == 401
    assert deliver(two, body, secret="another").json == {"status": "accepted"}


@pytest.mark.parametrize("order", ["before", "after"])
def test_csrf_protection_lets_it_pass(order: str) -> None:
    app = Flask("csrf")
    app.config.update(YCLOUD_WEBHOOK_SECRET=SECRET, TESTING=True, SECRET_KEY="k")
    if order == "before":
        CSRFProtect(app)
    app.register_blueprint(ycloud_bp)
    if order == "after":
        CSRFProtect(app)
    app.add_url_rule("/form", view_func=lambda: "", methods=["POST"], endpoint="form")
    assert deliver(app, body_of()).status_code == 200
    assert app.test_client().post("/form").status_code == 400


def test_behind_a_proxy(app: Flask) -> None:
    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)  # type: ignore[method-assign]
    assert deliver(app, body_of()).status_code == 200


def test_the_commands_are_attached_once(make_app: MakeApp) -> None:
    app = make_app(ycloud_bp, WebhookBlueprint("eu"))
    assert "ycloud" in app.cli.commands
    result = app.test_cli_runner().invoke(args=["ycloud", "stats"])
    assert result.exit_code == 0
