"""``handlers``: who is subscribed to what."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import WebhookBlueprint, event_signal, on_event, ycloud_bp

from ..conftest import MakeApp
from ..support import call

TYPE = "sms.message.updated"


class Counter:
    async def __call__(self, event: Any) -> None:
        """An object whose call is a coroutine."""


def plain(event: Any) -> None:
    """A handler."""


def receiver(app: Flask, *, event: Any) -> None:
    """A plain receiver of blinker's."""


@pytest.fixture
def subscribed(make_app: MakeApp) -> Flask:
    """An app with handlers of each kind."""
    eu = WebhookBlueprint("eu", secret_key="EU")
    app = make_app(ycloud_bp, eu, EU="eu secret")
    on_event(TYPE, "whatsapp.*", name="plain")(plain)
    on_event("*", name="counter", timeout=5, retry_delays=[1, 2.5])(Counter())
    eu.on_event(TYPE, name="of eu", retry_delays=[])(partial(plain))
    event_signal("contact.created").connect(receiver)
    return app


def test_a_line_for_each_subscription(subscribed: Flask) -> None:
    head, *rows = call(subscribed, "handlers").output.splitlines()
    assert head.split() == [
        "TYPE", "HANDLER", "MODULE", "ENDPOINT", "ASYNC", "TIMEOUT", "RETRIES",
    ]  # fmt: skip
    cells = [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in rows]
    assert cells == [
        ["*", "counter", __name__, "(all)", "yes", "5 s", "1 2.5"],
        ["contact.created", f"{__name__}:receiver", __name__, "(all)", "no"],
        [TYPE, "plain", __name__, "(all)", "no"],
        ["whatsapp.*", "plain", __name__, "(all)", "no"],
        [TYPE, "of eu", "functools", "eu", "no", "none"],
    ]


def test_as_json(subscribed: Flask) -> None:
    first, *_, last = json.loads(call(subscribed, "handlers", "--json").output)
    assert first == {
        "type": "*", "handler": "counter", "module": __name__, "endpoint": None,
        "async": True, "timeout": 5, "retry_delays": [1, 2.5],
    }  # fmt: skip
    assert (last["endpoint"], last["async"], last["retry_delays"]) == ("eu", False, [])


def test_the_names_only(subscribed: Flask) -> None:
    found = call(subscribed, "handlers", "--ids").output.splitlines()
    assert found == ["counter", f"{__name__}:receiver", "plain", "of eu"]


def test_of_one_endpoint(subscribed: Flask) -> None:
    assert "of eu" not in call(subscribed, "handlers", "--endpoint", "ycloud").output
    assert "of eu" in call(subscribed, "handlers", "--endpoint", "eu").output
    result = call(subscribed, "handlers", "--endpoint", "us")
    assert (result.exit_code, result.output) == (
        1,
        "Error: No endpoint 'us'; there is ycloud, eu.\n",
    )


def test_without_handlers(app: Flask) -> None:
    assert call(app, "handlers").output.startswith("No handlers. Is the module")
    assert json.loads(call(app, "handlers", "--json").output) == []
    assert call(app, "handlers", "--ids").output == ""
