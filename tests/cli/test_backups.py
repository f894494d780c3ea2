"""``flask ycloud backup``, and a restore as the page says, beside a server under load."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from ..conftest import MakeApp, do_on_postgresql, needs
from ..processes import Sender, Server, Site, bodies
from ..support import body_of, call, deliver, eventually, id_of

PAGE = Path(__file__).parent.parent.parent / "docs" / "backups.rst"


@pytest.fixture
def file_app(make_app: MakeApp, tmp_path: Path) -> Flask:
    return make_app(YCLOUD_INBOX_URL=f"sqlite:///{tmp_path}/inbox.db")


def test_it_says_what_was_copied(file_app: Flask, tmp_path: Path) -> None:
    deliver(file_app, body_of())
    copy = tmp_path / "copy.db"
    result = call(file_app, "backup", str(copy))
    assert result.exit_code == 0
    said = f"Backed up 1 event to {copy}. The copy passed the integrity check.\n"
    assert result.output == said


def test_it_replaces_a_file_only_if_it_is_told_to(file_app: Flask, tmp_path: Path) -> None:
    deliver(file_app, body_of())
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    refused = call(file_app, "backup", str(copy))
    assert refused.exit_code == 1
    assert f"Error: {copy} exists. Name another file, or give --force." in refused.output
    assert copy.read_text() == "precious"
    assert call(file_app, "backup", str(copy), "--force").exit_code == 0
    assert copy.read_bytes().startswith(b"SQLite format 3")


def test_what_cannot_be_done_is_one_line(file_app: Flask, tmp_path: Path) -> None:
    empty = call(file_app, "backup", str(tmp_path / "copy.db"))
    assert empty.exit_code == 1
    assert "Error: The database has no inbox" in empty.output
    deliver(file_app, body_of())
    nowhere = call(file_app, "backup", str(tmp_path / "no" / "copy.db"))
    assert nowhere.exit_code == 1
    assert nowhere.output.startswith("Error: No backup was made: ")
    assert nowhere.output.endswith(": No such file or directory\n")
    itself = call(file_app, "backup", "--force", str(tmp_path / "inbox.db"))
    assert itself.exit_code == 1
    assert "is the inbox itself" in itself.output
    assert len(call(file_app, "list").output.splitlines()) == 2


def test_on_postgresql_it_names_the_tool(make_app: MakeApp, postgresql_url: str) -> None:
    result = call(make_app(YCLOUD_INBOX_URL=postgresql_url), "backup", "copy.db")
    assert result.exit_code == 1
    assert "pg_dump --format=custom --table='ycloud_*' --file=FILE" in result.output
    assert not Path("copy.db").exists()


@pytest.fixture
def file_site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, f"sqlite:///{tmp_path}/inbox.db")
    yield site
    site.close()


def run_backup(server: Server, file: Path) -> None:
    command = [sys.executable, "-m", "flask", "--app", "served_app", "ycloud", "backup"]
    done = subprocess.run(
        [*command, str(file)],
        cwd=server.folder, env=server.environ, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def ids_in(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT id FROM ycloud_events").fetchall()
        return {event_id for (event_id,) in rows}


def test_under_load_a_copy_has_what_was_acknowledged_before(file_site: Site) -> None:
    """Deliveries arrive and are handled by two processes while it copies."""
    server = file_site.serve("--workers", "2", "--threads", "4")
    sender, stop = Sender(server.port), threading.Event()
    sending = threading.Thread(
        target=sender.send, args=(bodies(20_000),), kwargs={"stop": stop.is_set}
    )
    sending.start()
    try:
        for number in range(3):
            seen = len(sender.acknowledged)
            eventually(lambda n=seen: len(sender.acknowledged) >= n + 50)  # type: ignore[misc]
            before = set(sender.acknowledged)
            run_backup(server, file_site.folder / f"{number}.db")
            assert before <= ids_in(file_site.folder / f"{number}.db")
    finally:
        stop.set()
        sending.join()
    eventually(file_site.all_done, seconds=60)
    assert server.doubled() == []


def test_a_restore_handles_again_what_was_done_since(file_site: Site) -> None:
    """By the steps of the page. An old -wal file must not remain."""
    inbox, folder = file_site.folder / "inbox.db", file_site.folder
    server = file_site.serve(FLASK_YCLOUD_DISPATCH="manual")
    sender, (first, second) = Sender(server.port), bodies(2)
    sender.send([first])
    run_backup(server, folder / "copy.db")
    sender.send([second])
    server.kill()
    file_site.engine.dispose()
    server.environ["FLASK_YCLOUD_DISPATCH"] = "worker"
    server.start()
    eventually(lambda: len(server.runs()) == 2)
    server.terminate()
    file_site.engine.dispose()
    for each in folder.glob("inbox.db*"):
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    shutil.copy(folder / "copy.db", inbox)
    server.start()
    eventually(lambda: server.runs().count(id_of(first)) == 2)
    eventually(file_site.all_done)
    assert ids_in(inbox) == {id_of(first)}
    assert server.runs().count(id_of(second)) == 1


def documented(program: str) -> str:
    (command,) = re.findall(rf"^    ({program} .*)$", PAGE.read_text(), re.M)
    return str(command)


@pytest.fixture
def whole_database() -> Iterator[str]:
    """Use a separate database: pg_restore restores tables to their old places."""
    needs("PostgreSQL", 5432)
    name = f"ycloud_backup_{os.getpid()}"
    do_on_postgresql(f"CREATE DATABASE {name}")
    yield f"postgresql://postgres@127.0.0.1/{name}"
    do_on_postgresql(f"DROP DATABASE {name} WITH (FORCE)")


def test_postgresql_is_backed_up_and_restored_as_the_page_says(
    make_app: MakeApp, whole_database: str, tmp_path: Path
) -> None:
    for program in ("pg_dump", "pg_restore"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")

    def run(command: str) -> None:
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True,
            env=os.environ | {"DATABASE_URL": whole_database},
        )  # fmt: skip
        if "server version mismatch" in done.stderr:
            pytest.skip("this pg_dump is older than the server")
        assert done.returncode == 0, done.stderr

    app = make_app(YCLOUD_INBOX_URL=whole_database)
    first, second, third = body_of(), body_of(), body_of()
    deliver(app, first)
    run(documented("pg_dump"))
    deliver(app, second)
    run(documented("pg_restore"))
    deliver(app, third)
    listed = call(app, "list").output
    assert id_of(first) in listed
    assert id_of(second) not in listed
    assert id_of(third) in listed


def test_the_page_quotes_what_an_older_version_says(
    make_app: MakeApp, file_app: Flask, tmp_path: Path
) -> None:
    """Commands report it, deliveries get a 503, and a backup still works."""
    deliver(file_app, body_of())
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection, connection:
        connection.execute("UPDATE ycloud_schema SET version = version + 1")
    (quoted,) = re.findall(r"^    (The inbox has tables .*)$", PAGE.read_text(), re.M)
    said = re.sub(r"version\\ \d", r"version\\ \\d", re.escape(quoted))
    older = make_app(YCLOUD_INBOX_URL=f"sqlite:///{tmp_path}/inbox.db")
    assert deliver(older, body_of()).status_code == 503
    for command in ("list", "stats", "init-db", "prune"):
        result = call(older, command)
        assert result.exit_code == 1
        assert re.search(said, result.output), (said, result.output)
    assert call(older, "backup", str(tmp_path / "copy.db")).exit_code == 0
    assert len(ids_in(tmp_path / "copy.db")) == 1
