"""Every event can be opened, whatever its id."""

from __future__ import annotations

import html
import re
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ..support import body_of, deliver
from .support import PAGE, words


def as_a_browser(url: str) -> str:
    """The path and query that a browser asks for: it resolves dots, also quoted ones."""
    path, question, query = url.partition("?")
    path = re.sub("%2e", ".", path, flags=re.I).replace("\\", "/")
    parts = urlsplit(urljoin("http://localhost/ycloud/inspector/", path))
    return parts.path + question + query


@pytest.mark.parametrize(
    "event_id",
    [
        "../../../../logout", "..", ".", "a/../b", "//evil.example/x", "/", "a//b", "a/./b",
        "%2e%2e/x", "..\\..\\x", "a?b=c#d", "a b", " ", "evt_1/", "é漢", "static/style.css",
        "...", "..a", "a..", "%00", "a;b=c", "a&notice=b", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_an_odd_id_can_be_opened(app: Flask, client: FlaskClient, event_id: str) -> None:
    assert deliver(app, body_of(id=event_id)).status_code == 200
    (link,) = re.findall(r'id="event-\d+" href="([^"]*)"', client.get(PAGE).text)
    url = as_a_browser(html.unescape(link))
    assert url.startswith(f"{PAGE}event"), "nor does it lead anywhere else"
    page = client.get(url)
    assert "What happened" in words(page)
    assert (
        f'<h1 class="id" id="event-id">{html.escape(event_id)}</h1>'
        in page.text.replace("&#39;", "'")
    )
    found = client.get(PAGE, query_string={"id": event_id})
    if event_id.strip():
        assert "What happened" in words(client.get(as_a_browser(found.location)))
