"""Processes of the app in ``site.py``: gunicorn, a worker, and a sender."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import _free_port, answers
from tests.support import SECRET, eventually

from .stores import Store


@dataclass(frozen=True)
class Site:
    """The app that the processes share.

    :param starts: the file to which they write when a handler starts.
    """

    environ: dict[str, str]
    starts: Path

    @property
    def started(self) -> int:
        """Return how many events have been handled."""
        return self.starts.read_bytes().count(b"\n") if self.starts.exists() else 0

    def waits(self) -> list[float]:
        """Return for each start the seconds since the event was accepted."""
        return [float(line.split()[2]) for line in self.starts.read_text().splitlines()]


def site(store: Store, **environ: str) -> Site:
    """Return an app whose inbox is in a store."""
    starts = store.folder / "starts"
    given = {
        "FLASK_YCLOUD_WEBHOOK_SECRET": SECRET,
        "FLASK_YCLOUD_INBOX_URL": store.url,
        "STARTS": str(starts),
    }
    return Site({**os.environ, **given, **environ}, starts)


@contextmanager
def running(app: Site, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module with the settings of the app during the context."""
    log = app.starts.with_name("log")
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=app.environ,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


@contextmanager
def gunicorn(app: Site, *, threads: int, workers: int = 1) -> Iterator[int]:
    """Run gunicorn with some processes and threads; yield its port."""
    port = _free_port()
    command = ["gunicorn", "-b", f"127.0.0.1:{port}", "--workers", str(workers)]
    command += ["--threads", str(threads)]
    with running(app, *command, "--log-level", "error", "benchmarks.site:app"):
        eventually(lambda: answers(port))
        yield port


@contextmanager
def worker(app: Site) -> Iterator[int]:
    """Run a worker process; yield its process id."""
    log, before = app.starts.with_name("log"), b"Handling events"
    with running(app, "flask", "--app", "benchmarks.site", "ycloud", "worker") as process:
        eventually(lambda: before in log.read_bytes())
        yield process.pid


@dataclass(frozen=True)
class Sent:
    """The results of a sender.

    :param accepted: how many deliveries were acknowledged.
    :param refused: how many were not.
    :param p99: the 99th percentile of the response times, in seconds.
    """

    accepted: int
    refused: int
    seconds: float
    p99: float


@contextmanager
def sent(
    port: int, seconds: float, threads: int = 8, tenants: int = 0, *others: int
) -> Iterator[Sent]:
    """Send as fast as the server answers, from another process.

    :param others: ports of more servers. Each gets the same number of connections.
    """
    ports = ",".join(map(str, (port, *others)))
    given = [ports, *(str(each) for each in (seconds, threads, tenants))]
    command = [sys.executable, "-m", "benchmarks.sending", *given]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Sent(**json.loads(process.stdout.readline()))
