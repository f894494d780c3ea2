"""What tests of the web wing share: what is stored, and what a refusal says."""

from __future__ import annotations

import base64
import json
from typing import Any

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


PAGE = "/ycloud/inspector/"


def get(app: Flask, page: str = PAGE, **options: Any) -> tuple[int, str]:
    """The status and the text of a page."""
    with app.test_client().get(page, **options) as response:
        return response.status_code, response.get_data(as_text=True)


def basic(password: str, user: str = "me") -> dict[str, str]:
    """The header by which a browser sends a password."""
    value = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {value}"}
