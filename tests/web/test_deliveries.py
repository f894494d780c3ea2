"""A delivery's body, its length and its signature."""

from __future__ import annotations

import io
import logging
import re
import time
from typing import Any

import pytest
from flask import Flask, Response, request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.test import run_wsgi_app

from flask_ycloud import InboxUnavailable, sign
from flask_ycloud.inbox import rejected
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import PATH, SECRET, body_of, deliver
from .support import problem, stored


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

    signature = {"HTTP_YCLOUD_SIGNATURE": sign(b"", SECRET)}
    assert wsgi(app, Broken(), CONTENT_LENGTH="9", **signature).status_code == 400


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
    signature = {"HTTP_YCLOUD_SIGNATURE": sign(b"x", SECRET)}
    assert wsgi(app, b"x", CONTENT_LENGTH="10", **signature).status_code == 400


def test_chunks_are_read_where_the_server_undoes_them(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_MAX_BODY_BYTES=1000)
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    body = body_of()
    signature = {"HTTP_YCLOUD_SIGNATURE": sign(body, SECRET)}
    assert wsgi(app, body, **chunked, **signature).status_code == 200
    assert wsgi(app, b"x" * 1001, **chunked, **signature).status_code == 413
    assert wsgi(app, RaisesWhenRead(), **chunked).status_code == 401, "never read"


def test_a_hook_that_read_the_body_first_does_no_harm(app: Flask) -> None:
    @app.before_request
    def nosy() -> None:
        request.get_json(silent=True)

    assert deliver(app, body_of()).status_code == 200


@pytest.mark.parametrize("status", [401, 503])
def test_a_flood_of_rejections_does_not_flood_the_log(
    make_app: MakeApp,
    caplog: pytest.LogCaptureFixture,
    told: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="manual")
    runtime = runtime_of(app)
    client = app.test_client()
    body = body_of()
    headers = {} if status == 401 else {"YCloud-Signature": sign(body, SECRET)}

    def unavailable(*args: object, **options: object) -> None:
        raise InboxUnavailable("database is locked")

    monkeypatch.setattr(runtime.inbox, "accept", unavailable)
    started = time.monotonic()
    for _ in range(500):
        assert client.post(PATH, data=body, headers=headers).status_code == status
    runtime.log_limit.flush()
    seconds = time.monotonic() - started
    lines = [each.getMessage() for each in caplog.records]
    assert 2 <= len(lines) <= 3 + seconds, "one a second"
    numbers = map(int, re.findall(r"and (\d+) more since", " ".join(lines)))
    assert 500 - len(lines) <= sum(numbers) < 500
    reason = "missing" if status == 401 else "inbox unavailable"
    assert len(told) == 500
    monkeypatch.undo()
    runtime.rejections.write()
    assert rejected(runtime.inbox) == {("ycloud", reason): 500}
    assert {each["reason"] for _, each in told} == {reason}
