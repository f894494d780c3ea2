"""The doctor's check of migrations that would drop the inbox's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from flask_ycloud.cli.finding import Subject
from flask_ycloud.cli.migrations import migrations
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp

PLAIN = "from alembic import context\ncontext.configure(connection=connection)\n"
OURS = "from flask_ycloud.alembic import include_name\n"
TEMPLATE = "context.configure(**current_app.extensions['migrate'].configure_args)\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(project: Path, env: str, version: str = "") -> None:
    folder = project / "migrations"
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    (folder / "env.py").write_text(env)
    (folder / "versions" / "1_first.py").write_text(version)


def checked(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        found = list(migrations(Subject(runtime_of(app))))
    assert {each.about for each in found} <= {"migrations"}
    assert all(each.remedy for each in found if each.level != "ok")
    return [(each.level, each.text) for each in found]


@pytest.fixture
def alembic_app(make_app: MakeApp, inbox_url: str) -> Flask:
    """An app whose inbox is in a database that Alembic has migrated."""
    app = make_app(YCLOUD_INBOX_URL=inbox_url)
    runtime_of(app).inbox.database.write(
        lambda tx: tx.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
    )
    return app


@pytest.fixture
def flask_migrate_app(make_app: MakeApp, project: Path) -> Iterator[Callable[..., Flask]]:
    """An app with Flask-Migrate, and with its inbox in the same database or not."""
    engines: list[sa.Engine] = []

    def make(inbox: str = "app.db") -> Flask:
        app, db = make_app(YCLOUD_INBOX_URL=f"sqlite:///{project}/{inbox}"), SQLAlchemy()
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{project}/app.db"
        db.init_app(app)
        Migrate(app, db)
        with app.app_context():
            engines.extend(db.engines.values())
        return app

    yield make
    for each in engines:
        each.dispose()


def test_where_no_alembic_is_it_says_nothing(make_app: MakeApp, project: Path) -> None:
    write(project, PLAIN)
    assert checked(make_app(YCLOUD_INBOX_URL=f"sqlite:///{project}/inbox.db")) == []


def test_a_plain_alembic_must_pass_our_function(alembic_app: Flask, project: Path) -> None:
    (project / "other").mkdir()
    (project / "other" / "env.py").write_text("no environment of that kind")
    [(level, text)] = checked(alembic_app)
    assert level == "warning"
    assert "no env.py is in this folder" in text
    write(project, PLAIN)
    [(level, text)] = checked(alembic_app)
    assert level == "error"
    assert text.startswith("migrations/env.py does not leave the inbox's tables out.")
    write(project, OURS + PLAIN)
    assert checked(alembic_app) == [("ok", "They leave the inbox's tables out.")]


def test_flask_migrate_is_covered_before_and_after_its_init(
    flask_migrate_app: Callable[..., Flask], project: Path
) -> None:
    app = flask_migrate_app()
    assert [level for level, _ in checked(app)] == ["ok"]
    write(project, TEMPLATE)
    assert [level for level, _ in checked(app)] == ["ok"]
    write(project, PLAIN)
    assert [level for level, _ in checked(app)] == ["error"]


@pytest.mark.parametrize("own", [None, lambda name, type_, parents: True])
def test_arguments_that_were_set_later_are_told(
    flask_migrate_app: Callable[..., Flask], project: Path, own: Any
) -> None:
    app = flask_migrate_app()
    write(project, TEMPLATE)
    app.extensions["migrate"].configure_args["include_name"] = own
    assert [level for level, _ in checked(app)] == ["error"]


def test_an_inbox_in_another_database_is_safe(
    flask_migrate_app: Callable[..., Flask], project: Path
) -> None:
    write(project, PLAIN)
    assert checked(flask_migrate_app("inbox.db")) == []


def test_a_migration_that_drops_our_tables_is_named(
    flask_migrate_app: Callable[..., Flask], project: Path
) -> None:
    """Alembic wrote this migration before include_name was configured."""
    drop = "    op.drop_table('ycloud_events')\n"
    app = flask_migrate_app()
    write(project, TEMPLATE, f"def upgrade():\n{drop}def downgrade():\n    pass\n")
    [(level, text)] = checked(app)
    assert level == "error"
    assert text.startswith("migrations/versions/1_first.py drops tables of the inbox")
    write(project, TEMPLATE, f"def upgrade():\n    pass\ndef downgrade():\n{drop}")
    assert [level for level, _ in checked(app)] == ["ok"]
