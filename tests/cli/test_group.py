"""The group: each command is imported when it is called, and helps with an example."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from flask import Flask

import flask_ycloud.cli
from flask_ycloud.cli.group import MODULES, ycloud_cli

from ..processes import _free_port, answers
from ..support import SECRET, call, eventually

FOLDER = Path(flask_ycloud.cli.__file__).parent
APP = f"""
import sys
from flask import Flask
from flask_ycloud import on_event, ycloud_bp

app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = {SECRET!r}
app.register_blueprint(ycloud_bp)
loaded = "sqlalchemy" in sys.modules

@app.get("/loaded")
def was_loaded():
    return str(loaded)

@app.cli.command()
def has_loaded():
    print(loaded)
"""
HEAVY = ("sqlalchemy", "httpx", "psycopg", "celery")
#: What the commands of one module of ours are.
RUN = """
import sys
from flask.cli import main

sys.argv = ["flask", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("HEAVY", *sorted(set(sys.modules) & set({heavy!r})))
"""


def flask(folder: Path, *args: str) -> list[str]:
    """Run ``flask`` in a process of its own, and give the heavy modules that it loaded."""
    (folder / "app.py").write_text(APP)
    (folder / "run.py").write_text(RUN.format(heavy=HEAVY))
    done = subprocess.run(
        [sys.executable, "run.py", "--app", "app", *args],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


def commands(
    group: click.Group = ycloud_cli, *names: str
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command, also those of groups in it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*names, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)


def test_every_command_is_known_by_its_module() -> None:
    for file in FOLDER.glob("*.py"):
        if file.stem != "__init__":
            import_module(f"flask_ycloud.cli.{file.stem}")
    assert set(ycloud_cli.commands) == set(MODULES)
    assert ycloud_cli.get_command(click.Context(ycloud_cli), "no-such") is None


@pytest.mark.parametrize(
    "args",
    [
        ("--help",), ("--version",), ("types",), ("types", "sms.message.updated"),
        ("handlers",), ("list", "--help"), ("listen", "--help"),
        ("send", "sms.message.updated", "--print"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_needs_no_database_loads_none(tmp_path: Path, args: tuple[str, ...]) -> None:
    assert flask(tmp_path, "ycloud", *args) == []


def test_what_needs_the_database_loads_it(tmp_path: Path) -> None:
    assert flask(tmp_path, "ycloud", "list") == ["sqlalchemy"]


def test_a_server_loads_everything_before_the_first_request(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    port = _free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", "run", "--port", str(port)],
        cwd=tmp_path, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        eventually(lambda: answers(port))
        done = subprocess.run(
            [sys.executable, "-c", f"from urllib.request import urlopen as o;"
             f"print(o('http://127.0.0.1:{port}/loaded').read())"],
            capture_output=True, text=True,
        )  # fmt: skip
    finally:
        server.terminate()
        server.wait(30)
    assert done.stdout == "b'True'\n"
    loads = [sys.executable, "-c", "import app; print(app.loaded)"]
    imported = subprocess.run(loads, cwd=tmp_path, capture_output=True, text=True)
    assert imported.stdout == "True\n", "as gunicorn does"


def test_the_version(app: Flask) -> None:
    assert call(app, "--version").output == f"flask-ycloud {version('flask-ycloud')}\n"


@pytest.mark.parametrize(
    ("names", "command"),
    [pytest.param(*each, id=" ".join(each[0])) for each in commands()],
)
def test_every_help_has_an_example(
    app: Flask, names: tuple[str, ...], command: click.Command
) -> None:
    shown = call(app, *names, "--help").output
    assert "Example" in shown
    assert f"\n    flask ycloud {' '.join(names)}" in shown
    for each in command.params:
        assert isinstance(each, click.Argument) or getattr(each, "help", None), each.name
