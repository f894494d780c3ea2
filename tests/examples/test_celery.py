"""The Celery example, in an environment that has only what its requirements bring."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flask_ycloud.inbox import Database, Inbox, open_engine

from ..conftest import needs
from ..processes import Sender, _free_port, answers, bodies
from ..support import SECRET, eventually
from .support import EXAMPLES, fresh_environment, without_site


class Example:
    """A copy of the example's folder, as it is after ``pip install``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "celery"
        shutil.copytree(EXAMPLES / "celery", self.folder)
        self.python = fresh_environment(folder / "venv", self.folder / "requirements.txt")
        self.port = _free_port()
        self.log = folder / "log"
        self.tmp = folder / "tmp"
        self.tmp.mkdir()
        url = f"sqlite:///{folder}/inbox.db"
        self.inbox = Inbox(Database(open_engine(url), owned=True))
        self.environ = without_site(
            {
                "FLASK_YCLOUD_WEBHOOK_SECRET": SECRET,
                "FLASK_YCLOUD_INBOX_URL": url,
                "PATH": f"{self.python.parent}:{os.environ['PATH']}",
                "PORT": str(self.port),
                "QUEUE": f"ycloud-{uuid.uuid4().hex}",
                "TMPDIR": str(self.tmp),
            }
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(self.python), "start.py"], cwd=self.folder, env=self.environ,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self.process

    def members(self) -> dict[int, str]:
        """The processes of its group, with their commands."""
        assert self.process is not None
        listed = subprocess.run(
            ["ps", "-ww", "-eo", "pid=,pgid=,args="],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        rows = (line.split(None, 2) for line in listed.splitlines())
        group = str(self.process.pid)
        return {int(row[0]): row[2] for row in rows if row[1] == group and len(row) == 3}

    def close(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Example]:
    needs("Redis", 6379)
    made = Example(tmp_path)
    yield made
    made.close()


def test_it_starts_with_one_command_and_ctrl_c_ends_it(example: Example) -> None:
    """Web, worker and beat, whose schedule nobody else can write."""
    process = example.start()
    eventually(lambda: answers(example.port))
    Sender(example.port).send(bodies(10))
    eventually(lambda: len(example.inbox.list(state="done")) == 10, seconds=60)
    (folder,) = eventually(lambda: list(example.tmp.glob("ycloud-beat-*")))
    eventually(lambda: list(folder.iterdir()))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 0
    assert example.log.read_text().count("handled ") == 10
    assert not list(example.tmp.glob("ycloud-beat-*"))


def test_all_end_when_one_ends(example: Example) -> None:
    process = example.start()
    eventually(lambda: answers(example.port))
    Sender(example.port).send(bodies(1))
    eventually(lambda: example.inbox.list(state="done"), seconds=60)
    members = eventually(example.members)
    pid = min(pid for pid, command in members.items() if " worker " in command)
    os.kill(pid, signal.SIGKILL)
    assert process.wait(30) == 1
    assert "The worker exited, so the others were stopped, too." in example.log.read_text()


def test_without_a_secret_it_ends_and_says_why(example: Example) -> None:
    del example.environ["FLASK_YCLOUD_WEBHOOK_SECRET"]
    assert example.start().wait(60) == 1
    log = example.log.read_text()
    assert "The web exited" in log
    assert "YCLOUD_WEBHOOK_SECRET: the secret is a placeholder" in log


def test_the_page_has_the_commands(example: Example) -> None:
    """Its own way: from its secret to the sample that the worker handles."""
    page = (example.folder / "README.rst").read_text()
    (export,) = re.findall(r"^    (export FLASK_.*)$", page, re.M)
    (send,) = re.findall(r"^    (flask --app celery_app ycloud send .*)$", page, re.M)
    shown = subprocess.run(
        ["sh", "-c", f"{export}; echo $FLASK_YCLOUD_WEBHOOK_SECRET"],
        cwd=example.folder, env=example.environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    example.environ["FLASK_YCLOUD_WEBHOOK_SECRET"] = shown.stdout.strip()
    example.start()
    eventually(lambda: answers(example.port))
    sent = subprocess.run(
        [str(example.python), "-m", *send.replace("8000", str(example.port)).split()],
        cwd=example.folder, env=example.environ, capture_output=True, text=True,
    )  # fmt: skip
    assert sent.returncode == 0, sent.stdout + sent.stderr
    pattern = re.compile(r"handled sms.message.updated evt_\S+$", re.M)
    eventually(lambda: pattern.search(example.log.read_text()), seconds=60)
