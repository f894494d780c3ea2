"""What tests of the inspector share: the pages' address, words and tokens."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_ycloud.inspector import InspectorBlueprint

PAGE = "/ycloud/inspector/"
TYPE = "sms.message.updated"


def inspected(app: Flask) -> FlaskClient:
    app.register_blueprint(InspectorBlueprint(access=lambda: True))
    return app.test_client()


def words(response: TestResponse) -> str:
    """What a page says, without its tags."""
    assert response.status_code == 200, response.text
    main = response.text.partition("<main")[2].partition(">")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())


def token(client: FlaskClient, page: str) -> str:
    found = re.search(r'name="csrf_token" value="([\w-]+)"', client.get(page).text)
    assert found is not None
    return found[1]


def chosen(event_id: str, endpoint: str = "ycloud", tenant: str = "") -> str:
    """An event as the forms name it."""
    return urlencode({"id": event_id, "endpoint": endpoint, "tenant": tenant})


def fail(event: Any) -> None:
    raise ValueError("+447901614024")
