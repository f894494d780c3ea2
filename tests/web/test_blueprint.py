"""HTTP in, HTTP out: the wire table, line by line, and where the blueprint can live."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, request
from flask_wtf import CSRFProtect
from werkzeug.exceptions import ClientDisconnected
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import TestResponse, run_wsgi_app

from flask_ycloud import (
    ConfigurationError,
    Event,
    InboxUnavailable,
    WebhookBlueprint,
    current_inbox,
    delivery_rejected,
    event_accepted,
    event_dead,
    event_duplicated,
    on_event,
    sign,
    ycloud_bp,
)
from flask_ycloud.inbox import Inbox
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import PATH, SECRET, body_of, deliver, id_of, listening

TYPE = "sms.message.updated"


@pytest.fixture
def told() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    with listening(
        event_accepted, event_duplicated, event_dead, delivery_rejected
    ) as heard:
        yield heard


def stored(app: Flask) -> int:
    with app.app_context():
        return len(current_inbox.list())


def problem(response: TestResponse) -> str:
    assert response.content_type == "application/problem+json"
    shown = json.loads(response.text)
    assert shown["status"] == response.status_code
    detail: str = shown["detail"]
    return detail


def test_authentic_and_new(app: Flask, told: list[Any]) -> None:
    body = body_of()
    response = deliver(app, body)
    assert (response.status_code, response.json) == (200, {"status": "accepted"})
    assert response.content_type == "application/json"
    details = {"event_id": id_of(body), "event_type": TYPE, "endpoint": "ycloud"}
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


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "missing"),
        ({"YCloud-Signature": "t=1"}, "malformed"),
        ({"YCloud-Signature": sign(b"other", SECRET)}, "mismatch"),
        ({"YCloud-Signature": sign(b"{}", "other")}, "mismatch"),
        ({"YCloud-Signature": sign(b"{}", SECRET, timestamp=1)}, "stale"),
        (
            {
                "YCloud-Signature": sign(
                    b"{}", SECRET, timestamp=int(time.time()) + 7 * 3600
                )
            },
            "stale",
        ),
    ],
)
def test_what_is_not_authentic(
    app: Flask,
    told: list[Any],
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    reason: str,
) -> None:
    response = app.test_client().post(PATH, data=b"{}", headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "YCloud-Signature"
    assert problem(response)
    assert told == [
        ("delivery-rejected", {"endpoint": "ycloud", "reason": reason, "status": 401})
    ]
    assert caplog.messages == [f"A delivery at ycloud was rejected: {reason} (401)."]
    assert stored(app) == 0


def test_late_retries_of_ycloud_are_within_the_tolerance(app: Flask) -> None:
    """Its last comes 5 h 36 min after the first, perhaps with the first's signature."""
    response = deliver(app, body_of(), timestamp=int(time.time()) - (5 * 3600 + 36 * 60))
    assert response.status_code == 200


def test_the_tolerance_is_a_setting(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_SIGNATURE_TOLERANCE=60)
    assert deliver(app, body_of(), timestamp=int(time.time()) - 120).status_code == 401


def test_a_body_over_the_limit(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_MAX_BODY_BYTES=100)
    assert deliver(app, b"x" * 100).status_code == 200
    response = deliver(app, b"x" * 101)
    assert response.status_code == 413
    assert "capacity limit" in problem(response)


def test_the_apps_own_limit_is_for_uploads(make_app: MakeApp) -> None:
    app = make_app(MAX_CONTENT_LENGTH=10)
    assert deliver(app, body_of()).status_code == 200


class RaisesWhenRead(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise AssertionError("it was read")


def wsgi(app: Flask, body: Any = b"", **environ: Any) -> Response:
    """A request whose WSGI environment is told, not made."""
    builder = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": PATH,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body) if isinstance(body, bytes) else body,
        "wsgi.errors": io.StringIO(),
        **environ,
    }
    return Response(*run_wsgi_app(app, builder, buffered=True))


def test_too_long_is_not_read_at_all(app: Flask) -> None:
    for length in (str(2**20 + 1), "9" * 5000):
        assert wsgi(app, RaisesWhenRead(), CONTENT_LENGTH=length).status_code == 413


