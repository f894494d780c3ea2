"""The pages' headers, which allow nothing from elsewhere."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from .support import PAGE


def test_the_headers_are_strict(client: FlaskClient) -> None:
    for page in (PAGE, f"{PAGE}events/evt_9", f"{PAGE}static/style.css"):
        with client.get(page) as response:
            policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response.headers["Referrer-Policy"] == "same-origin"
    assert client.get(PAGE).headers["Cache-Control"] == "no-store"
    with client.get(f"{PAGE}static/htmx.min.js") as script:
        assert script.status_code == 200
    text = client.get(PAGE).text
    assert "style=" not in text
    assert "//" not in re.sub(r"<!doctype[^>]*>", "", text).replace("data:,", "")
