"""Completion, as a shell asks for it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask
from flask.cli import ScriptInfo

from flask_ycloud import WebhookBlueprint, on_event, ycloud_bp
from flask_ycloud.cli import completion
from flask_ycloud.runtime import runtime_of

from ..conftest import COVERING, MakeApp
from ..support import SECRET, body_of, deliver, id_of

TYPE = "sms.message.updated"
APP = f"""
from flask import Flask
from flask_ycloud import WebhookBlueprint, on_event, ycloud_bp

app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = {SECRET!r}
app.register_blueprint(ycloud_bp)
app.register_blueprint(WebhookBlueprint("other"))
on_event("sms.*", name="track")(print)
"""


def offered(folder: Path, words: str) -> list[str]:
    """The completions that bash gets for the last word."""
    (folder / "app.py").write_text(APP)
    line = f"flask --app app ycloud {words}"
    environ = {
        **os.environ,
        **COVERING,
        "_FLASK_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    done = subprocess.run(
        [str(Path(sys.executable).parent / "flask")],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "types sms.",
            ["sms.*", "sms.inbound.*", "sms.inbound.received", "sms.message.*", TYPE],
        ),
        ("send sms.", [TYPE, "sms.inbound.received"]),
        ("send whatsapp.inbound_message.received --variant vid", ["video"]),
        ("send --variant vid", []),
        ("send --endpoint ", ["ycloud", "other"]),
        ("handlers --endpoint y", ["ycloud"]),
        ("listen x --event sms.message.", ["sms.message.*", TYPE]),
        ("list --state d", ["done", "dead", "discarded", "deleted"]),
        ("show ", []),
        ("hand", ["handlers"]),
    ],
)
def test_what_bash_is_offered(tmp_path: Path, words: str, expected: list[str]) -> None:
    assert offered(tmp_path, words) == expected
    assert not (tmp_path / "instance").exists(), "completion creates no inbox"


def ask(app: Flask, complete: Any, incomplete: str = "") -> list[str]:
    context = click.Context(click.Command("x"), obj=ScriptInfo(create_app=lambda: app))
    found: list[str] = complete(context, click.Option(["--x"]), incomplete)
    return found


def test_of_the_inbox(make_app: MakeApp) -> None:
    many = WebhookBlueprint(
        "many", url_prefix="/many/<tenant>", secrets=lambda t, e: SECRET
    )
    app = make_app(ycloud_bp, many)
    first, second = body_of(), body_of()
    deliver(app, first)
    for tenant in ("beta", "acme"):
        deliver(app, second, path=f"/many/{tenant}/webhook")
    assert ask(app, completion.event_ids) == [id_of(second), id_of(first)]
    assert ask(app, completion.event_ids, id_of(first)[:-1]) == [id_of(first)]
    assert ask(app, completion.tenants) == ["acme", "beta"]
    assert ask(app, completion.tenants, "b") == ["beta"]


def test_an_inbox_that_does_not_exist(make_app: MakeApp) -> None:
    app = make_app(TESTING=False)
    assert ask(app, completion.event_ids) == []
    assert not Path(app.instance_path).exists()


def test_the_handlers(make_app: MakeApp) -> None:
    eu = WebhookBlueprint("eu", secret_key="EU")
    app = make_app(ycloud_bp, eu, EU="eu secret")
    on_event("*", name="track")(print)
    eu.on_event("*", name="trace")(print)
    assert ask(app, completion.handlers, "tra") == ["track", "trace"]
    assert ask(app, completion.states, "run") == ["running"]
    assert ask(app, completion.subscriptions, "sms.in") == [
        "sms.inbound.*",
        "sms.inbound.received",
    ]


def test_a_slow_inbox_is_not_waited_for(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(app, body_of())
    release = threading.Event()
    inbox = runtime_of(app).inbox
    monkeypatch.setattr(inbox, "list", lambda **_: release.wait(20) and [])
    monkeypatch.setattr(completion, "_SECONDS", 0.05)
    assert ask(app, completion.event_ids) == []
    release.set()


def test_what_fails_offers_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(app, body_of())
    monkeypatch.delattr(runtime_of(app).inbox.__class__, "list")
    assert ask(app, completion.event_ids) == []
    assert ask(Flask("bare"), completion.endpoints) == []
