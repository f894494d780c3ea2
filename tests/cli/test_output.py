"""What others have written never acts on the terminal, whichever command prints it."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

import flask_ycloud.cli
from flask_ycloud import Discard, on_event
from flask_ycloud.cli.output import echo, fields, table
from flask_ycloud.inbox import Identity, RunningHandler, Stats
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver, id_of
from ..tenants import hooks
from ..ycloud_api import API_KEY, YCloudAPI

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202etxt.exe\u2066\r\x08\u2028\x85 \x00"


def assert_harmless(output: str) -> None:
    """It has printable characters, line breaks, and nothing else."""
    acting = [
        each
        for each in output
        if each != "\n" and unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]
    assert acting == []
    assert output.strip()


def test_every_command_prints_by_the_one_function() -> None:
    folder = Path(flask_ycloud.cli.__file__).parent
    for module in folder.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else ""
            called = node.func if isinstance(node, ast.Call) else None
            plain = called.id if isinstance(called, ast.Name) else ""
            printing = name in ("echo", "secho", "echo_via_pager") or plain == "print"
            assert not printing or module.name == "output.py", module


def test_one_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    fields({"reason": "x\nstate   done", "tenant": None, "events": ["a", "b\nc"]}, 9)
    table(("A", "B"), [("1\n2", "é\x1b[1m"), ("3", "4")])
    echo("a\nb\x1b", "mark\x1b", "red")
    assert capsys.readouterr().out.splitlines() == [
        "reason   x\\nstate   done",
        "events   a",
        "         b\\nc",
        "A     B",
        "1\\n2  é\\x1b[1m",
        "3     4",
        "mark\\x1ba",
        "b\\x1b",
    ]


@pytest.fixture
def haunted(make_app: MakeApp, inbox_url: str) -> Flask:
    """An inbox with such characters in every field that comes from outside."""
    app = make_app(
        YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[], YCLOUD_INBOX_URL=inbox_url,
        YCLOUD_ERROR_MESSAGES=True, TESTING=False,
    )  # fmt: skip
    on_event("*", name="drops \x1b[2J\u202e")(_drop)
    on_event("*", name="fails")(_fail)
    body = body_of(id="evt_1", sms={"text": EVIL}).decode()
    raw = body.replace("\\u009b", "\x9b").replace("\\u202e", "\u202e")
    deliver(app, raw.encode())
    deliver(app, EVIL.encode())
    inbox = runtime_of(app).inbox
    stored = EVIL.replace("\0", "")
    inbox.accept(
        f"evt_{stored}", b"{}", endpoint=f"e{stored}", tenant=f"t{stored}",
        endpoint_id=stored, event_type=f"type{stored}", dead=f"reason{stored}",
    )  # fmt: skip
    return app


def _drop(event: object) -> None:
    raise Discard(f"unknown customer {EVIL}")


def _fail(event: object) -> None:
    raise ValueError(f"no such customer {EVIL}")


def test_commands_that_print_what_is_stored(haunted: Flask) -> None:
    stored = EVIL.replace("\0", "")
    shown = [
        ("list",),
        ("list", "--state", "dead"),
        ("show", "evt_1"),
        ("show", "evt_1", "--payload"),
        ("show", body_id(EVIL.encode()), "--payload"),
        ("show", f"evt_{stored}", "--payload"),
        ("show", f"no{stored}"),
        ("stats",),
        ("stats", "--json"),
        ("replay", f"evt_{stored}"),
        ("replay", f"no{stored}"),
        ("doctor",),
        ("doctor", "--json"),
        ("types", stored),
        ("list", "--type", stored),
    ]
    for command in shown:
        assert_harmless(call(haunted, *command).output)
    payload = call(haunted, "show", "evt_1", "--payload").output
    assert "\\u202etxt.exe" in payload
    assert "\\x1b]0;owned" in payload, "of the reason and the error"


def test_a_handler_that_runs(app: Flask) -> None:
    run = RunningHandler(f"app:{EVIL}", f"evt_{EVIL}", 61, "ycloud", f"t{EVIL}")
    counts: dict[str | None, dict[str, int]] = {
        f"type{EVIL}": {"pending": 0, "running": 1, "dead": 0}
    }
    stats = Stats(0, 1, 0, None, counts, running_handlers=(run,))
    runtime_of(app).inbox.stats = lambda: stats  # type: ignore[method-assign]
    for command in ("stats", "doctor"):
        output = call(app, command).output
        assert_harmless(output)
        assert "app:\\x1b]0;owned" in output


def test_several_events_of_one_id(make_app: MakeApp) -> None:
    app = make_app(hooks())
    inbox = runtime_of(app).inbox
    for tenant in ("a\x1b[2J", "b\u202e"):
        inbox.accept("evt_1", b"{}", endpoint="hooks", tenant=tenant, event_type="x")
    assert_harmless(call(app, "show", "evt_1").output)
    assert inbox.find("evt_1", tenant="b\u202e") == Identity("evt_1", "hooks", "b\u202e")


def test_what_an_account_has(make_app: MakeApp, account: YCloudAPI) -> None:
    app = make_app(YCLOUD_API_KEY=API_KEY)
    url = "https://shop.example.org/ycloud/webhook"
    create = ("endpoints", "create", url, "--events", "sms.message.updated")
    made = call(app, *create, "--description", "evil \x1b[2J\u202e")
    assert_harmless(made.output)
    assert_harmless(call(app, "endpoints", "list").output)
    assert_harmless(call(app, "doctor").output)


def test_what_a_server_answers(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    from flask_ycloud.cli import send
    from flask_ycloud.protocol import Answer

    monkeypatch.setattr(send, "post", lambda *_: Answer(200, f"ok {EVIL}", 0.1))
    sent = call(app, "send", "sms.message.updated").output
    assert_harmless(sent)
    assert "ok \\x1b]0;owned" in sent
    assert id_of(body_of())[:4] in sent


def test_on_a_terminal_nothing_in_a_body_acts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flask_ycloud.cli import output

    terminal = SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(output, "sys", terminal)
    output.echo_body(b"hello\x1b[2J")
    assert capsys.readouterr().out == "hello\\x1b[2J\n"
