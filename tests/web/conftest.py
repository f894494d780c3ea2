"""Fixtures of the web wing: what the signals said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_ycloud import delivery_rejected, event_accepted, event_dead, event_duplicated

from ..support import listening


@pytest.fixture
def told() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    with listening(
        event_accepted, event_duplicated, event_dead, delivery_rejected
    ) as heard:
        yield heard
