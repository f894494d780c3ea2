"""The doctor's check of the inbox's database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy
from flask import Flask

from flask_ycloud import InboxUnavailable
from flask_ycloud.cli.storage import away
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver
from .support import findings, levels, only

AWAY = "postgresql+psycopg://x@127.0.0.1:9/shop"


def test_no_password_is_shown(make_app: MakeApp, postgresql_url: str) -> None:
    url = postgresql_url.replace("postgres@", "postgres:hunter2@")
    output = call(make_app(YCLOUD_INBOX_URL=url), "doctor").output
    database = sqlalchemy.make_url(url).database
    assert f"postgresql+psycopg://127.0.0.1/{database}, tables of version" in output
    assert "hunter2" not in output
    assert "search_path" not in output


def test_a_file_that_every_user_of_the_machine_may_read(
    make_app: MakeApp, tmp_path: Path
) -> None:
    file = tmp_path / "inbox.db"
    app = make_app(YCLOUD_INBOX_URL=f"sqlite:///{file}", YCLOUD_DISPATCH="manual")
    deliver(app, body_of())
    assert levels(app, "inbox") == ["ok", "ok"]
    file.chmod(0o644)
    for each in ("-wal", "-shm"):
        Path(f"{file}{each}").chmod(0o640)
    (level, text, remedy) = only(app, "inbox")[1]
    assert level == "warning"
    assert text == f"Every user of this machine may read {file}."
    assert remedy == f"chmod o-rwx {file}*"


def test_a_server_that_loses_what_it_has_committed(
    make_app: MakeApp, postgresql_url: str
) -> None:
    assert levels(make_app(YCLOUD_INBOX_URL=postgresql_url), "inbox") == ["ok", "ok"]
    url = f"{postgresql_url}%20-csynchronous_commit%3Doff"
    (level, text, remedy) = only(make_app(YCLOUD_INBOX_URL=url), "inbox")[1]
    assert level == "warning"
    assert text.startswith("PostgreSQL has synchronous_commit=off: a crash of the server")
    assert remedy.startswith("Set it to on. synchronous_commit can be set for the role")


def test_a_slow_write(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_ycloud.cli.storage._SLOW_WRITE", 0.0)
    assert levels(app, "inbox") == ["ok", "warning"]


def test_an_inbox_that_is_away(make_app: MakeApp) -> None:
    found = findings(make_app(YCLOUD_INBOX_URL=AWAY))
    ((level, text, remedy),) = found["inbox"]
    assert level == "error"
    assert text.startswith("postgresql+psycopg://127.0.0.1:9/shop: The inbox's database")
    assert "refused" in text
    assert remedy.startswith("Check that the server runs, that the database exists")
    for name in ("backlog", "workers", "silence"):
        assert [each[0] for each in found[name]] == ["skipped"]
    assert {"settings", "secret", "handlers", "account"} <= set(found), "it goes on"


def test_a_database_that_is_missing(make_app: MakeApp, postgresql_url: str) -> None:
    url = "postgresql+psycopg://postgres@127.0.0.1:5432/no_such_database"
    ((level, text, _),) = only(make_app(YCLOUD_INBOX_URL=url), "inbox")
    assert level == "error"
    assert "127.0.0.1:5432/no_such_database" in text


def test_what_can_be_read_is_checked_though_nothing_can_be_written(
    make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app(YCLOUD_INBOX_URL=f"sqlite:///{tmp_path}/inbox.db?timeout=0.1")
    deliver(app, body_of())
    other = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    found = findings(app)
    other.close()
    level, _, remedy = found["inbox"][-1]
    assert level == "error"
    assert remedy == "Another program keeps the file locked. Let it commit, or end it."
    assert [each[0] for each in found["backlog"]] == ["ok"]


def test_a_folder_that_is_missing(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app = make_app(YCLOUD_INBOX_URL=f"sqlite:///{tmp_path}/file/inbox.db")
    ((level, _, remedy),) = only(app, "inbox")
    assert level == "error"
    assert remedy == "Check that its folder exists, and that this user may write to it."


def test_a_setting_that_leads_to_no_database(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INBOX_URL=lambda: "nowhere")
    found = only(app, "inbox")
    assert [each[0] for each in found] == ["error"]
    assert found[0][2] == "Correct YCLOUD_INBOX_URL."


def test_tables_of_a_newer_version(app: Flask) -> None:
    newer = InboxUnavailable("The inbox has tables of version 99")
    assert away(runtime_of(app), newer).remedy.startswith("Install the version of")
