"""The commands, over real HTTP and in real processes where it matters."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import Discard, Event, on_event
from flask_ycloud.cli import ycloud_cli
from flask_ycloud.formats import short
from flask_ycloud.inbox import Inbox
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import SECRET, body_of, call, deliver, eventually, id_of

TYPE = "sms.message.updated"


def test_listing(app: Flask) -> None:
    assert call(app, "list").output == "No events.\n"
    bodies = [body_of(), body_of("contact.created"), b"hello"]
    for body in bodies:
        deliver(app, body)
    lines = call(app, "list").output.splitlines()
    assert lines[0].split() == ["#", "ID", "TYPE", "STATE", "RECEIVED", "ENDPOINT"]
    assert lines[1].split()[1:5] == [body_id(b"hello"), "(not", "understood)", "dead"]
    assert lines[2].split()[1:4] == [id_of(bodies[1]), "contact.created", "done"]
    assert lines[3].split()[:4] == ["1", id_of(bodies[0]), TYPE, "done"]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--state", "dead"], 1),
        (["--type", TYPE], 2),
        (["--endpoint", "eu"], 0),
        (["--limit", "1"], 1),
        (["--before", "2"], 1),
    ],
)
def test_a_narrower_list(app: Flask, options: list[str], count: int) -> None:
    for body in (body_of(), body_of(), b"hello"):
        deliver(app, body)
    output = call(app, "list", *options).output
    assert len(output.splitlines()) == 1 + count or (count == 0 and "No events" in output)


def test_showing_an_event(make_app: MakeApp) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline")

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise ValueError("+447901614024")

    @on_event(TYPE, name="two")
    def drop(event: Event[Any]) -> None:
        raise Discard("not ours")

    body = body_of()
    deliver(app, body)
    shown = call(app, "show", id_of(body)).output
    assert f"id           {id_of(body)}\n" in shown
    assert "state        pending" in shown
    assert "next look    in " in shown
    assert "ValueError at" in shown
    assert "not ours" in shown
    assert "+447901614024" not in shown
    assert "+447901614024" in call(app, "show", id_of(body), "--payload").output


def test_showing_a_dead_letter_and_bytes_that_are_no_text(app: Flask) -> None:
    deliver(app, b"\xff\xfe")
    shown = call(app, "show", body_id(b"\xff\xfe"), "--payload").output
    assert "type         (not understood)" in shown
    assert "reason       the body is not UTF-8" in shown
    assert "settled      " in shown
    assert "HANDLER" not in shown
    assert shown.endswith("\\xff\\xfe\n")


def test_a_due_event_is_looked_at_now(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    body = body_of()
    deliver(app, body)
    assert "next look    now" in call(app, "show", id_of(body)).output


@pytest.mark.parametrize("command", ["show", "replay"])
def test_an_unknown_event_is_a_line_not_a_traceback(app: Flask, command: str) -> None:
    result = call(app, command, "evt_9")
    assert result.exit_code == 1
    assert result.output == "Error: The inbox has no event 'evt_9'.\n"


def test_replaying(app: Flask) -> None:
    runs: list[str] = []
    on_event(TYPE, name="one")(lambda event: runs.append(event.id))
    body = body_of()
    deliver(app, body)
    assert call(app, "replay", id_of(body)).output == f"{id_of(body)} is due again.\n"
    assert len(runs) == 1
    call(app, "replay", "--all", id_of(body))
    assert len(runs) == 2


def test_stats(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    assert call(app, "stats").output == "0 pending, 0 running, 0 dead.\n"
    deliver(app, body_of())
    deliver(app, b"hello")
    lines = call(app, "stats").output.splitlines()
    assert lines[0] == "1 pending (the oldest for 0 s), 0 running, 1 dead."
    assert lines[3].split() == ["(not", "understood)", "0", "0", "1"]
    assert lines[4].split() == [TYPE, "1", "0", "0"]
    shown = json.loads(call(app, "stats", "--json").output)
    assert (shown["pending"], shown["dead"]) == (1, 1)


def test_making_the_tables(app: Flask) -> None:
    assert call(app, "init-db").output == "The inbox's tables are there, version 3.\n"


def test_a_worker_for_once(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    on_event(TYPE, name="one")(lambda event: None)
    deliver(app, body_of())
    assert call(app, "worker", "--once").output == "Handled 1 events.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evt_1", "--type", TYPE], "--type goes with --unhandled"),
        (["--unhandled", "--all"], "--all is for events"),
    ],
)
def test_options_of_a_replay_that_do_not_go_together(
    app: Flask, arguments: list[str], said: str
) -> None:
    result = call(app, "replay", *arguments)
    assert (result.exit_code, said in result.output) == (2, True)


@pytest.mark.parametrize("option", [[], ["--once"]])
def test_a_worker_without_handlers_does_not_start(
    make_app: MakeApp, option: list[str]
) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    body = body_of()
    deliver(app, body)
    result = call(app, "worker", *option)
    assert result.exit_code == 1
    assert "This process has no handlers" in result.output
    assert app.import_name in result.output, "it says where to import them"
    assert [event.state for event in runtime_of(app).inbox.list()] == ["pending"]


def test_every_command_is_documented() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "commands.rst").read_text()
    for name, command in ycloud_cli.commands.items():
        assert f"``{name}" in page
        assert command.help, name


def test_an_app_without_an_endpoint_is_told_so(app: Flask) -> None:
    bare = Flask("bare")
    bare.cli.add_command(app.cli.commands["ycloud"])
    result = call(bare, "stats")
    assert result.exit_code == 1
    assert "app.register_blueprint(ycloud_bp)" in result.output


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-1, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_durations_are_short(seconds: float, shown: str) -> None:
    assert short(seconds) == shown


WORKER_APP = """
import threading, time
from flask import Flask
from flask_ycloud import on_event, ycloud_bp

