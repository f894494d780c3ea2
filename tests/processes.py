"""Real gunicorns, and senders that remember what was acknowledged."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from flask_ycloud import sign
from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.protocol import EVENT_TYPES, sample_event

from .support import PATH, SECRET, eventually, id_of

TYPES = ("sms.inbound.received", "contact.created", "sms.message.updated")

#: An app that notes in a file, durably and in one write each, when its handler runs and
#: when its success is recorded. With NOTES it also writes a row of its own for each event,
#: on the connection of the inbox, and holds it for HOLD seconds; with JOIN it writes the
#: row by Flask-SQLAlchemy. Its clock can be set back from outside. With SECRETS its secrets
#: are in that file.
APP = """
import asyncio, logging, os, socket, time
from concurrent.futures import ThreadPoolExecutor
import sqlalchemy as sa
from flask import Flask
from flask_ycloud import event_done, on_event, ycloud_bp
from flask_ycloud.runtime import runtime_of

if "LOG" in os.environ:
    logging.basicConfig(level=logging.INFO)
app = Flask(__name__)
app.config.from_prefixed_env()
if "SECRETS" in os.environ:
    app.config["YCLOUD_WEBHOOK_SECRET"] = lambda: open(os.environ["SECRETS"]).read().split()
if "JOIN" in os.environ:
    from flask_sqlalchemy import SQLAlchemy
    db = SQLAlchemy()
    app.config["SQLALCHEMY_DATABASE_URI"] = app.config["YCLOUD_INBOX_URL"]
    app.config["YCLOUD_INBOX_URL"] = lambda: db.engine
    db.init_app(app)

    class Note(db.Model):
        __tablename__ = "notes"
        note = db.Column(db.Text, primary_key=True)
app.register_blueprint(ycloud_bp)
if "METRICS" in os.environ:
    from flask_ycloud.metrics import metrics_bp
    app.register_blueprint(metrics_bp, access=lambda: True)
