"""The doctor's check of the settings, the secrets and the handlers."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from flask_ycloud import WebhookBlueprint, on_event, ycloud_bp
from flask_ycloud.dispatch.manual import ManualDispatcher
from flask_ycloud.protocol import EVENT_TYPES
from flask_ycloud.runtime import Runtime

from ..conftest import MakeApp
from ..support import SECRET
from .support import levels, only


def test_a_short_tolerance(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_SIGNATURE_TOLERANCE=300)
    assert "20160 s after the first try" in only(app, "settings")[1][1]


def test_a_dispatcher_of_ones_own(make_app: MakeApp) -> None:
    def queue(runtime: Runtime) -> ManualDispatcher:
        return ManualDispatcher(runtime)

    ((level, text, _),) = only(make_app(YCLOUD_DISPATCH=queue), "settings")
    assert (level, text) == ("ok", "Events are handled by the function queue.")


def test_secrets(make_app: MakeApp) -> None:
    def broken() -> str:
        raise OSError("store.example.org")

    app = make_app(
        ycloud_bp,
        WebhookBlueprint("two", secret_key="TWO"),
        WebhookBlueprint("three", secret_key="THREE"),
        TWO=[SECRET, SECRET],
        THREE=broken,
    )
    found = only(app, "secret")
    assert [level for level, *_ in found] == ["ok", "ok", "error"]
    assert found[1][1] == "two has 2 secrets."
    assert re.fullmatch(r"three: THREE raised OSError at \S+:\d+ in broken\.", found[2][1])


@pytest.mark.filterwarnings("ignore::flask_ycloud.UnknownEventTypeWarning")
def test_handlers(app: Flask) -> None:
    assert levels(app, "handlers") == ["error"]
    on_event("*", name="all")(print)
    assert (
        only(app, "handlers")[0][1]
        == f"ycloud has handlers for {len(EVENT_TYPES)} event types."
    )
    on_event("sms.mesage.updated", name="mistyped")(print)
    (found,) = only(app, "handlers")
    assert found[0] == "warning"
    assert found[1] == "ycloud: YCloud does not document sms.mesage.updated."


@pytest.mark.parametrize(
    ("password", "level"),
    [("12345678", "warning"), ("x" * 14, "warning"), ("x" * 15, None)],
)
def test_a_short_password(make_app: MakeApp, password: str, level: str | None) -> None:
    found = only(make_app(YCLOUD_INSPECTOR_PASSWORD=password), "password")
    assert [each[0] for each in found] == ([level] if level else [])
    assert password not in str(found)
    if found:
        assert found[0][1:] == (
            f"YCLOUD_INSPECTOR_PASSWORD has {len(password)} characters.",
            "15 or more are recommended. Generate it at random.",
        )