app = Flask(__name__)
app.config.from_prefixed_env()
app.register_blueprint(ycloud_bp)

@on_event("*")
def handle(event):
    print("started", event.id, flush=True)
    time.sleep(0.3)
    print("finished", event.id, flush=True)
"""


@pytest.mark.parametrize("sign_off", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_process_lets_its_handlers_finish(
    make_app: MakeApp, tmp_path: Path, inbox_url: str, sign_off: signal.Signals
) -> None:
    (tmp_path / "worker_app.py").write_text(WORKER_APP)
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "worker_app", "ycloud", "worker"],
        cwd=tmp_path,
        env=os.environ
        | {"FLASK_YCLOUD_WEBHOOK_SECRET": SECRET, "FLASK_YCLOUD_INBOX_URL": inbox_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("Handling events")
        app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)
        body = body_of()
        deliver(app, body)
        assert process.stdout.readline() == f"started {id_of(body)}\n"
        process.send_signal(sign_off)
        rest = process.communicate(timeout=20)[0]
    finally:
        process.kill()
    assert process.returncode == 0
    assert rest.splitlines() == [
        "Ending; handlers that run may finish.",
        f"finished {id_of(body)}",
    ]
    inbox: Inbox = runtime_of(app).inbox
    eventually(lambda: inbox.list(state="done"))


def test_a_worker_in_this_process(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as above, where coverage sees it."""
    app = make_app(YCLOUD_DISPATCH="manual")
    on_event(TYPE, name="one")(lambda event: None)
    body = body_of()
    deliver(app, body)
    handlers: dict[int, Any] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)

    waited: list[float | None] = []

    def wait(self: threading.Event, seconds: float | None = None) -> bool:
        waited.append(seconds)
        if len(waited) == 1:
            return False
        eventually(lambda: runtime_of(app).inbox.list(state="done"))
        handlers[signal.SIGTERM]()
        return self.is_set()

    event = type("E", (threading.Event,), {"wait": wait})
    with monkeypatch.context() as patch:
        patch.setattr("flask_ycloud.cli.work.threading", SimpleNamespace(Event=event))
        result = call(app, "worker", "--threads", "1")
    assert result.exit_code == 0, result.exception
