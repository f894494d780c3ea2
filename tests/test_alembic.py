"""Migrations of the app's own tables leave those of the inbox out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask

from flask_ycloud import ycloud_bp
from flask_ycloud.alembic import include_name
from flask_ycloud.inbox import TABLES
from flask_ycloud.runtime import runtime_of

from . import warm
from .conftest import MakeApp
from .support import SECRET

APP = """
import os
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_ycloud import ycloud_bp

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
app.config["YCLOUD_WEBHOOK_SECRET"] = "whsec_of_the_tests"
app.config["YCLOUD_INBOX_URL"] = lambda: db.engine
db = SQLAlchemy()

class Message(db.Model):
    id = db.Column(db.Text, primary_key=True)

class Old(db.Model):
    id = db.Column(db.Text, primary_key=True)

def not_legacy(name, type_, parents):
    return type_ != "table" or name != "legacy"

{SETUP}
"""

FIRST = """
app.register_blueprint(ycloud_bp)
db.init_app(app)
Migrate(app, db, include_name=not_legacy)
"""
LAST = """
db.init_app(app)
Migrate(app, db, include_name=not_legacy)
app.register_blueprint(ycloud_bp)
"""
PUSHED = "app.app_context().push()" + FIRST


class Project:
    """A folder with an app, and the commands that a developer types there."""

    def __init__(self, folder: Path, url: str, setup: str) -> None:
        self.folder = folder
        (folder / "app.py").write_text(APP.replace("{SETUP}", setup))
        self.environ = {**os.environ, "DATABASE_URL": url}
        self.engine = sa.create_engine(url)

    def flask(self, *args: str, status: int = 0) -> str:
        ran = warm.run(["--app", "app", *args], self.folder, self.environ)
        assert ran.returncode == status, ran.stdout
        return ran.stdout

    def tables(self) -> set[str]:
        return set(sa.inspect(self.engine).get_table_names())

    def scripts(self) -> str:
        found = sorted((self.folder / "migrations" / "versions").glob("*.py"))
        return "\n".join(each.read_text() for each in found)


@pytest.fixture
def project(
    request: pytest.FixtureRequest, tmp_path: Path, inbox_url: str
) -> Iterator[Project]:
    made = Project(tmp_path, inbox_url, getattr(request, "param", FIRST))
    yield made
    made.engine.dispose()


@pytest.mark.parametrize(
    ("project", "template"),
    [(FIRST, "flask"), (LAST, "flask-multidb"), (PUSHED, "flask")],
    indirect=["project"],
    ids=["first", "last, multidb", "first, in a context"],
)
def test_flask_migrate_never_drops_the_inbox(project: Project, template: str) -> None:
    """Whichever extension was set up first; and what the app has passed counts too."""
    project.flask("ycloud", "init-db")
    with project.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE legacy (id INTEGER)"))
    project.flask("db", "init", "-t", template)
    told = project.flask("db", "migrate")
    assert "Detected added table 'message'" in told
    assert "removed" not in told
    assert "ycloud" not in project.scripts()
    project.flask("db", "upgrade")
    assert project.tables() == TABLES | {"message", "old", "legacy", "alembic_version"}
    assert "No changes in schema detected" in project.flask("db", "migrate")


def test_every_template_of_flask_migrate_takes_our_arguments() -> None:
    templates = Path(flask_migrate.__file__).parent / "templates"
    found = {each.parent.name: each.read_text() for each in templates.glob("*/env.py")}
    assert {"flask", "flask-multidb", "aioflask"} <= set(found)
    assert all("**conf_args" in each for each in found.values())


def test_what_the_app_removes_is_still_dropped(project: Project) -> None:
    project.flask("ycloud", "init-db")
    project.flask("db", "init")
    project.flask("db", "migrate")
    project.flask("db", "upgrade")
    file = project.folder / "app.py"
    file.write_text(file.read_text().replace("class Old(db.Model)", "class New(db.Model)"))
    told = project.flask("db", "migrate")
    assert "Detected removed table 'old'" in told
    assert "ycloud" not in project.scripts()
    project.flask("db", "upgrade")
    assert project.tables() == TABLES | {"message", "new", "alembic_version"}
    project.flask("db", "check")
    assert "CREATE TABLE message" in project.flask("db", "upgrade", "--sql")


def changes(engine: sa.Engine, **options: Any) -> set[str]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return {each[0] for each in compare_metadata(context, sa.MetaData())}


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_plain_alembic_takes_a_function(make_app: MakeApp, inbox_url: str) -> None:
    database = runtime_of(make_app(YCLOUD_INBOX_URL=inbox_url)).inbox.database
    database.init()
    assert "remove_table" in changes(database._engine)
    assert changes(database._engine, include_name=include_name) == set()


def test_only_tables_of_ours_are_left_out() -> None:
    assert not include_name("ycloud_events", "table", {})
    assert include_name("ycloud_accounts", "table"), "the app's own"
    assert include_name("ycloud_events", "schema")
    assert include_name(None, "schema")


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("own", [None, lambda name, type_, parents: name != "legacy"])
def test_flask_migrate_gets_it_whichever_is_first(first: bool, own: Any) -> None:
    app, migrate = Flask("shop"), flask_migrate.Migrate(include_name=own)
    app.config["YCLOUD_WEBHOOK_SECRET"] = SECRET
    if first:
        app.register_blueprint(ycloud_bp)
    migrate.init_app(app, db=object())
    if not first:
        app.register_blueprint(ycloud_bp)
    function = app.extensions["migrate"].configure_args["include_name"]
    found = {name: function(name, "table", {}) for name in ("ycloud_events", "legacy", "a")}
    assert found == {"ycloud_events": False, "legacy": own is None, "a": True}


def test_a_migrate_without_arguments_is_left_alone(make_app: MakeApp) -> None:
    app = make_app()
    app.extensions["migrate"] = object()
    app.extensions["other"] = object()
    assert set(app.extensions) >= {"migrate", "other", "ycloud"}
