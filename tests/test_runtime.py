"""What an app has, and when it comes to be."""

from __future__ import annotations

import gc
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy

from flask_ycloud import ConfigurationError, WebhookBlueprint, current_inbox, ycloud_bp
from flask_ycloud.dispatch.inline import InlineDispatcher
from flask_ycloud.dispatch.manual import ManualDispatcher
from flask_ycloud.dispatch.worker import WorkerDispatcher
from flask_ycloud.runtime import runtime_of

from .conftest import MakeApp
from .support import SECRET, body_of, call, deliver, eventually


def test_without_an_endpoint_the_inbox_says_how_to_register_one() -> None:
    app = Flask("bare")
    with app.app_context(), pytest.raises(ConfigurationError, match="register_blueprint"):
        current_inbox.stats()


def test_current_inbox_is_the_current_apps(make_app: MakeApp) -> None:
    one, two = make_app(), make_app()
    deliver(one, body_of())
    with one.app_context():
        assert len(current_inbox.list()) == 1
    with two.app_context():
        assert len(current_inbox.list()) == 0


def test_under_testing_the_store_is_a_scratch_one(make_app: MakeApp) -> None:
    """And the instance folder stays as it is, even if testing is switched on late."""
    app = make_app(TESTING=False)
    app.testing = True
    deliver(app, body_of())
    assert not Path(app.instance_path).exists()
    runtime = runtime_of(app)
    assert isinstance(runtime.dispatcher, InlineDispatcher)
    assert "/ycloud-" in str(runtime.inbox.database._engine.url.database)


def test_a_scratch_store_goes_with_its_app() -> None:
    app = Flask("short-lived")
    app.config.update(YCLOUD_WEBHOOK_SECRET=SECRET, TESTING=True)
    app.register_blueprint(ycloud_bp)
    deliver(app, body_of())
    engine = runtime_of(app).inbox.database._engine
    file = Path(str(engine.url.database))
    assert file.exists()
    lent = engine.raw_connection()
    driver = lent.driver_connection
    assert driver is not None
    lent.close()
    del app
    gc.collect()
    assert not file.parent.exists()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):  # and so do its files
        driver.execute("SELECT 1")


def test_otherwise_it_is_in_the_instance_folder(make_app: MakeApp) -> None:
    app = make_app(TESTING=False)
    deliver(app, body_of())
    assert (Path(app.instance_path) / "ycloud.db").exists()
    assert isinstance(runtime_of(app).dispatcher, WorkerDispatcher)


def test_the_apps_own_engine_is_used_and_left_alone(
    make_app: MakeApp, tmp_path: Path
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/app.db")
    app = make_app(YCLOUD_INBOX_URL=engine, YCLOUD_DISPATCH="manual")
    assert deliver(app, body_of()).status_code == 200
    assert isinstance(runtime_of(app).dispatcher, ManualDispatcher)
    with engine.connect() as connection:
        assert (
            connection.exec_driver_sql("SELECT count(*) FROM ycloud_events").scalar() == 1
        )
    engine.dispose()


def test_a_function_gives_the_url_or_the_engine_at_the_first_use(
    make_app: MakeApp, tmp_path: Path
) -> None:
    """In an app context, which is not there yet when the blueprint is registered."""
    asked: list[str] = []
    engine = sa.create_engine(f"sqlite:///{tmp_path}/app.db")

    def engine_of() -> sa.Engine:
        asked.append(current_app.name)
        return engine

    app = make_app(YCLOUD_INBOX_URL=engine_of)
    assert asked == []
    assert call(app, "stats").exit_code == 0
    deliver(app, body_of())
    assert asked == [app.name]
    assert runtime_of(app).inbox.database.is_in(engine)
    engine.dispose()
    other = make_app(YCLOUD_INBOX_URL=lambda: "sqlite:///of_a_function.db")
    deliver(other, body_of())
    assert (Path(other.instance_path) / "of_a_function.db").exists()


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: None, "YCLOUD_INBOX_URL, a NoneType, .* or a function"),
        (lambda: "mysql://h/d", "YCLOUD_INBOX_URL is a database of 'mysql'"),
        (lambda: 1 / 0, "ZeroDivisionError at .*test_runtime.py:\\d+ in <lambda>. It is"),
        (lambda app: app, "it raised TypeError. It is .*takes no argument.$"),
        (lambda: SQLAlchemy().engine, "RuntimeError at .* in <lambda>.*db.init_app"),
    ],
)
def test_a_function_that_gives_none_says_what_to_do(
    make_app: MakeApp, function: object, said: str
) -> None:
    app = make_app(YCLOUD_INBOX_URL=function, PROPAGATE_EXCEPTIONS=False)
    with pytest.raises(ConfigurationError, match=said):
        _ = runtime_of(app).inbox
    result = call(app, "stats")
    assert result.exit_code == 1
    assert result.output.startswith("Error: YCLOUD_INBOX_URL")
    assert deliver(app, body_of()).status_code == 503, "so YCloud sends it again"


@pytest.mark.parametrize(
    ("key", "value"), [("YCLOUD_INBOX_URL", "mysql://h/d"), ("YCLOUD_LEASE_SECONDS", 0)]
)
def test_a_wrong_setting_means_no_start(make_app: MakeApp, key: str, value: object) -> None:
    app = Flask("wrong")
    app.config.update({"YCLOUD_WEBHOOK_SECRET": "s", key: value})
    with pytest.raises(ConfigurationError, match=key):
        app.register_blueprint(ycloud_bp)


def test_two_endpoints_of_one_name_are_refused(make_app: MakeApp) -> None:
    app = make_app(WebhookBlueprint("eu"))
    with pytest.raises(ConfigurationError, match="two WebhookBlueprints named 'eu'"):
        app.register_blueprint(WebhookBlueprint("eu"), name="other")


def test_another_dispatcher_takes_the_place_of_the_first(make_app: MakeApp) -> None:
    runtime = runtime_of(make_app(YCLOUD_DISPATCH="worker"))
    before = set(threading.enumerate())
    first = runtime.dispatcher
    first.start()
    threads = set(threading.enumerate()) - before
    runtime.dispatch_with(ManualDispatcher)
    assert isinstance(runtime.dispatcher, ManualDispatcher)
    assert isinstance(first, WorkerDispatcher)
    assert threads
    eventually(lambda: not any(each.is_alive() for each in threads))
