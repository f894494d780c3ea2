"""The table of servers in "Deploying", row by row: the servers themselves, over HTTP."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flask_ycloud.inbox import Database, Inbox, open_engine

from .processes import Sender, Server, Site, answers, bodies, get, post
from .support import eventually, id_of

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Row:
    """How a server is started, and what it does.

    :param module: what must be installed; of Apache, its command.
    :param serves_on: whether it answers requests while it drains.
    :param starts: whether it handles due events before the first request; for ASGI
        servers the module says so.
    :param processes: that handle events.
    """

    module: str
    command: str
    serves_on: bool = True
    starts: bool = False
    processes: int = 1


ROWS = {
    "gunicorn sync": Row("gunicorn", "gunicorn -b {host} {app}", False, True),
    "gunicorn gthread": Row(
        "gunicorn", "gunicorn -b {host} --threads 4 {app}", False, True
    ),
    "gunicorn gevent": Row("gevent", "gunicorn -b {host} -k gevent {app}", False, True),
    "gunicorn preload": Row(
        "gunicorn", "gunicorn -b {host} --threads 4 --preload {app}", False, True
    ),
    "gunicorn with uvicorn's worker": Row(
        "uvicorn_worker",
        "gunicorn -b {host} -k uvicorn_worker.UvicornWorker asgi_app:app",
        False, True,
    ),
    "gunicorn from Python": Row("gunicorn", "python own_gunicorn.py {host}", False, True),
    "uWSGI": Row(
        "pyuwsgi",
        "uwsgi --http-socket {host} --module {app} --master --die-on-term",
        False, True,
    ),
    "waitress": Row("waitress", "waitress-serve --listen {host} {app}"),
    "waitress with an import of gunicorn": Row(
        "waitress", "waitress-serve --listen {host} own_gunicorn:app"
    ),
    "waitress by a command": Row(
        "waitress", "flask --app own_command serve {host}", starts=True
    ),
    "granian": Row("granian", "granian --interface wsgi --port {port} {app}", False),
    "uvicorn": Row("uvicorn", "uvicorn --port {port} asgi_app:app", False, True),
    "uvicorn with two workers": Row(
        "uvicorn",
        "uvicorn --port {port} --workers 2 asgi_app:app",
        False, True, processes=2,
    ),
    "hypercorn": Row("hypercorn", "hypercorn -b {host} asgi_app:app", False, True),
    "cheroot": Row("cheroot", "cheroot --bind {host} {app}"),
    "flask run": Row("flask", "flask --app served_app run -p {port}"),
    "mod_wsgi": Row("apache2", "apache2 -DFOREGROUND -f {folder}/apache.conf", False),
}  # fmt: skip

ASGI = """\
import flask_ycloud
from a2wsgi import WSGIMiddleware
from served_app import app as flask_app
flask_ycloud.start(flask_app)
app = WSGIMiddleware(flask_app)
"""

#: Gunicorn's documented way to start it from Python.
OWN_GUNICORN = """\
import sys
import flask_ycloud
from gunicorn.app.base import BaseApplication
from served_app import app
flask_ycloud.start(app)

class Standalone(BaseApplication):
    def load_config(self):
        self.cfg.set("bind", sys.argv[1])
        self.cfg.set("threads", 4)

    def load(self):
        return app

if __name__ == "__main__":
    Standalone().run()
"""

OWN_COMMAND = """\
import click, flask_ycloud, waitress
from served_app import app

@app.cli.command()
@click.argument("host")
def serve(host):
    flask_ycloud.start(app)
    waitress.serve(app, listen=host)
"""

WSGI = """\
import os, sys
sys.path.insert(0, {folder!r})
os.environ.update({environ!r})
from served_app import app as application
"""

APACHE = """\
ServerRoot {folder}
PidFile {folder}/pid
Listen {host}
ServerName localhost
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule wsgi_module /usr/lib/apache2/modules/mod_wsgi.so
User {user}
Group {group}
ErrorLog {folder}/log
WSGIDaemonProcess site threads=4 python-home={home}
WSGIScriptAlias / {folder}/site.wsgi process-group=site application-group=%{{GLOBAL}}
<Directory {folder}>
    Require all granted
