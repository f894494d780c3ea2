"""The rate from POST to handled by number of workers, compared with hand-written receivers.

    python -m benchmarks.celery [--events N] [--workers 1 2 3]

Needs Redis and PostgreSQL on 127.0.0.1. Only the ratios within one run on one machine are
meaningful, since sender, web, broker, database and workers share its cores.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import sqlalchemy as sa

from tests.processes import Sender, _free_port, answers, bodies
from tests.support import SECRET, eventually

from .rounds import tabulate

SERVER = "postgresql+psycopg://postgres@127.0.0.1/test"
SCHEMA = "ycloud_bench_celery"
ROUNDS = 3

COMMON = """
import os, redis
from celery import Celery, Task
from flask import Flask, request

app = Flask(__name__)
counter = redis.Redis()

class FlaskTask(Task):
    def __call__(self, *args, **kwargs):
        with app.app_context():
            return self.run(*args, **kwargs)

celery_app = Celery(app.name, task_cls=FlaskTask, broker="redis://127.0.0.1:6379/0")
celery_app.conf.update(task_ignore_result=True, task_default_queue=os.environ["QUEUE"])
celery_app.set_default()
app.extensions["celery"] = celery_app
"""

OURS = (
    COMMON
    + """
from flask_ycloud import on_event, ycloud_bp

app.config["YCLOUD_DISPATCH"] = "celery"
app.config.from_prefixed_env()
app.register_blueprint(ycloud_bp)

@on_event("*")
def handle(event):
    counter.incr(os.environ["QUEUE"] + ".handled")
"""
)

VERIFIED = (
    COMMON
    + """
import hashlib, hmac, json

def verified():
    body = request.get_data()
    parts = dict(p.split("=", 1) for p in request.headers["YCloud-Signature"].split(","))
    secret = os.environ["FLASK_YCLOUD_WEBHOOK_SECRET"].encode()
    digest = hmac.new(secret, parts["t"].encode() + b"." + body, hashlib.sha256)
    return body if hmac.compare_digest(digest.hexdigest(), parts["s"]) else None
"""
)

# A careful hand-written receiver: it verifies the raw body, and keeps ids in Redis. It has
# no inbox: events that the broker loses are lost.
BY_HAND = (
    VERIFIED
    + """
@celery_app.task(acks_late=True)
def handle(event):
    if counter.set(os.environ["QUEUE"] + event["id"], 1, nx=True, ex=3600):
        counter.incr(os.environ["QUEUE"] + ".handled")

@app.post("/ycloud/webhook")
def webhook():
    body = verified()
    if body is None:
        return "", 401
    handle.delay(json.loads(body))
    return {"status": "accepted"}
"""
)

# The same with an inbox: it inserts a row before the answer, and updates it after the
# handler. It has no retries and no order, and a transaction is open while a handler runs.
KEPT_BY_HAND = (
    VERIFIED
    + """
import sqlalchemy as sa

engine = sa.create_engine(os.environ["FLASK_YCLOUD_INBOX_URL"])
keep = sa.text("INSERT INTO by_hand VALUES (:id, :body, false) ON CONFLICT DO NOTHING")
take = sa.text("SELECT body FROM by_hand WHERE id = :id AND NOT done FOR UPDATE")
end = sa.text("UPDATE by_hand SET done = true WHERE id = :id")

@celery_app.task(acks_late=True)
def handle(event_id):
    with engine.begin() as tx:
        body = tx.execute(take, {"id": event_id}).scalar()
        if body is not None:
            json.loads(body)
            counter.incr(os.environ["QUEUE"] + ".handled")
            tx.execute(end, {"id": event_id})

@app.post("/ycloud/webhook")
def webhook():
    body = verified()
    if body is None:
        return "", 401
    event_id = json.loads(body)["id"]
    with engine.begin() as tx:
        new = tx.execute(keep, {"id": event_id, "body": body}).rowcount
    if new:
        handle.delay(event_id)
    return {"status": "accepted"}
"""
)

RECEIVERS = {"by hand, kept": KEPT_BY_HAND, "ours": OURS, "by hand, not kept": BY_HAND}


@contextmanager
def inbox() -> Iterator[str]:
    """Create an empty schema for the inbox, and a table for the hand-written receiver."""
    engine = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
        connection.exec_driver_sql(
            f"CREATE TABLE {SCHEMA}.by_hand (id text PRIMARY KEY, body bytea, done boolean)"
        )
    yield f"{SERVER}?options=-csearch_path%3D{SCHEMA}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA} CASCADE")


def measure(source: str, workers: int, count: int) -> float:
    """Return events per second, from the first POST until the last event is handled."""
    queue, counter, port = f"ycloud-bench-{uuid.uuid4().hex}", redis.Redis(), _free_port()
    with serving(source, workers, queue, port):
        eventually(lambda: answers(port))
        handled = f"{queue}.handled"
        Sender(port, threads=1).send(bodies(1))  # all workers have started
        eventually(lambda: counter.get(handled) == b"1")
        events = bodies(count)
        started = time.perf_counter()
        Sender(port, threads=8).send(events)
        wanted = str(count + 1).encode()
        eventually(lambda: counter.get(handled) == wanted, seconds=300)
        return count / (time.perf_counter() - started)


@contextmanager
def serving(source: str, workers: int, queue: str, port: int) -> Iterator[None]:
    """Run a web process and Celery workers."""
    with tempfile.TemporaryDirectory() as folder, inbox() as url:
        (Path(folder) / "served.py").write_text(source)
        environ = os.environ | {
            "QUEUE": queue,
            "FLASK_YCLOUD_WEBHOOK_SECRET": SECRET,
            "FLASK_YCLOUD_INBOX_URL": url,
        }
        web = ["gunicorn", "-b", f"127.0.0.1:{port}", "--threads", "8", "served:app"]
        work = ["celery", "-A", "served:celery_app", "worker", "-c", str(workers)]
        work += ["-l", "error", "--without-gossip", "--without-mingle"]
        running = [
            subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=folder,
                env=environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            for command in (web, work)
        ]
        try:
            yield
        finally:
            for process in running:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            counter = redis.Redis()
            for key in counter.scan_iter(f"{queue}*"):
                counter.delete(key)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1500)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    for workers in options.workers:
        rates: dict[str, list[float]] = {name: [] for name in RECEIVERS}
        for _ in range(ROUNDS):  # in turn, so that noise affects all of them
            for name, source in RECEIVERS.items():
                rates[name].append(measure(source, workers, options.events))
        title = f"By Celery, with worker processes: {workers}"
        tabulate(f"celery-{workers}", title, "rate from POST to handled", rates)


if __name__ == "__main__":
    main()
