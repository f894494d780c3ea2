"""Servers in which threads cannot work: recognised, told once, and with the remedy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import Any

import click
import pytest
from flask.cli import FlaskGroup, ScriptInfo

from flask_ycloud import start
from flask_ycloud.dispatch import servers
from flask_ycloud.dispatch.threads import StartsThreads
from flask_ycloud.dispatch.worker import WorkerDispatcher
from flask_ycloud.inbox import heartbeats
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver, eventually, id_of
from .support import state_of


def install(monkeypatch: pytest.MonkeyPatch, name: str, **names: Any) -> Any:
    module = ModuleType(name)
    vars(module).update(names)
    monkeypatch.setitem(sys.modules, name, module)
    return module


def uwsgi(monkeypatch: pytest.MonkeyPatch, version: str, **opt: Any) -> Any:
    info = tuple(map(int, version.split(".")))
    options = {name.replace("_", "-").encode(): value for name, value in opt.items()}
    return install(
        monkeypatch, "uwsgi", version=version.encode(), version_info=info, opt=options
    )


@pytest.mark.parametrize(
    ("version", "opt", "run"),
    [
        ("2.0.21", {}, False),
        ("2.0.26", {"master": True}, False),
        ("2.0.21", {"enable_threads": True}, True),
        ("2.0.21", {"threads": b"4"}, True),
        ("2.0.27", {}, True),
        ("2.1.0", {}, True),
    ],
)
def test_uwsgi_without_threads(
    monkeypatch: pytest.MonkeyPatch, version: str, opt: dict[str, Any], run: bool
) -> None:
    uwsgi(monkeypatch, version, **opt)
    assert servers.can_start_threads() == run
    trouble = servers.trouble("pysqlite")
    assert (trouble is None) == run
    if trouble is not None:
        assert not trouble.threads_run
        assert version in trouble.text
        assert "--enable-threads" in trouble.text


def test_where_threads_stand_still_none_is_started_and_deliveries_are_stored(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(YCLOUD_DISPATCH="worker")
    with monkeypatch.context() as patch:
        uwsgi(patch, "2.0.21")
        body = body_of()
        assert deliver(app, body).status_code == 200
        assert deliver(app, body_of()).status_code == 200
        dispatcher = runtime_of(app).dispatcher
        assert isinstance(dispatcher, WorkerDispatcher)
        assert not dispatcher.started
        assert not dispatcher._notifying.started
        assert caplog.text.count("Start uWSGI with --enable-threads.") == 1, "once"
        assert app.test_client().get("/ycloud/ready").status_code == 503
        found = call(app, "doctor").output
        assert "Start uWSGI with --enable-threads." in " ".join(found.split())
    restarted = WorkerDispatcher(runtime_of(app), threads=1)
    restarted.start()
    eventually(lambda: state_of(app, id_of(body)) == "done")
    eventually(lambda: heartbeats.troubles(runtime_of(app).inbox) == [])
    restarted.stop()


def test_apaches_sub_interpreters(monkeypatch: pytest.MonkeyPatch) -> None:
    subscribed: list[Any] = []
    apache = install(
        monkeypatch, "mod_wsgi", application_group="", subscribe_shutdown=subscribed.append
    )
    assert servers.trouble("pysqlite") is None
    assert servers.seconds_until_killed() == 3
    del apache.application_group
    assert servers.seconds_until_killed() is None, "it is the package of the same name"
    apache.application_group = "site|"
    trouble = servers.trouble("pysqlite")
    assert trouble is not None
    assert trouble.threads_run
    assert "%{GLOBAL}" in trouble.text
    ended: list[bool] = []
    servers.when_it_ends(lambda: ended.append(True))
    subscribed[0]("process_stopping", reason="")
    assert ended == [True]


def test_with_such_a_trouble_nothing_listens_and_events_are_handled(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(YCLOUD_DISPATCH="worker")
    install(monkeypatch, "mod_wsgi", application_group="site|")
    body = body_of()
    deliver(app, body)
    eventually(lambda: state_of(app, id_of(body)) == "done")
    dispatcher = runtime_of(app).dispatcher
    assert isinstance(dispatcher, WorkerDispatcher)
    assert "ycloud-listener" not in dispatcher._threads


def gevent(monkeypatch: pytest.MonkeyPatch, *, patched: bool = True) -> None:
    install(monkeypatch, "gevent.monkey", is_module_patched=lambda name: patched)


@pytest.mark.parametrize("patched", [True, False])
@pytest.mark.parametrize("in_c", [True, False])
def test_a_psycopg_that_was_imported_before_gevent(
    monkeypatch: pytest.MonkeyPatch, patched: bool, in_c: bool
) -> None:
    gevent(monkeypatch, patched=patched)
    waits = object()
    install(monkeypatch, "psycopg.waiting", wait=waits, wait_c=waits if in_c else object())
    trouble = servers.trouble("psycopg")
    assert (trouble is not None) == (patched and in_c)
    if trouble is not None:
        assert trouble.threads_run
        assert "leave out --preload" in trouble.text
    assert servers.trouble("pysqlite") is None, "another driver"


@pytest.mark.parametrize("callback", [None, lambda connection: None])
def test_psycopg2_without_psycogreen(
    monkeypatch: pytest.MonkeyPatch, callback: Any
) -> None:
    gevent(monkeypatch)
    install(monkeypatch, "psycopg2.extensions", get_wait_callback=lambda: callback)
    trouble = servers.trouble("psycopg2")
    assert (trouble is None) == (callback is not None)


def test_uwsgis_hooks_are_added_to(monkeypatch: pytest.MonkeyPatch) -> None:
    module = uwsgi(monkeypatch, "2.0.31")
    called: list[str] = []
    module.atexit = lambda: called.append("theirs")
    servers.when_it_ends(lambda: called.append("ours"))
    module.atexit()
    assert called == ["ours", "theirs"]
    servers.when_it_serves(lambda: called.append("forked"))
    module.post_fork_hook()
    assert called[2:] == ["forked"]


def test_with_lazy_apps_nothing_says_when_the_app_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = uwsgi(monkeypatch, "2.0.31", lazy_apps=True)
    servers.when_it_serves(lambda: None)
    assert not hasattr(module, "post_fork_hook")


def test_a_master_starts_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    class Job(StartsThreads):
        def _make_jobs(self) -> dict[str, Any]:
            raise AssertionError

    class Arbiter:
        def signal(self, *_: object) -> None: ...

        def setup(self, work: Callable[[], None]) -> None:
            """It loads the app before it handles signals."""
            work()

    def check() -> None:
        assert servers.is_gunicorn_master()
        job = Job()
        job.start()
        assert not job.started

    with monkeypatch.context() as patch:
        install(patch, "gunicorn.arbiter", Arbiter=Arbiter)
        Arbiter().setup(check)
        patch.setattr("signal.getsignal", lambda number: Arbiter().signal)
        check()


def test_an_import_of_gunicorn_makes_no_master(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "gunicorn.arbiter", Arbiter=type("Arbiter", (), {}))
    install(monkeypatch, "gunicorn.workers.base", Worker=type("Worker", (), {}))
    assert not servers.is_gunicorn_master()
    app = make_app(YCLOUD_DISPATCH="worker")
    start(app)
    assert not runtime_of(app).dispatcher.started, "its arbiter may start"  # type: ignore[attr-defined]
    body = body_of()
    deliver(app, body)
    eventually(lambda: state_of(app, id_of(body)) == "done")


def test_a_worker_is_found_if_the_app_handles_sigterm(
    gunicorn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Arbiter:
        def spawn_worker(self, work: Callable[[], None]) -> None:
            work()

    def check() -> None:
        assert servers.gunicorn_worker() == gunicorn
        assert not servers.is_gunicorn_master()
        assert servers.can_start_threads()

    install(monkeypatch, "gunicorn.arbiter", Arbiter=Arbiter)
    monkeypatch.setattr("signal.getsignal", lambda number: lambda *_: None)
    assert servers.gunicorn_worker() is None
    Arbiter().spawn_worker(lambda: gunicorn.run(check))
    with ThreadPoolExecutor() as pool:
        assert pool.submit(servers.gunicorn_worker).result() == gunicorn, "in each thread"
    gunicorn.pid = 1
    assert servers.gunicorn_worker() is None, "a process that it has forked"


def test_a_process_without_a_server_knows_no_limit_and_no_stop() -> None:
    assert servers.seconds_until_killed() is None
    assert servers.told_to_stop() is None
    assert servers.gunicorn_worker() is None


@pytest.fixture
def gunicorn(monkeypatch: pytest.MonkeyPatch) -> Any:
    class Worker:
        def __init__(self) -> None:
            self.alive, self.booted, self.pid = True, False, os.getpid()
            self.cfg = SimpleNamespace(graceful_timeout=30, timeout=0)

        def handle_exit(self, *_: object) -> None:
            self.alive = False

        def run(self, work: Callable[[], None]) -> None:
            work()

    install(monkeypatch, "gunicorn.workers.base", Worker=Worker)
    install(monkeypatch, "gunicorn.arbiter")
    worker = Worker()
    monkeypatch.setattr("signal.getsignal", lambda number: worker.handle_exit)
    return worker


def test_a_worker_of_gunicorn_says_when_it_serves_and_when_it_stops(gunicorn: Any) -> None:
    assert servers.gunicorn_worker() == gunicorn
    assert not servers.is_gunicorn_master()
    assert servers.seconds_until_killed() == 30
    gunicorn.cfg.timeout = 10
    assert servers.seconds_until_killed() == 10
    stops = servers.told_to_stop()
    assert stops is not None
    assert not stops()
    gunicorn.alive = False
    assert stops()
    started: list[bool] = []
    servers.when_it_serves(lambda: started.append(True))
    gunicorn.booted = True
    eventually(lambda: started == [True])


def test_a_master_starts_the_handling_in_its_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hooks: list[Any] = []
    monkeypatch.setattr(
        "os.register_at_fork", lambda *, after_in_child: hooks.append(after_in_child)
    )
    monkeypatch.setattr(servers, "_BOOT_SECONDS", 0.0)
    install(monkeypatch, "gunicorn.arbiter")
    servers.when_it_serves(lambda: None)
    assert len(hooks) == 1
    hooks[0]()
    install(monkeypatch, "gunicorn.workers.ggevent")
    monkeypatch.setattr(servers, "_start_when_booted", lambda start: pytest.fail("gevent"))
    hooks[0]()


def test_a_worker_that_never_boots_is_not_waited_for(
    gunicorn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_BOOT_SECONDS", 0.0)
    servers.when_it_serves(lambda: pytest.fail("it has not booted"))


def test_uvicorn_says_when_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    class Server:
        should_exit = False

        def handle_exit(self, *_: object) -> None: ...

    server = Server()
    monkeypatch.setattr("signal.getsignal", lambda number: server.handle_exit)
    stops = servers.told_to_stop()
    assert stops is not None
    assert not stops()
    server.should_exit = True
    assert stops()


@pytest.mark.parametrize(("name", "is_one"), [("routes", True), ("run", False)])
def test_a_command_of_flask_is_no_server(
    make_app: MakeApp, name: str, is_one: bool
) -> None:
    flask = click.Context(FlaskGroup(), info_name="flask")
    with flask, click.Context(click.Command(name), parent=flask, info_name=name):
        assert servers.is_a_command() == is_one
        app = make_app(YCLOUD_DISPATCH="worker")
        start(app)
    assert runtime_of(app).dispatcher.started == (not is_one)  # type: ignore[attr-defined]


def test_the_body_of_a_command_may_start_the_handling(make_app: MakeApp) -> None:
    """As a command of the app does that serves."""
    app, other = make_app(YCLOUD_DISPATCH="worker"), make_app(YCLOUD_DISPATCH="worker")
    info = ScriptInfo(create_app=lambda: app)
    flask = click.Context(FlaskGroup(), info_name="flask", obj=info)
    serve = click.Context(click.Command("serve"), parent=flask, info_name="serve")
    with flask, serve, app.app_context():
        start(app)
        assert not runtime_of(app).dispatcher.started, "it is being loaded"  # type: ignore[attr-defined]
        info.load_app()
        start(app)
        start(other)
    assert runtime_of(app).dispatcher.started  # type: ignore[attr-defined]
    assert not runtime_of(other).dispatcher.started  # type: ignore[attr-defined]


def test_a_command_of_another_program_may_be_one() -> None:
    with click.Context(click.Group(), info_name="serve"):
        assert not servers.is_a_command()
