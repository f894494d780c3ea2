"""The pytest plugin of flask-ycloud.

It stands beside the package, not in it, and imports it only when it is used: pytest
loads plugins before it measures coverage, and in projects that never ask for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flask import Flask

    from flask_ycloud.testing import FakeYCloud


@pytest.fixture
def fake_ycloud(app: Flask) -> Iterator[FakeYCloud]:
    """A YCloud that sends signed events to the app of the ``app`` fixture.

    Handlers that the test registers are removed after it.
    """
    from flask_ycloud.testing import FakeYCloud, isolated_handlers

    with isolated_handlers():
        yield FakeYCloud(app)
