"""Fixtures of the inspector: an app, and a client of its pages."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ..conftest import MakeApp
from .support import inspected


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[])


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return inspected(app)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a request may take longer than it gives itself."""
    monkeypatch.setattr("flask_ycloud.inspector.acting._SECONDS", 60.0)