runs = os.open(os.environ["RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@on_event("*")
def handle(event):
    os.write(runs, f"{event.id} ran {os.getpid()}\\n".encode())
    while os.path.exists(os.environ["RUNS"] + ".hang"):
        time.sleep(0.02)
    time.sleep(float(os.environ.get("WORK", "0")))
    if "POOL" in os.environ:
        with ThreadPoolExecutor() as pool:
            pool.submit(socket.getaddrinfo, "localhost", 80).result()
    if os.environ.get("POOL") == "asyncio":
        asyncio.run(look_up())
    if "NOTES" in os.environ:
        row = {"note": event.id}
        event.connection.execute(sa.text("INSERT INTO notes VALUES (:note)"), row)
        time.sleep(float(os.environ.get("HOLD", "0")))
    if "JOIN" in os.environ:
        event.join(db.session)
        db.session.add(Note(note=event.id))
        db.session.commit()
        time.sleep(0.002)

async def look_up():
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)

@app.get("/long")
def long():
    print("The long request runs.", flush=True)
    while os.path.exists(os.environ["RUNS"] + ".long"):
        time.sleep(0.02)
    return "at last"

@event_done.connect
def done(app, event_id, **_):
    os.write(runs, f"{event_id} done {os.getpid()}\\n".encode())

def now():
    ahead = float(os.environ.get("AHEAD", "0"))
    try:
        return time.time() + ahead + float(open(os.environ["RUNS"] + ".clock").read())
    except (OSError, ValueError):
        return time.time() + ahead

runtime_of(app).inbox.clock = now
"""

#: What makes it an app with Celery, in the way of Flask's documentation.
CELERY = """
from celery import Celery, Task
from kombu import Queue

class FlaskTask(Task):
    def __call__(self, *args, **kwargs):
        with app.app_context():
            return self.run(*args, **kwargs)

celery_app = Celery(app.name, task_cls=FlaskTask, broker=os.environ["BROKER"])
celery_app.conf.update(
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    task_default_queue=os.environ["QUEUE"],
    task_queues=[Queue(os.environ["QUEUE"], expires=600)],
    worker_prefetch_multiplier=1,
)
celery_app.set_default()
app.extensions["celery"] = celery_app
"""


class Server:
    """A gunicorn with an app in a folder of its own, in a process group of its own."""

    def __init__(self, folder: Path, *options: str, **environ: str) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "served_app.py").write_text(APP + (CELERY if "BROKER" in environ else ""))
        self.folder = folder
        self.options = options
        self.port = _free_port()
        self.runs_file = folder / "runs"
        self.hang_file = folder / "runs.hang"
        self.log = folder / "log"
        self.environ = {
            **os.environ,
            "FLASK_YCLOUD_WEBHOOK_SECRET": SECRET,
            "FLASK_YCLOUD_LEASE_SECONDS": "1",
            "RUNS": str(self.runs_file),
            "PYTHONPATH": str(folder),
            **environ,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What starts it."""
        command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{self.port}"]
        return [*command, "--log-level", "warning", *self.options, "served_app:app"]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, env=self.environ, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        eventually(lambda: answers(self.port))

    def kill(self) -> None:
        """kill -9 the whole process group."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, number)
            self.process.wait(60)
            self.process = None

    def terminate(self) -> int:
        """SIGTERM the master alone, as a service manager does; give its exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(60)
        self.process = None
        return status

    def runs(self) -> list[str]:
        """The event ids of all runs of the handler, in order."""
        return [event_id for event_id, what, _ in self.notes() if what == "ran"]

    def doubled(self) -> list[str]:
        """The event ids that ran again after their success was recorded."""
        done: set[str] = set()
        again = []
        for event_id, what, _ in self.notes():
            if what == "done":
                done.add(event_id)
            elif event_id in done:
                again.append(event_id)
        return again

    def notes(self) -> list[tuple[str, str, str]]:
        """What the app has noted: event id, what, process id."""
        if not self.runs_file.exists():
            return []
        text = self.runs_file.read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [(event_id, what, pid) for event_id, what, pid in map(str.split, lines)]


class CeleryWorker:
    """A Celery worker for the app of a server, in a process group of its own."""

    def __init__(self, server: Server, *, processes: int = 2) -> None:
        command = [sys.executable, "-m", "celery", "-A", "served_app:celery_app", "worker"]
        command += ["-c", str(processes), "-l", "warning", "-n", f"w{id(self)}@localhost"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with server.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=server.folder, env=server.environ, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """kill -9 the worker and its processes."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)


class Site:
    """A server and a look into its inbox from outside."""

    def __init__(self, folder: Path, inbox_url: str) -> None:
        self.folder = folder
        self.inbox_url = inbox_url
        self.engine = open_engine(inbox_url)
        self.inbox = Inbox(Database(self.engine))
        self.server: Server | None = None
        self.workers: list[CeleryWorker] = []

    def serve(self, *options: str, **environ: str) -> Server:
        environ["FLASK_YCLOUD_INBOX_URL"] = self.inbox_url
        self.server = Server(self.folder / "site", *options, **environ)
        self.server.start()
        return self.server

    def work(self, **options: int) -> CeleryWorker:
        """Start a Celery worker."""
        assert self.server is not None
        self.workers.append(CeleryWorker(self.server, **options))
        return self.workers[-1]

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        if self.server is not None:
            self.server.kill()
        self.engine.dispose()

    def all_done(self) -> bool:
        stats = self.inbox.stats()
        return stats.pending == stats.running == stats.dead == 0


def answers(port: int) -> bool:
    try:
        return get(port) == 404
    except OSError:
        return False


def get(port: int, path: str = "/no-such-page") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def post(port: int, body: bytes, **headers: str) -> tuple[int, bytes]:
    """One signed delivery over HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        signed = {"YCloud-Signature": sign(body, SECRET), **headers}
        connection.request("POST", PATH, body, signed)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Sender:
    """Sends like YCloud: what is not answered 2xx, it sends again until told to stop."""

    def __init__(self, port: int, *, threads: int = 4) -> None:
        self.port = port
        self.acknowledged: set[str] = set()
        self._threads = threads

    def send(
        self, bodies: Iterable[bytes], *, stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Send each until it is acknowledged, or until ``stop()``."""
        queue = list(bodies)[::-1]

        def work() -> None:
            while not stop():
                try:
                    body = queue.pop()
                except IndexError:
                    return
                while not self._one(body) and not stop():
                    time.sleep(0.02)

        threads = [threading.Thread(target=work) for _ in range(self._threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _one(self, body: bytes) -> bool:
        try:
            status, _ = post(self.port, body)
        except (OSError, http.client.HTTPException):
            return False
        if status == 200:
            self.acknowledged.add(id_of(body))
        return status == 200


def bodies(count: int) -> list[bytes]:
    """Fresh events of a few types in turn, each a conversation of its own."""
    made = []
    for number in range(count):
        name = TYPES[number % len(TYPES)]
        event = sample_event(name)
        data = event[EVENT_TYPES[name].properties[0]]
        fields = {field for key in EVENT_TYPES[name].keys for field in key.fields}
        data.update(dict.fromkeys(fields & data.keys(), f"{name} {number}"))
        made.append(json.dumps(event).encode())
    return made


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
