"""Replay and discard from the command line, by ids and by selections."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ycloud.inbox import Inbox
from flask_ycloud.inbox.tables import events, outcomes
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import SECRET, body_of, call, deliver, id_of

TYPE = "sms.message.updated"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """An app with two dead letters of a handler, and one body that is not understood."""
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_RETRY_DELAYS=[])
    bury(runtime_of(app).inbox, 2, "app:crm", "KeyError at app.py:7")
    deliver(app, b"hello")
    return app


def bury(inbox: Inbox, count: int, handler: str, error: str) -> list[str]:
    """Dead letters of one cause, written at once."""
    inbox.stats()
    first = inbox.select().count() + 1
    names = [f"evt_{handler.removeprefix('app:')}_{number}" for number in range(count)]
    now = inbox.clock()
    body = {
        "id": "",
        "type": TYPE,
        "apiVersion": "v2",
        "createTime": "2026-05-31T09:30:00Z",
    }
    rows = [
        {
            "seq": first + number, "id": name, "endpoint": "ycloud", "tenant": "",
            "type": TYPE, "received_at": now, "state": "dead", "settled_at": now,
            "attempt": 8, "crashes": 0, "reason": f"{handler}: {error}",
            "body": json.dumps(body | {"id": name, "sms": {"status": "sent"}}).encode(),
        }
        for number, name in enumerate(names)
    ]  # fmt: skip
    failed = [
        {
            "event_seq": row["seq"], "handler": handler, "state": "failed", "attempts": 8,
            "updated_at": now, "error": error,
        }
        for row in rows
    ]  # fmt: skip

    def work(tx: Any) -> None:
        tx.execute(events.insert(), rows)
        tx.execute(outcomes.insert(), failed)
        if inbox.database.dialect == "postgresql":
            tx.exec_driver_sql(
                "SELECT setval(pg_get_serial_sequence('ycloud_events', 'seq'),"
                " (SELECT max(seq) FROM ycloud_events))"
            )

    inbox.database.write(work)
    return names


def test_a_selection_is_counted_and_asked_for(app: Flask) -> None:
    runner = app.test_cli_runner()
    arguments = ["ycloud", "replay", "--state", "dead", "--handler", "app:crm"]
    refused = runner.invoke(args=arguments, input="n\n")
    assert refused.exit_code == 1
    assert "Replay 2 events? [y/N]: n" in refused.output
    assert runtime_of(app).inbox.stats().dead == 3
    done = runner.invoke(args=arguments, input="y\n")
    assert done.exit_code == 0
    assert done.stdout == "2 events are queued for replay.\n"
    assert runtime_of(app).inbox.stats().dead == 1


def test_discarding_a_selection(app: Flask) -> None:
    result = call(app, "discard", "--error", "not json", "--reason", "a test", "--yes")
    assert result.output == "1 event is discarded.\n"
    (event,) = runtime_of(app).inbox.select(state="discarded")
    assert event.reason == "a test"
    listed = call(app, "list", "--state", "discarded").output
    assert "a test" in listed
    assert "2 dead, 1 discarded." in call(app, "stats").output


def test_what_is_skipped_is_reported_and_the_status_is_1(app: Flask) -> None:
    deliver(app, body_of())
    runtime_of(app).inbox.claim()
    result = call(app, "discard", "--type", "*", "--reason", "over", "--yes")
    assert result.exit_code == 1
    assert result.stdout == "2 events are discarded.\n"
    assert result.stderr == "1 event skipped: being handled now.\n"
    again = call(app, "replay", "--type", "*", "--yes", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout) == {"done": 2, "skipped": {"being handled now": 1}}


def test_nothing_fits(app: Flask) -> None:
    result = call(app, "replay", "--state", "dead", "--type", "contact.*")
    assert (result.exit_code, result.output) == (0, "0 events are queued for replay.\n")


def test_ids_go_on_after_an_error(app: Flask) -> None:
    deliver(app, body := body_of())
    deliver(app, gone := body_of())
    inbox = runtime_of(app).inbox
    inbox.delete(id_of(gone))
    inbox.claim()
    result = call(app, "replay", "evt_crm_0", "nope", id_of(body), id_of(gone), "evt_crm_1")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "evt_crm_0 is queued for replay.",
        "evt_crm_1 is queued for replay.",
    ]
    first, second, third, *_ = result.stderr.splitlines()
    assert first == "Error: The inbox has no event 'nope'."
    assert second.endswith("is being handled now; try again later.")
    assert "its body was deleted" in third
    said = call(app, "discard", "evt_crm_0", "nope", "--reason", "over", "--json")
    assert json.loads(said.stdout) == {"done": 1, "skipped": {"not in the inbox": 1}}
    again = call(app, "discard", "evt_crm_0", "--reason", "over", "--json")
    assert json.loads(again.stdout)["skipped"] == {"done or discarded already": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay"], "or select some: for example --state dead"),
        (["replay", "evt_1", "--state", "dead"], "Give ids or a selection"),
        (["replay", "--unhandled", "--all"], "--all does not go with"),
        (["replay", "--state", "lost"], "'lost' is not one of"),
        (["replay", "--type", "*.updated"], "is not a pattern"),
        (["replay", "--since", "yesterday"], "is not a time. Give how long ago"),
        (["replay", "--since", "99999999999d"], "is not a time"),
        (
            ["replay", "--cause", "12345678", "--state", "done"],
            "Only dead letters have a cause",
        ),
        (["discard", "evt_1"], "Missing option '--reason'"),
        (["discard", "evt_1", "--reason", " "], "Say why."),
    ],
)
def test_what_cannot_be_asked_for(app: Flask, arguments: list[str], said: str) -> None:
    result = call(app, *arguments)
    assert (result.exit_code, said in result.output) == (2, True), result.output


@pytest.mark.parametrize(
    ("times", "count"),
    [
        (["--since", "2h"], 3),
        (["--since", "0.5 h", "--until", "0s"], 3),
        (["--until", "2m"], 0),
        (["--since", "2026-05-31"], 3),
        (["--until", "2026-05-31T09:30:00Z"], 0),
        (["--until", "2026-05-31T09:30+02:00"], 0),
    ],
)
def test_times(app: Flask, times: list[str], count: int) -> None:
    result = call(app, "list", "--ids", "--state", "dead", *times)
    assert len(result.stdout.splitlines()) == count


def test_a_bar_on_a_terminal(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere there is none."""
    import flask_ycloud.cli.acting as acting

    monkeypatch.setattr(acting, "_is_a_terminal", lambda: True)
    result = call(app, "replay", "--state", "dead", "--yes")
    assert "Replay" in result.stderr
    assert result.stdout == "3 events are queued for replay.\n"


