"""Masking: personal data, hidden on request."""

from __future__ import annotations

import html
import json

from flask_ycloud.inspector.masking import masked
from flask_ycloud.protocol import body_id

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from .support import PAGE, inspected


def test_masking(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INSPECTOR_MASKS=True)
    client = inspected(app)
    body = body_of()
    deliver(app, body)
    deliver(app, b"hello +447901614024")
    page = client.get(f"{PAGE}events/{id_of(body)}").text
    sms = json.loads(body)["sms"]
    for name in ("to", "text", "id"):
        assert sms[name] not in html.unescape(page)
    assert '"status": "delivered"' in html.unescape(page)
    assert "Personal data is masked" in page
    dead = client.get(f"{PAGE}events/{body_id(b'hello +447901614024')}").text
    assert "447901614024" not in dead


def test_what_is_masked() -> None:
    assert masked({"status": "sent", "a": [1, None, True, {"type": ["x"]}]}) == {
        "status": "sent",
        "a": ["•••", None, True, {"type": ["•••"]}],
    }