@pytest.mark.parametrize(
    "error", [OSError, LookupError("a server's own"), ClientDisconnected]
)
def test_a_body_that_cannot_be_read(app: Flask, error: Any) -> None:
    class Broken(RaisesWhenRead):
        def readinto(self, buffer: Any) -> int:
            raise error

    assert wsgi(app, Broken(), CONTENT_LENGTH="9").status_code == 400


def test_no_length(app: Flask) -> None:
    assert wsgi(app, b"x").status_code == 411
    response = wsgi(app, b"x", HTTP_TRANSFER_ENCODING="chunked")
    assert response.status_code == 411, "this server did not undo the chunks"


@pytest.mark.parametrize("length", ["-1", "1e3", "+1", "abc", "", "\u0663", "0x1"])
def test_a_length_that_is_none(app: Flask, length: str) -> None:
    assert wsgi(app, b"x", CONTENT_LENGTH=length).status_code in (400, 411)


def test_contradictory_lengths(app: Flask) -> None:
    response = wsgi(app, b"x", CONTENT_LENGTH="1", HTTP_TRANSFER_ENCODING="chunked")
    assert response.status_code == 400


def test_an_empty_body_is_a_body(app: Flask) -> None:
    signature = {"HTTP_YCLOUD_SIGNATURE": sign(b"", SECRET)}
    assert wsgi(app, b"", CONTENT_LENGTH="0", **signature).status_code == 200


def test_a_body_that_breaks_off(app: Flask) -> None:
    assert wsgi(app, b"x", CONTENT_LENGTH="10").status_code == 400


def test_chunks_are_read_where_the_server_undoes_them(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_MAX_BODY_BYTES=1000)
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    body = body_of()
    signature = {"HTTP_YCLOUD_SIGNATURE": sign(body, SECRET)}
    assert wsgi(app, body, **chunked, **signature).status_code == 200
    assert wsgi(app, b"x" * 1001, **chunked).status_code == 413


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


def test_several_secrets_while_rotating(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_WEBHOOK_SECRET=["old", "new"])
    assert deliver(app, body_of(), secret="old").status_code == 200
    assert deliver(app, body_of(), secret="new").status_code == 200
    assert deliver(app, body_of(), secret="other").status_code == 401


def test_a_secret_store_that_fails_is_our_fault(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """503, so that YCloud sends it again; not 401, and never accepted."""
    store: dict[str, Any] = {"secret": "one"}

    def ask() -> Any:
        if isinstance(store["secret"], Exception):
            raise store["secret"]
        return store["secret"]

    app = make_app(YCLOUD_WEBHOOK_SECRET=ask)
    assert deliver(app, body_of(), secret="one").status_code == 200
    for store["secret"] in (None, "", OSError("vault says hunter2")):
        response = deliver(app, body_of(), secret="one")
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
    assert "cannot be verified" in caplog.text
    assert "hunter2" not in caplog.text
    assert stored(app) == 1


@pytest.mark.parametrize("secret", [None, "", [], ["x", ""]])
def test_no_secret_means_no_start(secret: Any) -> None:
    app = Flask("no-secret")
    app.config["YCLOUD_WEBHOOK_SECRET"] = secret
    with pytest.raises(ConfigurationError, match="YCLOUD_WEBHOOK_SECRET"):
        app.register_blueprint(ycloud_bp)


def test_a_further_endpoint_has_its_own_secret_and_hears_only_its_own(
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
    assert deliver(app, body).json == {"status": "duplicate"}, "they share one inbox"


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


def test_a_hook_that_read_the_body_first_does_no_harm(app: Flask) -> None:
    @app.before_request
    def nosy() -> None:
        request.get_json(silent=True)

    assert deliver(app, body_of()).status_code == 200


def test_the_commands_are_attached_once(make_app: MakeApp) -> None:
    app = make_app(ycloud_bp, WebhookBlueprint("eu"))
    assert "ycloud" in app.cli.commands
    result = app.test_cli_runner().invoke(args=["ycloud", "stats"])
    assert result.exit_code == 0


def test_rejections_are_one_line_without_payload(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        app.test_client().post(
            PATH,
            data=b'{"to": "+447901614024"}',
            headers={"YCloud-Signature": "t=1,s=secretive"},
        )
    assert len(caplog.messages) == 1
    assert "447901614024" not in caplog.text
    assert "secretive" not in caplog.text
