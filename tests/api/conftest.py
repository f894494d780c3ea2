"""An account at a server that speaks YCloud's API, and clients of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from flask_ycloud.api import WebhookEndpoints, YCloud

from ..ycloud_api import API_KEY


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Gives what the client's side has logged."""
    caplog.set_level(logging.DEBUG)
    return lambda: "\n".join(
        record.getMessage() for record in caplog.records if record.name != "werkzeug"
    )


@pytest.fixture
def ycloud(base_url: str) -> Iterator[YCloud]:
    with YCloud(API_KEY, base_url=base_url) as made:
        yield made


@pytest.fixture
def endpoints(base_url: str) -> Iterator[WebhookEndpoints]:
    with WebhookEndpoints(API_KEY, base_url=base_url) as made:
        yield made


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("flask_ycloud.api.repeating.time.sleep", slept.append)
    return slept
