"""Hostile and unlucky input: nothing leaks, and nothing breaks."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import pytest
from flask import Flask
from werkzeug.debug import DebuggedApplication
from werkzeug.test import Client

from flask_ycloud import sign
from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.metrics import MetricsBlueprint
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import PATH, SECRET, body_of, deliver

NUMBER = "+447700900123"


def planted() -> tuple[bytes, str]:
    """A body with somebody's number, and its signature."""
    body = body_of(sms={"to": NUMBER, "text": f"call {NUMBER}"})
    return body, sign(body, SECRET)


def assert_private(text: str, signature: str) -> None:
    for secret in (SECRET, NUMBER, signature.partition("s=")[2]):
        assert secret not in text


def test_a_traceback_page(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Werkzeug's debugger, should a fault of ours ever reach it."""
    app = make_app(TESTING=False, DEBUG=True, PROPAGATE_EXCEPTIONS=True)

    def broken(*args: object, **options: object) -> bool:
        raise RuntimeError("a fault")

    monkeypatch.setattr(runtime_of(app).inbox, "accept", broken)
    body, signature = planted()
    client = Client(DebuggedApplication(app))
    answer = client.post(PATH, data=body, headers={"YCloud-Signature": signature})
    assert answer.status_code == 500, "so YCloud sends it again"
    assert "RuntimeError: a fault" in answer.text
    assert_private(answer.text, signature)


def test_metrics_pages_and_problems(make_app: MakeApp) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_INSPECTOR_MASKS=True)
    app.register_blueprint(MetricsBlueprint(access=lambda: True))
    app.register_blueprint(InspectorBlueprint(access=lambda: True))
    client = app.test_client()
    body, signature = planted()
    text = [deliver(app, body).text, deliver(app, json.dumps(NUMBER).encode()).text]
    for header in (signature.replace("t=", "t=9"), signature + "0", NUMBER, ""):
        answer = client.post(PATH, data=body, headers={"YCloud-Signature": header})
        text += [answer.text, str(answer.headers)]
        assert answer.status_code == 401
    runtime_of(app).rejections.write()
    pages = ["/ycloud/metrics"]
    pages += [f"/ycloud/inspector/{each}" for each in ("", "activity", "send")]
    pages += [f"/ycloud/inspector/events/{json.loads(body)['id']}"]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200
        text.append(answer.text)
    assert_private("\n".join(text), signature)


@pytest.mark.parametrize(
    "body",
    [b"[" * 40_000, b'{"a":' * 40_000, b'{"id": ' + b"9" * 5000 + b"}"],
    ids=["arrays", "objects", "digits"],
)
def test_json_that_breaks_parsers(app: Flask, body: bytes) -> None:
    assert app.test_client().post(PATH, data=body).status_code == 401
    assert deliver(app, body).json == {"status": "accepted"}, "it is authentic, so kept"
    event = runtime_of(app).inbox.get(body_id(body))
    assert event is not None
    assert event.state == "dead"
    assert event.reason is not None
    assert len(event.reason) < 100
    shown = app.test_cli_runner().invoke(args=["ycloud", "show", event.id])
    assert shown.exit_code == 0


def test_a_zip_bomb_is_so_many_bytes(app: Flask) -> None:
    """Nothing is unpacked: the signature is over the bytes as they come."""
    bomb = gzip.compress(b"0" * 200 * 2**20)
    assert len(bomb) < 2**18

    def post(signature: str) -> int:
        headers = {"Content-Encoding": "gzip", "YCloud-Signature": signature}
        return app.test_client().post(PATH, data=bomb, headers=headers).status_code

    assert post("x") == 401
    tracemalloc.start()
    assert post(sign(bomb, SECRET)) == 200
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20
    event = runtime_of(app).inbox.get(body_id(bomb))
    assert event is not None
    assert (event.state, event.reason) == ("dead", "the body is not UTF-8")
