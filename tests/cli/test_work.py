"""``flask ycloud worker``: how it starts, ends and shows that it lives."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import Event, forks, on_event
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import SECRET, body_of, call, deliver, eventually, id_of

TYPE = "sms.message.updated"

APP = """
import os, time
from flask import Flask
from flask_ycloud import on_event, ycloud_bp

app = Flask(__name__)
app.config.from_prefixed_env()
app.register_blueprint(ycloud_bp)

@on_event("*")
def handle(event):
    print("started", event.id, flush=True)
    while os.path.exists("hang"):
        time.sleep(0.02)
    print("finished", event.id, flush=True)
"""


def states(app: Flask) -> list[str]:
    return [event.state for event in runtime_of(app).inbox.list()]


class Working:
    """A worker process that has begun to handle an event, and hangs at it."""

    def __init__(self, make_app: MakeApp, folder: Path, url: str, *options: str) -> None:
        (folder / "worker_app.py").write_text(APP)
        self.hang = folder / "hang"
        self.hang.touch()
        self.app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=url)
        bodies = [body_of(), body_of("contact.created")]
        self.ids = [id_of(body) for body in bodies]
        for body in bodies:
            deliver(self.app, body)
        command = ["--app", "worker_app", "ycloud", "worker", "--threads", "1", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", *command],
            cwd=folder,
            env=os.environ
            | {"FLASK_YCLOUD_WEBHOOK_SECRET": SECRET, "FLASK_YCLOUD_INBOX_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self.wait_for(f"started {self.ids[0]}")

    def wait_for(self, text: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if text in line:
                return
        raise AssertionError(f"{text!r} is not in {self.said}")

    def finish(self) -> str:
        rest = self.process.communicate(timeout=20)[0]
        return "".join(self.said) + rest


@pytest.fixture
def worker(
    make_app: MakeApp, tmp_path: Path, inbox_url: str, request: pytest.FixtureRequest
) -> Iterator[Working]:
    made = Working(make_app, tmp_path, inbox_url, *getattr(request, "param", ()))
    with made.process:
        yield made
        made.process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("worker", [(), ("--once",)], indirect=True)
def test_a_signal_lets_the_running_handler_finish(
    worker: Working, number: signal.Signals
) -> None:
    worker.process.send_signal(number)
    if "--once" not in worker.process.args:  # type: ignore[operator]
        worker.wait_for("it fetches no more events. 1 handler is running and has 25 s")
    worker.hang.unlink()
    said = worker.finish()
    assert worker.process.returncode == 0
    assert f"finished {worker.ids[0]}" in said
    assert worker.ids[1] not in said, "nothing more is claimed"
    assert states(worker.app) == ["pending", "done"]


def test_a_second_ctrl_c_gives_back_what_runs(worker: Working) -> None:
    worker.process.send_signal(signal.SIGINT)
    worker.wait_for("it fetches no more events. 1 handler is running and has 25 s")
    worker.process.send_signal(signal.SIGINT)
    said = worker.finish()
    assert worker.process.returncode == 0
    assert "It released 1 event that still ran." in said
    assert "Traceback" not in said
    assert states(worker.app) == ["pending", "pending"]


@pytest.mark.parametrize("worker", [("--once",)], indirect=True)
def test_a_second_ctrl_c_ends_a_worker_for_once(worker: Working) -> None:
    worker.process.send_signal(signal.SIGINT)
    worker.process.send_signal(signal.SIGINT)
    eventually(lambda: worker.process.poll() is not None or _again(worker))
    assert worker.process.returncode != 0


def _again(worker: Working) -> bool:
    worker.process.send_signal(signal.SIGINT)  # two at once may count as one
    return False


def test_a_worker_for_once(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    on_event(TYPE, name="one")(lambda event: None)
    deliver(app, body_of())
    assert call(app, "worker", "--once").output == "Handled 1 event.\n"


@pytest.mark.parametrize("option", [[], ["--once"]])
def test_a_worker_without_handlers_does_not_start(
    make_app: MakeApp, option: list[str]
) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    deliver(app, body_of())
    result = call(app, "worker", *option)
    assert result.exit_code == 1
    assert "This process has no handlers" in result.output
    assert app.import_name in result.output, "it says where to import them"
    assert states(app) == ["pending"]


def signal_when(ready: Any) -> threading.Thread:
    """Send this process SIGTERM when something is true, or is not at the deadline."""

    def work() -> None:
        try:
            eventually(ready)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_the_heartbeat_file_is_there_while_the_worker_lives(
    make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    on_event(TYPE, name="one")(lambda event: None)
    heartbeat = tmp_path / "heartbeat"
    before = signal.getsignal(signal.SIGTERM)
    thread = signal_when(heartbeat.exists)
    result = call(app, "worker", "--threads", "1", "--heartbeat", str(heartbeat))
    thread.join()
    assert result.exit_code == 0, result.exception
    assert result.output.startswith("Handling events. Ctrl-C ends it.\nStopping")
    assert not heartbeat.exists()
    assert signal.getsignal(signal.SIGTERM) == before


def test_it_works_until_it_is_asked_to_end(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    on_event(TYPE, name="one")(lambda event: None)
    until = time.monotonic() + 1.2  # it checks its threads each second
    thread = signal_when(lambda: time.monotonic() > until)
    assert call(app, "worker").exit_code == 0
    thread.join()


def test_a_heartbeat_that_somebody_deleted_is_no_error(
    make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    on_event(TYPE, name="one")(lambda event: None)
    heartbeat = tmp_path / "heartbeat"

    def deleted() -> bool:
        if not heartbeat.exists():
            return False
        heartbeat.unlink()
        return True

    thread = signal_when(deleted)
    result = call(app, "worker", "--heartbeat", str(heartbeat))
    thread.join()
    assert result.exit_code == 0, result.exception


def test_a_second_signal_in_this_process(make_app: MakeApp) -> None:
    """The same as above, in this process, so that coverage measures it."""
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_DRAIN_SECONDS=10)
    release = threading.Event()

    @on_event(TYPE, name="one")
    def stuck(event: Event[Any]) -> None:
        assert release.wait(20)

    deliver(app, body_of())
    inbox = runtime_of(app).inbox
    told = threading.Event()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "fetches no more" in record.getMessage():
                told.set()

    logger = logging.getLogger("flask_ycloud.dispatch.worker")
    handler = Told()
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        first = signal_when(lambda: inbox.list(state="running"))
        second = signal_when(told.is_set)
        result = call(app, "worker", "--threads", "1")
    finally:
        logger.removeHandler(handler)
        logger.setLevel("NOTSET")
    first.join()
    second.join()
    assert result.exit_code == 0, result.exception
    assert "Events that were still running are back in the queue" in result.output
    assert states(app) == ["pending"]
    release.set()


def test_it_logs_with_times_and_levels_unless_the_app_does(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    on_event(TYPE, name="one")(lambda event: None)
    root, ours = logging.getLogger(), logging.getLogger("flask_ycloud")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(ours, "level", ours.level)
    assert call(app, "worker", "--once", "--log-level", "debug").exit_code == 0
    assert ours.level == logging.DEBUG
    (handler,) = root.handlers
    assert handler.formatter is not None
    record = logging.LogRecord("flask_ycloud.x", 20, "", 0, "Text.", (), None)
    assert handler.formatter.format(record).endswith(" INFO flask_ycloud.x: Text.")
    ours.setLevel("WARNING")
    assert call(app, "worker", "--once").exit_code == 0
    assert ours.level == logging.WARNING, "the app has configured it"


FORKING = """
import multiprocessing, time
from flask import Flask
from flask_ycloud import on_event, ycloud_bp

