"""The shell commands in the documents run as they are written, against a served app."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import metadata
from pathlib import Path

import pytest
from flask import Flask

from flask_ycloud import sign, ycloud_bp
from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.runtime import runtime_of

from .. import warm
from ..processes import _free_port, answers, post
from ..support import SECRET, body_of, eventually, id_of
from ..ycloud_api import API_KEY, YCloudAPI

ROOT = Path(__file__).parent.parent.parent
#: A command of an indented block: bare, behind a prompt, or in a Procfile.
COMMAND = re.compile(
    r"^    (?:\$ |\w+: +)?((?:flask|gunicorn|pip|make) .*?)(?: +# .*)?$",
    re.M,
)


def documented(page: Path) -> list[str]:
    return COMMAND.findall(re.sub(r" \\\n +", " ", page.read_text()))


#: The pages, but for those whose commands have a test of their own, with an app of its own.
PAGES = [
    page
    for page in (ROOT / "README.rst", *(ROOT / "docs").glob("*.rst"))
    if documented(page) and page.stem not in {"flask-sqlalchemy", "tutorial"}
]
#: A setting of an indented block, as a shell or a systemd unit has it.
ENVIRONMENT = re.compile(r"^    (?:Environment=)?(FLASK_YCLOUD_\w+)=(.*)$", re.M)
#: What the documents call "app" or "shop".
APP = """
import os
from flask import Flask
from flask_ycloud import on_event, ycloud_bp

app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = os.environ["SECRET"]
app.config["YCLOUD_API_URL"] = os.environ["FLASK_YCLOUD_API_URL"]
app.config["YCLOUD_API_KEY"] = os.environ["KEY"]
app.register_blueprint(ycloud_bp)

@on_event("sms.message.updated")
def track(event):
    pass
