"""What tests of the web wing share: what is stored, and what a refusal says."""

from __future__ import annotations

import json

from flask import Flask
from werkzeug.test import TestResponse

from flask_ycloud import current_inbox


def stored(app: Flask) -> int:
    with app.app_context():
        return len(current_inbox.list())


def problem(response: TestResponse) -> str:
    assert response.content_type == "application/problem+json"
    shown = json.loads(response.text)
    assert shown["status"] == response.status_code
    detail: str = shown["detail"]
    return detail
