"""Fixtures of all rooms: apps, stores, and a clean set of handlers for each test."""

from __future__ import annotations

import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from flask_ycloud.handlers import everywhere
from flask_ycloud.runtime import runtime_of
from flask_ycloud.web import WebhookBlueprint, ycloud_bp

from .processes import Site
from .support import SECRET
from .ycloud_api import YCloudAPI, serving

MakeApp = Callable[..., Flask]

# A shell that starts the tests with "&" ignores Ctrl-C for them, and so for their servers.
signal.signal(signal.SIGINT, signal.default_int_handler)

#: Which of several test processes this is.
WORKER = os.environ.get("PYTEST_XDIST_WORKER")

# Servers under test are killed before they could write what they have covered.
# Commands that end by themselves are given it back.
COVERING: dict[str, str] = {}
if WORKER is not None:
    for _name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        if _name in os.environ:
            COVERING[_name] = os.environ.pop(_name)


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    """Subscriptions are global: take off what a test put on."""
    yield
    everywhere._by_name.clear()
    for each in everywhere.signals._namespace.values():
        each._clear_state()


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    """Make apps with an endpoint; their threads end with the test."""
    made: list[Flask] = []

    def make(*blueprints: WebhookBlueprint, **config: Any) -> Flask:
        app = Flask(f"app{len(made)}", instance_path=str(tmp_path / f"instance{len(made)}"))
        app.config.update({"YCLOUD_WEBHOOK_SECRET": SECRET, "TESTING": True, **config})
        for blueprint in blueprints or (ycloud_bp,):
            app.register_blueprint(blueprint)
        made.append(app)
        return app

    yield make
    for app in made:
        runtime_of(app).dispatcher.stop()
        runtime_of(app).log_limit.flush()  # not in the middle of another test


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """An app under test, as a user has it: inline, with a scratch store."""
    return make_app()


@pytest.fixture(params=["sqlite", "postgresql"])
def inbox_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, empty store of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/inbox.db"
    else:
        yield from _postgresql_schema()


_connections: dict[str, psycopg.Connection] = {}


def _connected(database: str) -> psycopg.Connection:
    """One connection for all tests: to connect takes longer than what is done with it."""
    if database not in _connections:
        connection = psycopg.connect(
            host="127.0.0.1", user="postgres", dbname=database, autocommit=True
        )
        connection.execute("SET synchronous_commit = off")
        _connections[database] = connection
    return _connections[database]


def _disconnect() -> None:
    while _connections:
        _connections.popitem()[1].close()


def do_on_postgresql(statement: str, database: str = "test") -> None:
    """Run a statement outside of any transaction."""
    _connected(database).execute(statement.encode())


@cache
def _postgresql_database() -> str:
    """One for each test process: NOTIFY reaches a whole database."""
    needs("PostgreSQL", 5432)
    if WORKER is None:
        return "test"
    name = f"ycloud_tests_{WORKER}_{os.getpid()}"
    do_on_postgresql(f"CREATE DATABASE {name}")
    return name


def pytest_sessionfinish() -> None:
    _disconnect()  # a test may have ended the connections
    if WORKER is not None and _postgresql_database.cache_info().currsize:
        do_on_postgresql(f"DROP DATABASE {_postgresql_database()} WITH (FORCE)")
        _disconnect()


def _postgresql_schema() -> Iterator[str]:
    database, name = _postgresql_database(), f"ycloud_{uuid.uuid4().hex}"
    do_on_postgresql(f"CREATE SCHEMA {name}", database)
    server = f"postgresql+psycopg://postgres@127.0.0.1/{database}"
    yield f"{server}?options=-csearch_path%3D{name}"
    do_on_postgresql(f"DROP SCHEMA {name} CASCADE", database)


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A fresh, empty store on PostgreSQL."""
    yield from _postgresql_schema()


@pytest.fixture
def site(tmp_path: Path, inbox_url: str) -> Iterator[Site]:
    """A place for a real server, over each kind of store."""
    made = Site(tmp_path, inbox_url)
    yield made
    made.close()


@pytest.fixture
def account() -> YCloudAPI:
    """An account at a server that speaks YCloud's API."""
    return YCloudAPI()


@pytest.fixture
def base_url(account: YCloudAPI) -> Iterator[str]:
    with serving(account) as url:
        yield url


class Clock:
    """Unix seconds that a test moves by hand."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def needs(service: str, port: int) -> None:
    """Skip without a service; in CI, where it must be, fail."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        reason = f"{service} does not answer on 127.0.0.1:{port}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
