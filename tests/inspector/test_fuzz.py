"""Some hundred hostile inputs to the pages and the commands; ``make fuzz`` has more."""

from __future__ import annotations

import pytest

from ..conftest import MakeApp
from ..fuzzing_pages import attack


@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_input(make_app: MakeApp, inbox_url: str, seed: int) -> None:
    app = make_app(
        TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[],
        YCLOUD_INBOX_URL=inbox_url,
    )  # fmt: skip
    attack(app, seed, cases=250)
