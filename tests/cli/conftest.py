"""Fixtures of the commands: an account at YCloud's API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..ycloud_api import YCloudAPI, serving


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[YCloudAPI]:
    """An account at a strict API, which the commands call."""
    made = YCloudAPI()
    with serving(made) as url:
        monkeypatch.setattr("flask_ycloud.api.client.BASE_URL", url)
        yield made