</Directory>
"""


class Served(Server):
    """An app on the server of one row."""

    def __init__(self, folder: Path, row: Row, **environ: str) -> None:
        super().__init__(folder, LOG="1", **environ)
        self.row = row
        self.host = f"127.0.0.1:{self.port}"
        (folder / "asgi_app.py").write_text(ASGI)
        (folder / "own_gunicorn.py").write_text(OWN_GUNICORN)
        (folder / "own_command.py").write_text(OWN_COMMAND)
        if row.module == "apache2":
            self._write_apache()

    def command(self) -> list[str]:
        first, *others = self.row.command.split()
        command = str(BIN / first) if (BIN / first).exists() else first
        places = {"host": self.host, "port": self.port, "folder": self.folder}
        return [command, *(each.format(app="served_app:app", **places) for each in others)]

    def _write_apache(self) -> None:
        self.folder.chmod(0o777)
        for each in self.folder.parents:
            if each.owner() == "root" and each.name.startswith(
                ("pytest-", "popen-", "test_")
            ):
                each.chmod(0o755)  # Apache's processes run as another user
        ours = {each: self.environ[each] for each in self.environ if each not in os.environ}
        text = WSGI.format(folder=str(self.folder), environ=ours)
        (self.folder / "site.wsgi").write_text(text)
        text = APACHE.format(
            folder=self.folder, host=self.host, home=BIN.parent, user="nobody",
            group="nogroup",
        )  # fmt: skip
        (self.folder / "apache.conf").write_text(text)

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self) -> int:
        assert self.process is not None
        status = self.process.wait(30)
        self.process = None
        return status


def check_installed(row: Row) -> None:
    if row.module == "apache2":
        if shutil.which("apache2") is None or os.getuid() != 0:
            pytest.skip("Apache is not installed, or may not be started by this user")
        modules = Path("/usr/lib/apache2/modules/mod_wsgi.so")
        version = subprocess.run(["/usr/bin/python3", "-V"], capture_output=True, text=True)
        ours = f"Python {sys.version_info[0]}.{sys.version_info[1]}."
        if not modules.exists() or not version.stdout.startswith(ours):
            pytest.skip("mod_wsgi is not installed for this version of Python")
    elif importlib.util.find_spec(row.module) is None:
        pytest.skip(f"{row.module} is not installed: make servers")


class Place:
    """Where the inbox of a served app is, and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "site"
        self.folder.mkdir()
        self.url = f"sqlite:///{self.folder}/inbox.db"
        self.engine = open_engine(self.url)
        self.inbox = Inbox(Database(self.engine))
        self.server: Served | None = None

    def serve(self, name: str, **environ: str) -> Served:
        row = ROWS[name]
        check_installed(row)
        environ = {
            "FLASK_YCLOUD_INBOX_URL": self.url,
            "FLASK_YCLOUD_LEASE_SECONDS": "60",
            "FLASK_YCLOUD_WORKER_THREADS": str(4 // row.processes),
            **environ,
        }
        self.server = Served(self.folder, row, **environ)
        return self.server

    def close(self) -> None:
        if self.server is not None and self.server.process is not None:
            self.server.kill()
        self.engine.dispose()

    def states(self) -> tuple[int, int, int]:
        """How many events wait, run, and are done."""
        events = self.inbox.list(limit=1000)
        states = [event.state for event in events]
        return tuple(map(states.count, ("pending", "running", "done")))  # type: ignore[return-value]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def deliver_six(server: Served) -> None:
    """Six events for four threads; wait until four handlers hang."""
    server.hang_file.touch()
    server.start()
    for body in bodies(6):
        assert post(server.port, body)[0] == 200
    eventually(lambda: len(server.runs()) == 4)
    # uWSGI does not run its hook if it ends while a request is not quite over.
    eventually(lambda: get(server.port) == 404)
    time.sleep(0.1)


@pytest.mark.parametrize("name", ROWS)
def test_on_sigterm_running_handlers_finish_and_nothing_new_is_claimed(
    name: str, place: Place
) -> None:
    # Two loops of asyncio do not run at once in one thread of gevent.
    server = place.serve(name, POOL="gevent" if "gevent" in name else "asyncio")
    deliver_six(server)
    assert server.process is not None
    server.process.terminate()
    threads, processes = 4 // server.row.processes, server.row.processes
    running = "1 handler is" if threads == 1 else f"{threads} handlers are"
    fetches_no_more = f"it fetches no more events. {running} running"
    eventually(lambda: server.said.count(fetches_no_more) == processes)
    if server.row.serves_on:
        assert answers(server.port), "requests are answered meanwhile"
        assert post(server.port, bodies(1)[0])[0] == 200
    server.hang_file.unlink()
    server.wait()
    assert "no event is left over" in server.said
    assert "Traceback" not in server.said
    assert len(server.runs()) == 4
    assert place.states() == (3 if server.row.serves_on else 2, 0, 4)


@pytest.mark.parametrize("name", [each for each in ROWS if ROWS[each].starts])
def test_due_events_are_handled_after_a_restart_without_a_request(
    name: str, place: Place
) -> None:
    server = place.serve(name)
    event = bodies(1)[0]
    place.inbox.accept(id_of(event), event, endpoint="ycloud", event_type="contact.created")
    # Not by start(), which waits for an answer.
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            server.command(), cwd=server.folder, env=server.environ, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    eventually(lambda: server.runs() == [id_of(event)], seconds=20)


@pytest.mark.parametrize("name", ["waitress", "flask run", "cheroot"])
def test_a_second_sigterm_gives_back_what_still_runs(name: str, place: Place) -> None:
    server = place.serve(name)
    deliver_six(server)
    assert server.process is not None
    server.process.terminate()
    eventually(lambda: "4 handlers are running and have 25 s" in server.said)
    server.process.terminate()
    server.wait()
    assert "released 4 events that still ran" in server.said
    assert place.states() == (6, 0, 0)


@pytest.mark.parametrize("name", ["flask run", "waitress", "gunicorn sync"])
def test_a_second_ctrl_c_gives_back_what_still_runs(name: str, place: Place) -> None:
    server = place.serve(name)
    deliver_six(server)
    assert server.process is not None
    # As a terminal does it: to all processes.
    os.killpg(server.process.pid, signal.SIGINT)
    eventually(lambda: "4 handlers are running" in server.said)
    os.killpg(server.process.pid, signal.SIGINT)
    server.wait()
    assert "released 4 events that still ran" in server.said
    assert place.states() == (6, 0, 0)


@pytest.mark.parametrize("name", ["gunicorn gthread", "waitress"])
def test_the_drain_ends_after_its_seconds(name: str, place: Place) -> None:
    server = place.serve(name, FLASK_YCLOUD_DRAIN_SECONDS="0.2")
    deliver_six(server)
    assert server.process is not None
    server.process.terminate()
    server.wait()
    assert "4 handlers are running and have 0.2 s" in server.said
    assert "released 4 events that still ran" in server.said
    assert place.states() == (6, 0, 0)


def test_gunicorn_is_not_waited_for_longer_than_it_waits(place: Place) -> None:
    ROWS["brief"] = Row(
        "gunicorn", "gunicorn -b {host} --threads 4 --graceful-timeout 2 {app}", False
    )
    try:
        server = place.serve("brief")
    finally:
        del ROWS["brief"]
    deliver_six(server)
    assert server.process is not None
    server.process.terminate()
    server.wait()
    assert "running and have 0.5 s" in server.said
    assert place.states() == (6, 0, 0)


def test_requests_are_answered_while_a_worker_drains_for_max_requests(place: Place) -> None:
    ROWS["recycled"] = Row(
        "gunicorn", "gunicorn -b {host} --threads 4 --max-requests 8 {app}", False
    )
    try:
        server = place.serve("recycled")
    finally:
        del ROWS["recycled"]
    deliver_six(server)
    first = {pid for _, _, pid in server.notes()}
    eventually(lambda: get(server.port) == 404 and "4 handlers are running" in server.said)
    for _ in range(5):
        before = time.monotonic()
        assert get(server.port) == 404
        assert time.monotonic() - before < 3, "it does not wait for the handlers"
    server.hang_file.unlink()
    eventually(lambda: place.states() == (0, 0, 6))
    assert first < {pid for _, _, pid in server.notes()}, "the next one handled the rest"
    assert server.doubled() == []
    assert len(server.runs()) == 6


def test_with_a_long_request_nothing_new_is_claimed_either(place: Place) -> None:
    """The server waits for the request; the handling of events does not."""
    server = place.serve("gunicorn gthread")
    deliver_six(server)
    long_file = server.folder / "runs.long"
    long_file.touch()
    answered: list[int] = []
    request = threading.Thread(target=lambda: answered.append(get(server.port, "/long")))
    request.start()
    eventually(lambda: "The long request runs." in server.said)
    assert server.process is not None
    server.process.terminate()
    eventually(lambda: "it fetches no more events. 4 handlers are running" in server.said)
    server.hang_file.unlink()
    eventually(lambda: "no event is left over" in server.said)
    assert request.is_alive()
    assert place.states() == (2, 0, 4)
    long_file.unlink()
    request.join()
    server.wait()
    assert answered == [200]
    assert place.states() == (2, 0, 4)


def test_gevent_with_preload_and_postgresql(tmp_path: Path, postgresql_url: str) -> None:
    """psycopg was imported before gevent could patch it: told, and nothing stands still."""
    check_installed(Row("gevent", ""))
    options = ("-k", "gevent", "--preload", "--workers", "2")
    site = Site(tmp_path, postgresql_url)
    try:
        server = site.serve(*options)
        sender, events = Sender(server.port), bodies(60)
        sender.send(events)
        eventually(site.all_done, seconds=30)
        assert sorted(server.runs()) == sorted(sender.acknowledged)
        assert "leave out --preload" in server.log.read_text()
        assert "WORKER TIMEOUT" not in server.log.read_text()
    finally:
        site.close()