app = Flask(__name__)
app.config.from_prefixed_env()
app.register_blueprint(ycloud_bp)

def sleep(began):
    began.set()
    time.sleep(60)

@on_event("*")
def handle(event):
    forked = multiprocessing.get_context("fork")
    began = forked.Event()
    sleeper = forked.Process(target=sleep, args=(began,))
    sleeper.start()
    began.wait()  # Python forgets signals that come in the midst of the fork
    sleeper.terminate()
    sleeper.join(20)
    with forked.Pool(2) as pool:
        squares = pool.map(abs, [-1, -2])
    print("alive" if sleeper.is_alive() else "ended", squares, flush=True)
"""


def test_processes_that_a_handler_forks_end_at_sigterm(
    make_app: MakeApp, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/inbox.db"
    (tmp_path / "forking_app.py").write_text(FORKING)
    deliver(make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=url), body_of())
    given = {"FLASK_YCLOUD_WEBHOOK_SECRET": SECRET, "FLASK_YCLOUD_INBOX_URL": url}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "forking_app", "ycloud", "worker",
         "--once"],
        cwd=tmp_path, env=os.environ | given, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "ended [1, 2]" in done.stdout, done.stderr


def test_a_forked_process_handles_signals_as_before(make_app: MakeApp) -> None:
    """A handler replaces the fork: the coverage of another process would be lost."""
    before, seen = signal.getsignal(signal.SIGTERM), []
    main = threading.main_thread()

    @on_event("*")
    def handle(event: Event) -> None:
        assert threading.current_thread() is main
        seen.append(signal.getsignal(signal.SIGTERM))
        forks._after_fork()
        seen.append(signal.getsignal(signal.SIGTERM))

    app = make_app(YCLOUD_DISPATCH="manual")
    deliver(app, body_of())
    assert call(app, "worker", "--once").exit_code == 0
    assert seen[0] != before
    assert seen[1] == before


STARTED = """
from flask import Flask
import flask_ycloud
from flask_ycloud import on_event, ycloud_bp

app = Flask(__name__)
app.config.from_prefixed_env()
app.register_blueprint(ycloud_bp)

@on_event("*")
def handle(event):
    print("IT RAN", flush=True)

flask_ycloud.start(app)
"""


@pytest.mark.parametrize("command", [("ycloud", "doctor"), ("routes",), ("ycloud", "list")])
def test_a_command_handles_nothing_though_the_module_starts_the_handling(
    make_app: MakeApp, tmp_path: Path, command: tuple[str, ...]
) -> None:
    url = f"sqlite:///{tmp_path}/inbox.db"
    (tmp_path / "started_app.py").write_text(STARTED)
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=url)
    deliver(app, body_of())
    given = {"FLASK_YCLOUD_WEBHOOK_SECRET": SECRET, "FLASK_YCLOUD_INBOX_URL": url}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "started_app", *command],
        cwd=tmp_path, env=os.environ | given, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "IT RAN" not in done.stdout
    assert "1 process handles" not in done.stdout
    assert states(app) == ["pending"]
