"""Quiet: what an idle process asks, what it holds, and how soon it is woken."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flask_ycloud import on_event
from flask_ycloud.dispatch import WorkerDispatcher
from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.inbox.driver import Statement
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..processes import Sender, Server, Site, bodies
from ..support import body_of, deliver, eventually, id_of
from .support import TYPE, state_of


def test_an_idle_process_asks_at_most_once_a_second(
    make_app: MakeApp, inbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    # Of which there are a few statements, each twenty seconds.
    monkeypatch.setattr("flask_ycloud.dispatch.worker.BEAT_EVERY_SECONDS", 1000.0)
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_INBOX_URL=inbox_url)
    engine = runtime_of(app).inbox.database._engine
    really_run = Statement.run

    def run(statement: Statement, tx: Any, values: Any) -> Any:
        if tx.engine.url == engine.url:
            asked.append("by the driver")
        return really_run(statement, tx, values)

    monkeypatch.setattr(Statement, "run", run)
    sa.event.listen(engine, "before_cursor_execute", lambda *about: asked.append(about[2]))
    on_event(TYPE, name="one")(lambda event: None)
    body = body_of()
    deliver(app, body)
    eventually(lambda: state_of(app, id_of(body)) == "done")
    time.sleep(0.5)  # what follows the last event
    asked.clear()
    time.sleep(3.0)
    assert 1 <= len(asked) <= 2, asked


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_the_workers_of_a_process_hold_few_connections(
    make_app: MakeApp, inbox_url: str
) -> None:
    """One fetches, one saves, one listens. The pool keeps up to five, of 16 threads."""
    name = f"ycloud_{time.monotonic_ns():x}"
    url = f"{inbox_url}&application_name={name}"
    web = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=url)
    dispatcher = WorkerDispatcher(runtime_of(app), threads=16)
    on_event(TYPE, name="one")(lambda event: time.sleep(0.002))
    sent = [body_of(sms={"id": f"sms_{number}"}) for number in range(300)]
    dispatcher.start()
    for body in sent:
        deliver(web, body)
    eventually(lambda: state_of(web, id_of(sent[-1])) == "done")
    query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
    held = runtime_of(web).inbox.database.read(
        lambda tx: tx.execute(query, {"name": name}).scalar_one()
    )
    dispatcher.stop()
    assert held <= 5


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_a_process_that_only_accepts_holds_few_connections(
    make_app: MakeApp, inbox_url: str
) -> None:
    """One accepts for all threads, one notifies. The pool keeps up to five."""
    name = f"ycloud_{time.monotonic_ns():x}"
    url = f"{inbox_url}&application_name={name}"
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=url)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: deliver(app, body_of()).status_code, range(300)))
    assert answers == [200] * 300
    query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
    held = runtime_of(app).inbox.database.read(
        lambda tx: tx.execute(query, {"name": name}).scalar_one()
    )
    assert held <= 5


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_a_lone_accept_is_one_round_trip(
    inbox_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in what libpq notes of its messages."""
    inbox = Inbox(Database(open_engine(inbox_url), owned=True))

    def accept(number: int) -> None:
        event_id, key = f"evt_{number}", f"k{number}"
        inbox.accept(event_id, b"{}", endpoint="ycloud", event_type="t", names=(key,))

    for number in range(6):  # until it is prepared
        accept(number)
    with (tmp_path / "messages").open("w+") as messages:
        with inbox.database._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.pgconn.trace(messages.fileno())
        for number in range(6, 14):
            accept(number)
            # The next ones as after a pause.
            monkeypatch.setattr("flask_ycloud.inbox.postgresql._IDLE_SECONDS", 0)
        driver.pgconn.untrace()
        messages.seek(0)
        kinds = [line.split("\t")[3].strip() for line in messages if "\tF\t" in line]
    assert kinds.count("Sync") + kinds.count("Query") == 8, kinds


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_an_accept_survives_connections_that_were_lost_meanwhile(inbox_url: str) -> None:
    """As after a restart of the server: it is sent again on another one, at once."""
    inbox = Inbox(Database(open_engine(inbox_url), owned=True))
    with ThreadPoolExecutor(4) as pool:  # several connections, all of which are lost
        list(pool.map(lambda number: inbox.stats() and inbox.get(str(number)), range(8)))
    inbox.accept("evt_0", b"{}", endpoint="ycloud", event_type="t")
    end = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND query LIKE '%ycloud_events%'"
        " AND datname = current_database() AND state = 'idle'"
    )
    with sa.create_engine(inbox_url, poolclass=sa.NullPool).begin() as other:
        assert len(other.execute(end).all()) >= 1
    assert inbox.accept("evt_1", b"{}", endpoint="ycloud", event_type="t")


@contextmanager
def worker_beside(server: Server) -> Iterator[None]:
    """A ``flask ycloud worker`` with the app of a server."""
    command = [sys.executable, "-m", "flask", "--app", "served_app", "ycloud", "worker"]
    environ = server.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=server.folder, env=environ, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().startswith("Handling events.")
        try:
            yield
        finally:
            worker.terminate()
            worker.stdout.read()


def test_an_accept_wakes_an_idle_worker_beside_the_web(site: Site) -> None:
    """On SQLite, too: a look by the clock would be late nearly each time."""
    server = site.serve("--workers", "1", "--threads", "2", FLASK_YCLOUD_DISPATCH="manual")
    sender = Sender(server.port)
    with worker_beside(server):
        sender.send(bodies(3))
        eventually(lambda: len(server.runs()) == 3)
        late = 0
        for number in range(4, 14):
            time.sleep(0.1)  # it is idle, and waits
            sender.send(bodies(1))
            accepted = time.monotonic()
            eventually(partial(has_run, server, number))
            late += time.monotonic() - accepted > 0.5
    assert late <= 5, "by the clock, three in four would be"


def has_run(server: Server, times: int) -> bool:
    return len(server.runs()) == times
