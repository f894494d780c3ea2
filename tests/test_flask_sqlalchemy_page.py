"""The page on Flask-SQLAlchemy and Flask-Migrate: each step of it, as it stands."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_ycloud.inbox import TABLES

from . import warm
from .processes import answers
from .support import SECRET, eventually

PAGE = (Path(__file__).parent.parent / "docs" / "flask-sqlalchemy.rst").read_text("utf-8")
BLOCKS = [
    textwrap.dedent(each)
    for each in re.findall(r"^\.\. code-block:: py\n\n((?:    .*\n|\n)+)", PAGE, re.M)
]
APP, ENV, *HANDLERS, TESTS = BLOCKS
COMMANDS = re.findall(r"^    \$ (flask .*)$", PAGE, re.M)


class Project:
    """The folder that the page describes."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.environ = {**os.environ, "DATABASE_URL": url, "YCLOUD_WEBHOOK_SECRET": SECRET}
        self.engine = sa.create_engine(url)
        (folder / "shop.py").write_text(APP + "\n".join(HANDLERS))
        (folder / "test_shop.py").write_text(TESTS)

    def run(self, *command: str) -> str:
        if command[0] == "flask":
            ran = warm.run(command[1:], self.folder, self.environ)
            assert ran.returncode == 0, ran.stdout
            return ran.stdout
        ran = subprocess.run(
            [sys.executable, "-m", *command], cwd=self.folder, env=self.environ,
            capture_output=True, text=True,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def statuses(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.scalars(sa.text("SELECT status FROM message")))


@pytest.fixture
def project(tmp_path: Path, inbox_url: str) -> Iterator[Project]:
    made = Project(tmp_path, inbox_url)
    yield made
    made.engine.dispose()


def test_the_commands_run_as_they_stand(project: Project) -> None:
    *before, run, send = [each.replace('"', "").split() for each in COMMANDS]
    told = [project.run(*command) for command in before]
    assert "Detected added table 'message'" in told[1]
    assert "ycloud" not in told[1]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = subprocess.Popen(
        [sys.executable, "-m", *run, "--port", str(port)],
        cwd=project.folder, env=project.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        eventually(lambda: answers(port))
        url = f"http://127.0.0.1:{port}/ycloud/webhook"
        assert "accepted" in project.run(*send, "--url", url)
        eventually(project.statuses)
    finally:
        served.kill()
        served.wait(20)
    assert project.run(*before[1]).count("No changes in schema detected") == 1
    assert set(sa.inspect(project.engine).get_table_names()) >= TABLES | {"message"}
    assert "ycloud" not in "".join(
        each.read_text() for each in project.folder.glob("migrations/versions/*.py")
    )


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    project = Project(tmp_path, "sqlite:///unused.db")
    assert "2 passed" in project.run("pytest", "-q", "-p", "no:cacheprovider")


def test_the_other_handlers_do_what_they_say(tmp_path: Path) -> None:
    assert len(HANDLERS) == 3
    project = Project(tmp_path, "sqlite:///unused.db")
    (project.folder / "test_shop.py").write_text(
        TESTS.partition("def test_")[0]
        + textwrap.dedent("""
            def test_all(app, fake_ycloud):
                def ids():
                    db.session.rollback()
                    return [each.status for each in db.session.scalars(db.select(Message))]
                fake_ycloud.send("contact.created", id="c1")
                assert ids() == ["new"]
                fake_ycloud.send("contact.attributes_changed")
                assert sorted(ids()) == ["changed", "new"]
                fake_ycloud.send("contact.deleted", id="c1")
                assert ids() == ["changed"]
        """)
    )
    assert "1 passed" in project.run("pytest", "-q", "-p", "no:cacheprovider")


def test_the_line_for_alembic_names_what_there_is() -> None:
    assert "from flask_ycloud.alembic import include_name\n" in ENV
    exec(ENV.partition("\n")[0], {})