"""


@dataclass
class Shell:
    """A folder with the app in it, and a port for its server."""

    folder: Path
    account: YCloudAPI
    environ: dict[str, str]
    port: int
    place: tuple[str, str] = ("ycloud", "")  # endpoint and tenant of what is stored

    def use(self, app: str, endpoint: str, tenant: str) -> None:
        """Use another app, whose endpoint has tenants."""
        made = "app = Flask(__name__)\n"
        text = app.replace(made, made + "app.config.from_prefixed_env()\n")
        (self.folder / "app.py").write_text(text)
        url = f"http://127.0.0.1:{self.port}/{endpoint}/{tenant}/webhook"
        self.environ["FLASK_YCLOUD_SEND_URL"] = url
        self.place = endpoint, tenant

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        if warm.can_run(command):
            return warm.run_line(command, self.folder, self.environ, "y\n")
        return subprocess.run(
            ["sh", "-c", command], cwd=self.folder, env=self.environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, input="y\n", timeout=120,
        )  # fmt: skip

    def start(self, command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["sh", "-c", f"exec {command}"], cwd=self.folder, env=self.environ
        )

    @contextmanager
    def serving(self, command: str) -> Iterator[None]:
        """A server that answers, and that exits with status 0 after SIGTERM."""
        process = self.start(f"{command} --bind 127.0.0.1:{self.port}")
        try:
            eventually(lambda: answers(self.port))
            yield
        finally:
            process.terminate()
            assert process.wait(60) == 0

    @cached_property
    def inbox(self) -> Inbox:
        """The inbox of the app, from outside."""
        url = f"sqlite:///{self.folder}/instance/ycloud.db"
        return Inbox(Database(open_engine(url), owned=True))


@pytest.fixture
def shell(tmp_path: Path, account: YCloudAPI) -> Shell:
    for name in ("app", "shop"):
        (tmp_path / f"{name}.py").write_text(APP)
    port = _free_port()
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path),
        "FLASK_YCLOUD_API_URL": account.fake.url,
        "KEY": API_KEY,
        "ACME_API_KEY": API_KEY,
        "SECRET": SECRET,
        # The value of --url where a command has none.
        "FLASK_YCLOUD_SEND_URL": f"http://127.0.0.1:{port}/ycloud/webhook",
    }
    return Shell(tmp_path, account, environ, port)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_run_as_written(page: Path, shell: Shell) -> None:
    if page.stem == "tenants":
        shell.use(first_block(page), "hooks", "acme")
    for command in documented(page):
        program, *rest = command.split()
        CHECKS[program](shell, command, rest)


def first_block(page: Path) -> str:
    """The first Python block of a page: its app."""
    block = re.search(r"code-block:: python\n\n((?:    .*\n|\n)+)", page.read_text())
    assert block is not None
    return textwrap.dedent(block[1])


def installs(shell: Shell, command: str, words: list[str]) -> None:
    """The installation under test is that package, with those extras."""
    match = re.fullmatch(r"pip install '?flask-ycloud(?:\[([a-z,]+)\])?'?", command)
    assert match, command
    offered = metadata("flask-ycloud").get_all("Provides-Extra")
    assert offered is not None
    assert set((match[1] or offered[0]).split(",")) <= set(offered)


def makes(shell: Shell, command: str, words: list[str]) -> None:
    """The Makefile has the target."""
    result = subprocess.run(
        ["make", "-n", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def serves(shell: Shell, command: str, words: list[str]) -> None:
    with shell.serving(command):
        assert post(shell.port, body_of())[0] == 200


def commands(shell: Shell, command: str, words: list[str]) -> None:
    if "worker" in words:
        works(shell, command)
    elif "send" in words:
        with shell.serving("gunicorn app:app"):
            succeeds(shell, re.sub(r" --port \d+", "", command))
    elif "listen" in words:
        listens(shell, command)
    elif "verify" in words:
        finds_the_fault(shell, command)
    else:
        if "backup" in words:
            keep(shell)
        if "evt_…" in words:
            command = command.replace("evt_…", keep(shell, dead="a reason"))
        for endpoint_id in shell.account.endpoints:
            command = re.sub(r"\bwh[0-9a-f]{24}\b", endpoint_id, command)
        succeeds(shell, command)


def succeeds(shell: Shell, command: str) -> None:
    result = shell.run(command)
    assert result.returncode == 0, result.stdout


def works(shell: Shell, command: str) -> None:
    """It handles an event, and exits with status 0 after SIGTERM."""
    keep(shell)
    process = shell.start(command)
    eventually(lambda: shell.inbox.stats().pending == shell.inbox.stats().running == 0)
    process.terminate()
    assert process.wait(60) == 0


def listens(shell: Shell, command: str) -> None:
    """It has an endpoint at YCloud while it runs."""
    before = set(shell.account.endpoints)
    process = shell.start(f"{re.sub(r' --port [0-9]+', '', command)} --port {shell.port}")
    eventually(lambda: set(shell.account.endpoints) - before)
    process.terminate()
    assert process.wait(60) == 0
    assert set(shell.account.endpoints) == before


def keep(shell: Shell, dead: str | None = None) -> str:
    """Store an event, and give its id."""
    body = body_of()
    event_type = "sms.message.updated"
    endpoint, tenant = shell.place
    shell.inbox.accept(
        id_of(body), body, endpoint=endpoint, tenant=tenant, event_type=event_type,
        dead=dead,
    )  # fmt: skip
    return id_of(body)


def finds_the_fault(shell: Shell, command: str) -> None:
    """For the case of the page, it prints what the page shows."""
    signed = body_of()
    changed = json.dumps(json.loads(signed), indent=1)
    (shell.folder / "body.json").write_text(changed)
    result = shell.run(re.sub(r'"t=[^"]*"', f'"{sign(signed, SECRET)}"', command))
    assert result.returncode == 1
    said = (
        "Error: The body was changed after it was signed: it was parsed and written again"
    )
    assert result.stdout.startswith(said)
    assert said in (ROOT / "docs" / "commands.rst").read_text()


CHECKS = {"pip": installs, "make": makes, "gunicorn": serves, "flask": commands}


def test_settings_for_the_environment_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for page in PAGES:
        for name, value in ENVIRONMENT.findall(page.read_text()):
            app = Flask("shop")
            with monkeypatch.context() as patch:
                patch.setenv("FLASK_YCLOUD_WEBHOOK_SECRET", SECRET)
                patch.setenv(name, value)
                assert app.config.from_prefixed_env()
            app.register_blueprint(ycloud_bp)
            field = name.removeprefix("FLASK_YCLOUD_").lower()
            assert getattr(runtime_of(app).settings, field) == value
            found.add(value.partition(":")[0])
    assert found >= {"postgresql+psycopg"}


def test_no_command_is_overlooked() -> None:
    """The pattern finds every command in a block."""
    found = {command for page in PAGES for command in documented(page)}
    assert len(found) >= 20
    assert {command.split()[0] for command in found} == set(CHECKS)
