"""Which deliveries the app has sent to itself: no client can say so."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, request

from flask_ycloud import sign
from flask_ycloud.web import accepting, blueprint
from flask_ycloud.web.origins import ORIGIN_KEY, origin_of

from ..support import PATH, SECRET, body_of


@pytest.mark.parametrize(
    ("environ", "origin"),
    [({}, ""), ({ORIGIN_KEY: "inspector"}, "inspector"), ({ORIGIN_KEY: "else"}, "")],
)
def test_the_environ_says_it(app: Flask, environ: dict[str, str], origin: str) -> None:
    with app.test_request_context(environ_overrides=environ):
        assert origin_of(request) == origin


@pytest.mark.parametrize(
    "header",
    ["flask_ycloud.origin", "Flask-Ycloud.Origin", "flask-ycloud-origin", "X-Origin"],
)
def test_no_header_says_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    came: list[str] = []
    real = accepting.accept

    def accept(runtime: Any, delivery: Any, endpoint: str) -> Any:
        came.append(delivery.origin)
        return real(runtime, delivery, endpoint)

    monkeypatch.setattr(blueprint, "accept", accept)
    body = body_of()
    headers = {header: "inspector", "YCloud-Signature": sign(body, SECRET)}
    for environ in ({}, {ORIGIN_KEY: "inspector"}):
        app.test_client().post(PATH, data=body, headers=headers, environ_overrides=environ)
    assert came == ["", "inspector"]
