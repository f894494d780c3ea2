"""``YCLOUD_INBOX_URL`` → a SQLAlchemy engine that commits durably."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import AssertionPool, Pool, StaticPool

from ..errors import ConfigurationError
from . import postgresql, sqlite

_LOG = "ycloud"


def _is_no_row(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


# SQLAlchemy logs the rows that it fetches, at DEBUG.
logging.getLogger(f"sqlalchemy.engine.Engine.{_LOG}").addFilter(_is_no_row)


def open_engine(where: str | URL | Engine, folder: str | Path = ".") -> Engine:
    """The engine for ``YCLOUD_INBOX_URL``. It connects at its first use.

    :param where: a database URL, or an engine of the app.
    :param folder: the folder for a relative path of an SQLite file.
    :raises ConfigurationError: if the database cannot hold the inbox.
    """
    if isinstance(where, Engine):
        _check(where.url)
        _check_pool(where.pool)
        return where
    try:
        if not isinstance(where, (str, URL)):
            raise ArgumentError
        return _made(postgresql.with_driver(sa.make_url(where)), folder)
    except (ArgumentError, NoSuchModuleError, ValueError):
        # From None, and without the value: a URL may contain a password.
        raise ConfigurationError(
            f"YCLOUD_INBOX_URL, a {type(where).__name__}, is not a database URL. It takes"
            " sqlite:///path, postgresql+psycopg://user@host/database, an Engine, or a"
            " function that returns one of them."
        ) from None
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f"YCLOUD_INBOX_URL needs the module {missing.name!r}, which is not installed."
            " For PostgreSQL: pip install 'flask-ycloud[postgresql]'."
        ) from None


def same_database(one: Engine, other: Engine) -> bool:
    """Whether two engines use the same tables, judging by their URLs."""
    return one is other or _place(one.url) == _place(other.url)


def shown(engine: Engine) -> str:
    """The driver, host, port and name of a database, or the path of an SQLite file.

    The rest of its URL may be secret.
    """
    url = engine.url
    if url.get_backend_name() == "sqlite":
        # SQLAlchemy before 2.1 leaves what is percent-encoded as it is.
        path, *_ = re.split(r"\?|%3F", url.database or "", flags=re.IGNORECASE)
        return f"{url.drivername}:///{path}"
    database = url.database or _in_query(url, "dbname")
    if re.search(r"=|://", unquote(database)):  # libpq accepts a complete URL there, too
        database = "…"
    host = url.host or _in_query(url, "host") or _in_query(url, "hostaddr")
    port = str(url.port or _in_query(url, "port"))
    return f"{url.drivername}://{host}{port and ':'}{port}/{database}"


def _in_query(url: URL, name: str) -> str:
    found = url.query.get(name, "")
    return found if isinstance(found, str) else ",".join(found)


def _place(url: URL) -> tuple[Any, ...]:
    if url.get_backend_name() == "sqlite":
        return (os.path.realpath(url.database or ""),)
    query = url.query
    host, port = url.host or query.get("host"), url.port or query.get("port") or 5432
    return host, str(port), url.database or url.username, query.get("options")


def _made(url: URL, folder: str | Path) -> Engine:
    _check(url)
    # Errors and logs must not show a body.
    options: dict[str, Any] = {"hide_parameters": True, "logging_name": _LOG}
    if url.get_backend_name() == "sqlite":
        # An absolute path is not changed.
        url = url.set(database=str(Path(folder) / (url.database or "")))
        engine = sa.create_engine(url, **options)
        sqlite.prepare(engine)
        return engine
    engine = sa.create_engine(url, **options, **postgresql.engine_options(url))
    postgresql.prepare(engine)
    return engine


def _check_pool(pool: Pool) -> None:
    if isinstance(pool, (StaticPool, AssertionPool)):
        raise ConfigurationError(
            f"The engine in YCLOUD_INBOX_URL has a {type(pool).__name__}: one connection,"
            " which threads cannot share. Leave out poolclass=."
        )


def _check(url: URL) -> None:
    backend = url.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise ConfigurationError(
            f"YCLOUD_INBOX_URL is a database of {backend!r}. It takes SQLite or PostgreSQL."
        )
    memory = ":memory:" in (url.database or ":memory:") or url.query.get("mode") == "memory"
    if backend == "sqlite" and memory:
        raise ConfigurationError(
            "YCLOUD_INBOX_URL is an SQLite database in memory, which ends with the process."
            " Give it a file. For tests leave it unset: app.testing then uses a temporary"
            " file."
        )
