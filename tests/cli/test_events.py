"""The commands, over real HTTP and in real processes where it matters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa
from flask import Flask

from flask_ycloud import Discard, Event, on_event
from flask_ycloud.cli import ycloud_cli
from flask_ycloud.formats import short
from flask_ycloud.inbox import count_rejections
from flask_ycloud.inbox.tables import events, names, schema
from flask_ycloud.protocol import body_id, names_in, parse_event
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver, id_of

TYPE = "sms.message.updated"


def test_listing(app: Flask) -> None:
    assert call(app, "list").output == "No events.\n"
    bodies = [body_of(), body_of("contact.created"), b"hello"]
    for body in bodies:
        deliver(app, body)
    lines = call(app, "list").output.splitlines()
    head = ["#", "ID", "TYPE", "STATE", "RECEIVED", "ENDPOINT"]
    assert lines[0].split() == [*head, "REASON"]
    short = f"{body_id(b'hello')[:18]}…"
    assert lines[1].split()[1:5] == [short, "(not", "understood)", "dead"]
    assert lines[4] == "An id that ends with … is shortened: --ids prints it in full."
    assert call(app, "list", "--ids").output.splitlines()[0] == body_id(b"hello")
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
    output = call(app, "list", *options).stdout
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
    assert "next attempt in " in shown
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


def test_when_an_event_is_attempted_next(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    body = body_of()
    deliver(app, body)
    assert "next attempt now" in call(app, "show", id_of(body)).output
    call(app, "pause")
    assert "next attempt" not in call(app, "show", id_of(body)).output
    call(app, "resume")
    assert runtime_of(app).inbox.claim() is not None
    shown = call(app, "show", id_of(body)).output
    assert "lease ends   in " in shown
    assert "next attempt" not in shown


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
    assert call(app, "replay", id_of(body)).output == (
        f"{id_of(body)} is queued for replay."
        " It was done: without --all only new handlers run.\n"
    )
    assert len(runs) == 1
    call(app, "replay", "--all", id_of(body))
    assert len(runs) == 2


def test_stats(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    nothing = "0 pending, 0 running, 0 dead.\nLast hour: 0 arrived, 0 done.\n"
    assert call(app, "stats").output == nothing
    deliver(app, body_of())
    deliver(app, b"hello")
    lines = call(app, "stats").output.splitlines()
    assert lines[0] == "1 pending (the oldest for 0 s), 0 running, 1 dead."
    assert lines[1] == "Pending: 1 for a worker."
    assert lines[2] == "Last hour: 2 arrived, 0 done."
    assert lines[3] == "ycloud: the newest delivery arrived 0 s ago."
    assert lines[6].split() == ["(not", "understood)", "0", "0", "1"]
    assert lines[7].split() == [TYPE, "1", "0", "0"]
    shown = json.loads(call(app, "stats", "--json").output)
    assert (shown["pending"], shown["dead"]) == (1, 1)
    assert shown["last_hour"] == {"arrived": 2, "done": 0, "by_handler": {}}
    assert shown["waiting"] == {"worker": 1}
    assert 0 <= shown["newest_delivery_seconds"]["ycloud"] < 60
    assert shown["rejected"] == []


def test_stats_of_what_was_rejected(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    counts = {("ycloud", "mismatch"): 1_200, ("ycloud", "missing"): 1}
    count_rejections(runtime_of(app).inbox, counts)
    line, other = call(app, "stats").output.splitlines()[-2:]
    assert line.startswith("ycloud: 1,200 rejected or answered 503 since ")
    assert line.endswith(":00 UTC (mismatch).")
    assert other.endswith(":00 UTC (no signature header).")
    (shown, other) = json.loads(call(app, "stats", "--json").output)["rejected"]
    assert shown == {"endpoint": "ycloud", "reason": "mismatch", "count": 1_200}
    assert other["reason"] == "missing"


def test_making_the_tables(app: Flask) -> None:
    assert call(app, "init-db").output == "The inbox's tables are up to date: version 3.\n"
    assert call(app, "init-db").output == "The inbox's tables are up to date: version 3.\n"


def test_making_the_tables_indexes_older_events(app: Flask) -> None:
    body = body_of()
    deliver(app, body)
    (name, *_) = names_in(parse_event(body))
    inbox = runtime_of(app).inbox
    last = sa.select(sa.func.max(events.c.seq)).scalar_subquery()
    inbox.database.write(lambda tx: tx.execute(names.delete()))
    inbox.database.write(lambda tx: tx.execute(schema.update().values(unindexed=last)))
    assert call(app, "list", "--ids", "--about", name).stdout == ""
    call(app, "init-db")
    assert call(app, "list", "--ids", "--about", name).output == f"{id_of(body)}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evt_1", "--type", TYPE], "Give ids or a selection"),
        (["--unhandled", "--all"], "--all does not go with"),
    ],
)
def test_options_of_a_replay_that_do_not_go_together(
    app: Flask, arguments: list[str], said: str
) -> None:
    result = call(app, "replay", *arguments)
    assert (result.exit_code, said in result.output) == (2, True)


def test_every_command_is_documented() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "commands.rst").read_text()
    context = click.Context(ycloud_cli)
    for name in ycloud_cli.list_commands(context):
        command = ycloud_cli.get_command(context, name)
        assert f"``{name}" in page
        assert command is not None, name
        assert command.help, name
    for name in re.findall(r"^``([a-z-]+) [A-Z]+ …``", page, re.M):
        (argument, *_) = ycloud_cli.commands[name].params
        assert argument.nargs == -1, f"{name} takes several"


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


def test_actions_are_logged_with_the_user(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    body = body_of()
    deliver(app, body)
    with caplog.at_level("INFO", logger="flask_ycloud.actions"):
        call(app, "replay", id_of(body), "evt_9", "--all")
        call(app, "replay", "--unhandled", "--type", TYPE, "--yes")
        call(app, "prune", "--days", "3")
        call(app, "list")
        call(app, "show", id_of(body))
    said = [e.getMessage() for e in caplog.records if e.name == "flask_ycloud.actions"]
    assert said == [
        f"ann: replay of 1 event, succeeded_too True: {id_of(body)} (endpoint 'ycloud')",
        f"ann: replay of 1 event, type {TYPE}, unhandled True",
        "ann: prune of 0 events, days 3.0",
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["list", "--type", "a\0b"],
        ["list", "--tenant", "\udcff"],
        ["list", "--before", str(2**63)],
        ["list", "--limit", str(2**63)],
        ["list", "--limit", str(2**63 - 1), "--before", str(2**63 - 1)],
        ["show", "a\0b"],
        ["show", "\udcff", "--endpoint", "\0"],
        ["replay", "\0", "\udcff"],
        ["replay", "--unhandled", "--type", "\0"],
        ["stats"],
    ],
)
def test_odd_values_are_no_fault(
    make_app: MakeApp, inbox_url: str, options: list[str]
) -> None:
    app = make_app(YCLOUD_INBOX_URL=inbox_url)
    result = call(app, *options)
    assert result.exit_code in (0, 1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("days", ["nan", "inf", "0"])
def test_a_time_that_is_none_deletes_nothing(
    make_app: MakeApp, inbox_url: str, days: str
) -> None:
    app = make_app(YCLOUD_INBOX_URL=inbox_url)
    deliver(app, body_of())
    call(app, "prune", "--days", days)
    assert len(runtime_of(app).inbox.list()) == 1