def test_an_error_of_the_database_is_no_skipped_event(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask_ycloud import InboxUnavailable

    def broken(*_: Any, **__: Any) -> None:
        raise InboxUnavailable("The disk is full.")

    monkeypatch.setattr(Inbox, "replay", broken)
    result = call(app, "replay", "evt_crm_0")
    assert (result.exit_code, result.output) == (1, "Error: The disk is full.\n")


BACKLOG_APP = """
from flask import Flask
from flask_ycloud import on_event, ycloud_bp

app = Flask(__name__)
app.config.from_prefixed_env()
app.register_blueprint(ycloud_bp)
"""


def test_5000_dead_letters_of_three_causes_in_three_commands(
    make_app: MakeApp, tmp_path: Path, inbox_url: str
) -> None:
    """One cause is replayed, one is discarded, one stays, while deliveries arrive."""
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)
    inbox = runtime_of(app).inbox
    bury(inbox, 2500, "app:crm", "KeyError at app.py:7")
    bury(inbox, 1500, "app:mail", "OSError at app.py:12")
    bury(inbox, 1000, "app:stock", "ValueError at app.py:19")
    (tmp_path / "backlog_app.py").write_text(BACKLOG_APP)
    stop, arrived = threading.Event(), []

    def send() -> None:
        while not stop.wait(0.01):
            body = body_of()
            assert deliver(app, body).status_code == 200
            arrived.append(id_of(body))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        shown = command(tmp_path, inbox_url, "dead", "--json")
        causes = {each["handler"]: each["id"] for each in json.loads(shown)}
        said = command(tmp_path, inbox_url, "replay", "--cause", causes["app:crm"], "--yes")
        assert said == "2,500 events are queued for replay.\n"
        why = ("--reason", "the mail is out of date", "--yes")
        said = command(tmp_path, inbox_url, "discard", "--cause", causes["app:mail"], *why)
        assert said == "1,500 events are discarded.\n"
    finally:
        stop.set()
        sender.join()
    assert len(arrived) > 10
    (left,) = inbox.dead_by_cause()
    assert (left.handler, left.count) == ("app:stock", 1000)
    stats = inbox.stats()
    assert (stats.dead, stats.discarded) == (1000, 1500)
    assert stats.pending == 2500 + len(arrived)


def command(folder: Path, inbox_url: str, *arguments: str) -> str:
    """A command line, as a user types it."""
    ran = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "backlog_app", "ycloud", *arguments],
        cwd=folder,
        env=os.environ
        | {"FLASK_YCLOUD_WEBHOOK_SECRET": SECRET, "FLASK_YCLOUD_INBOX_URL": inbox_url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
