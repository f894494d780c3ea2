"""The doctor: what it finds, and what it says to do about it."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from flask_ycloud import on_event
from flask_ycloud.inbox import heartbeats
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import SECRET, body_of, call, deliver, eventually
from .support import TYPE, only


@pytest.fixture
def listener() -> None:
    on_event(TYPE, name="one")(print)


@pytest.fixture
def healthy(make_app: MakeApp, listener: None) -> Flask:
    """An app whose worker has handled something."""
    app = make_app(YCLOUD_DISPATCH="worker")
    deliver(app, body_of())
    eventually(lambda: runtime_of(app).inbox.list(state="done"))
    eventually(lambda: heartbeats.workers(runtime_of(app).inbox))
    return app


def test_all_is_well(healthy: Flask) -> None:
    result = call(healthy, "doctor")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert {line.split()[0] for line in lines} == {"ok", "skipped"}
    for text in (
        "settings    Events are handled by 'worker'.",
        "secret      ycloud has one secret.",
        "handlers    ycloud has handlers for 1 event type.",
        "tables of version 3",
        "A durable write takes ",
        "backlog     0 pending, 0 running; none is overdue.",
        "clock       The fastest of 1 delivery arrived ",
        "workers     1 process handles events.",
        "silence     ycloud: the newest delivery arrived ",
        "rejected    No delivery was rejected in the last day.",
        "running     No handler has been running for ",
        "account     YCLOUD_API_KEY is not set, so",
    ):
        assert text in result.output
    assert SECRET not in result.output


def test_a_remedy_is_shown(app: Flask) -> None:
    lines = call(app, "doctor").output.splitlines()
    wrong = next(n for n, line in enumerate(lines) if line.startswith("error    handlers"))
    assert lines[wrong].endswith("no handler is subscribed to any event type.")
    assert lines[wrong + 1].strip() == "→ Is the module with @on_event imported?"


def test_a_warning_leaves_the_exit_status_at_0(make_app: MakeApp, listener: None) -> None:
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_SIGNATURE_TOLERANCE=300)
    result = call(app, "doctor")
    assert result.exit_code == 0, result.output
    assert "warning  settings    YCLOUD_SIGNATURE_TOLERANCE is 300 s" in result.output


def test_only_some_checks(app: Flask) -> None:
    result = call(app, "doctor", "--only", "settings", "--only", "handlers")
    assert result.exit_code == 1
    assert [line[9:21].strip() for line in result.output.splitlines()] == [
        "settings", "handlers", "",
    ]  # fmt: skip
    assert only(app, "settings")
    wrong = call(app, "doctor", "--only", "nothing")
    assert wrong.exit_code == 2
    assert "'nothing' is not one of 'settings'" in wrong.output


def test_as_json(app: Flask) -> None:
    (found,) = json.loads(call(app, "doctor", "--json", "--only", "handlers").output)
    assert found == {
        "about": "handlers",
        "level": "error",
        "text": "ycloud: no handler is subscribed to any event type.",
        "remedy": "Is the module with @on_event imported?",
    }
