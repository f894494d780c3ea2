"""Empty stores for measurements, which are deleted afterwards."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from flask_ycloud import WebhookBlueprint
from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.runtime import Runtime, runtime_of

from .inbox import SERVER

FOLDER = Path(".benchmarks")  # on the disk to measure
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Store:
    """An empty store for an inbox, or for a compared queue.

    :param kind: ``"sqlite"`` or ``"postgresql"``.
    :param schema: the schema of PostgreSQL; it is deleted at the end.
    :param folder: the folder for files; it is deleted at the end.
    """

    kind: str
    url: str
    schema: str
    folder: Path

    @contextmanager
    def inbox(self, *, lease: float = 3600) -> Iterator[Inbox]:
        """Return an inbox in the store. Its lease is long, so that it never expires."""
        engine = open_engine(self.url)
        try:
            inbox = Inbox(Database(engine), lease=lease)
            inbox.database.init()
            yield inbox
        finally:
            engine.dispose()

    def app(self, **config: Any) -> tuple[Runtime, WebhookBlueprint]:
        """Return an app with its inbox in the store. It handles no events automatically."""
        app = Flask("measured", instance_path=str(self.folder))
        app.config.update(
            YCLOUD_WEBHOOK_SECRET="k", YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=self.url
        )
        app.config.update(config)
        hooks = WebhookBlueprint("ycloud")
        app.register_blueprint(hooks)
        return runtime_of(app), hooks


def kinds() -> list[str]:
    """Return the available stores: SQLite, and PostgreSQL if a server answers."""
    try:
        _execute("SELECT 1")
    except (sa.exc.OperationalError, ModuleNotFoundError):
        print("No PostgreSQL answers on 127.0.0.1:5432: only SQLite is measured.")
        return ["sqlite"]
    return ["sqlite", "postgresql"]


@contextmanager
def scratch(kind: str) -> Iterator[Store]:
    """Create an empty store of a kind."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder, schema = Path(name).absolute(), f"ycloud_bench_{secrets.token_hex(4)}"
        if kind == "sqlite":
            yield Store(kind, f"sqlite:///{folder}/inbox.db", "", folder)
            return
        _execute(f"CREATE SCHEMA {schema}")
        try:
            url = f"{SERVER}?options=-csearch_path%3D{schema}"
            yield Store(kind, url, schema, folder)
        finally:
            _execute(f"DROP SCHEMA {schema} CASCADE")


def _execute(statement: str) -> None:
    engine = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
