"""YCLOUD_DISPATCH="celery": real workers, Redis and RabbitMQ, the inbox on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, Task
from flask import Flask

from flask_ycloud import ConfigurationError, Event, on_event, ycloud_bp
from flask_ycloud.dispatch import tasks
from flask_ycloud.dispatch.celery import handle, sweep
from flask_ycloud.dispatch.tasks import TaskDispatcher
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp, needs
from ..processes import Sender, Server, Site, _free_port, bodies, post
from ..support import body_of, deliver, eventually, id_of

TYPE = "sms.message.updated"
BROKERS = {
    "redis": ("Redis", 6379, "redis://127.0.0.1:6379/0"),
    "rabbitmq": ("RabbitMQ", 5672, "amqp://guest:guest@127.0.0.1:5672//"),
}

# In this process: what is sent, and what a task does.


class FakeBroker(Celery):  # type: ignore[misc]
    """A Celery whose tasks are noted instead of sent."""

    sent: list[tuple[str, dict[str, Any]]]
    broken = False


@pytest.fixture
def celery_app(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> tuple[Flask, Any]:
    app = make_app(
        YCLOUD_DISPATCH="celery",
        YCLOUD_CELERY_QUEUE="events",
        YCLOUD_CELERY_PRIORITY=7,
        YCLOUD_RETRY_DELAYS=[60],
    )

    class FlaskTask(Task):  # type: ignore[misc]
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                return self.run(*args, **kwargs)

    made = FakeBroker(app.name, task_cls=FlaskTask, broker="memory://")
    made.sent = []
    made.set_default()
    app.extensions["celery"] = made

    def note(self: Any, args: tuple[str], **options: Any) -> None:
        if made.broken:
            raise ConnectionRefusedError
        made.sent.append((args[0], options))

    monkeypatch.setattr(type(made.tasks[handle.name]), "apply_async", note)
    return app, made


def test_an_accepted_event_is_sent_as_a_task(celery_app: tuple[Flask, Any]) -> None:
    app, celery = celery_app
    body = body_of()
    assert deliver(app, body).status_code == 200
    eventually(lambda: celery.sent)
    options = {"countdown": None, "queue": "events", "priority": 7, "retry": False}
    assert celery.sent == [(id_of(body), options)]
    runtime_of(app).dispatcher.stop()


def test_a_task_handles_and_settles(celery_app: tuple[Flask, Any]) -> None:
    app, _ = celery_app
    runs: list[str] = []
    on_event(TYPE, name="one")(lambda event: runs.append(event.id))
    body = body_of()
    deliver(app, body)
    for _ in range(3):  # doubled tasks change nothing
        handle(id_of(body))
    assert runs == [id_of(body)]
    handle("evt_unknown")


def test_an_event_of_no_conversation_has_none_after_it(
    celery_app: tuple[Flask, Any],
) -> None:
    app, celery = celery_app
    body = body_of("whatsapp.template.reviewed")
    deliver(app, body)
    eventually(lambda: celery.sent)
    handle(id_of(body))
    assert len(celery.sent) == 1


def test_a_retry_is_a_task_that_waits(celery_app: tuple[Flask, Any]) -> None:
    app, celery = celery_app

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise LookupError

    body = body_of()
    deliver(app, body)
    eventually(lambda: celery.sent)
    handle(id_of(body))
    event_id, options = celery.sent[-1]
    assert event_id == id_of(body)
    assert options["countdown"] == pytest.approx(60, abs=5)
    handle(id_of(body))  # too early: it waits for the rest
    assert celery.sent[-1][1]["countdown"] == pytest.approx(60, abs=5)


def test_no_task_waits_in_the_broker_for_long(
    celery_app: tuple[Flask, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, celery = celery_app
    dispatcher = runtime_of(app).dispatcher
    assert isinstance(dispatcher, TaskDispatcher)
    dispatcher.send("evt_1", 7200)
    assert celery.sent[-1][1]["countdown"] == tasks.LONGEST_COUNTDOWN


def test_the_next_of_a_conversation_is_sent_after_the_one_before(
    celery_app: tuple[Flask, Any],
) -> None:
    app, celery = celery_app
    first, second = body_of(), body_of()
    deliver(app, first)
    deliver(app, second)
    eventually(lambda: len(celery.sent) == 2)
    held = runtime_of(app).inbox.claim(id_of(first))
    assert held is not None
    handle(id_of(second))
    assert runtime_of(app).inbox.stats().pending == 1, "it waits for the first"
    runtime_of(app).inbox.clock = lambda: time.time() + 61
    handle(id_of(first))
    assert celery.sent[-1][0] == id_of(second)
    handle(id_of(second))
    assert runtime_of(app).inbox.stats().pending == 0


def test_a_broker_that_is_away_fails_no_delivery(
    celery_app: tuple[Flask, Any], caplog: pytest.LogCaptureFixture
) -> None:
    app, celery = celery_app
    celery.broken = True
    for _ in range(3):
        assert deliver(app, body_of()).status_code == 200
    eventually(lambda: "takes no tasks (ConnectionRefusedError)" in caplog.text)
    dispatcher = runtime_of(app).dispatcher
    assert isinstance(dispatcher, TaskDispatcher)
    eventually(lambda: dispatcher._waiting.empty())
    assert caplog.text.count("takes no tasks") == 1
    result = app.test_cli_runner().invoke(args=["ycloud", "sweep"])
    assert result.output == "Sent 0 tasks.\n", "they are not overdue yet"
    runtime_of(app).inbox.clock = lambda: time.time() + 31
    result = app.test_cli_runner().invoke(args=["ycloud", "sweep"])
    assert result.output == "Error: The broker takes no tasks: ConnectionRefusedError.\n"
    celery.broken = False
    with app.app_context():
        assert sweep() == 3
    assert len(celery.sent) == 3


def test_a_sweep_without_a_broker_is_a_line(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="celery")
    nowhere = "redis://127.0.0.1:9/0"
    app.extensions["celery"] = Celery(broker=nowhere, set_as_current=False)
    runtime_of(app).inbox.accept("evt_1", b"{}", endpoint="ycloud", event_type=None)
    runtime_of(app).inbox.clock = lambda: time.time() + 31
    result = app.test_cli_runner().invoke(args=["ycloud", "sweep"])
    assert result.output == "Error: The broker takes no tasks: OperationalError.\n"


def test_too_many_ids_are_left_to_the_sweep(
    celery_app: tuple[Flask, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, _ = celery_app
    monkeypatch.setattr(tasks, "_MOST_WAITING", 1)
    monkeypatch.setattr(TaskDispatcher, "_offer_all", lambda self: None)
    dispatcher = runtime_of(app).dispatcher
    for _ in range(2):
        dispatcher.wake("evt_1")
    assert "Too many ids wait" in caplog.text


def test_the_sender_starts_once_for_many_threads(celery_app: tuple[Flask, Any]) -> None:
    app, _ = celery_app
    dispatcher: Any = runtime_of(app).dispatcher

    class Slow:
        """A lock that another thread held while it started the sender."""

        def __enter__(self) -> None:
            dispatcher._pid = os.getpid()

        def __exit__(self, *_: object) -> None: ...

    dispatcher._starting = Slow()
    before = threading.active_count()
    dispatcher.start()
    assert threading.active_count() == before


def test_without_a_celery_the_error_shows_what_to_add(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="celery")
    with pytest.raises(
        ConfigurationError, match=r'app.extensions\["celery"\] = celery_app'
    ):
        deliver(app, body_of())
    app.extensions["celery"] = object()
    runtime_of(app).dispatcher.stop()


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "celery", None)
    monkeypatch.delitem(sys.modules, "flask_ycloud.dispatch.celery")
    app = Flask("none")
    app.config.update(YCLOUD_WEBHOOK_SECRET="k", YCLOUD_DISPATCH="celery")
    with pytest.raises(ConfigurationError, match=r"pip install 'flask-ycloud\[celery\]'"):
        app.register_blueprint(ycloud_bp)


def test_a_sweep_is_for_celery(make_app: MakeApp) -> None:
    app = make_app()
    result = app.test_cli_runner().invoke(args=["ycloud", "sweep"])
    assert result.exit_code == 1
    assert "'inline', which has no task queue; a sweep is for 'celery'" in result.output


# With real brokers and workers.


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> str:
    service, port, url = BROKERS[request.param]
    needs(service, port)
    return url


@pytest.fixture
def celery_site(
    tmp_path: Path, postgresql_url: str
) -> Iterator[Callable[..., tuple[Site, Server]]]:
    site = Site(tmp_path, postgresql_url)

    def serve(broker: str, **environ: str) -> tuple[Site, Server]:
        server = site.serve(
            "--workers", "2", "--threads", "4",
            FLASK_YCLOUD_DISPATCH="celery",
            BROKER=broker,
            QUEUE=f"ycloud-test-{uuid.uuid4().hex}",
            **environ,
        )  # fmt: skip
        return site, server

    yield serve
    site.close()


def sweep_now(server: Server) -> str:
    """As a timer calls it, for whom half a minute has passed."""
    command = [sys.executable, "-m", "flask", "--app", "served_app", "ycloud", "sweep"]
    environ = server.environ | {"AHEAD": "31"}
    ran = subprocess.run(
        command, cwd=server.folder, env=environ, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def assert_kept(site: Site, server: Server, sender: Sender) -> None:
    eventually(site.all_done, seconds=90)
    assert set(server.runs()) >= sender.acknowledged
    assert server.doubled() == []
    lost = len(sender.acknowledged - set(server.runs()))
    print(
        f"{len(sender.acknowledged)} acknowledged, {len(set(server.runs()))} handled,"
        f" {lost} lost, {len(server.doubled())} doubled"
    )


def test_many_processes_share_the_work(celery_site: Any, broker: str) -> None:
    """Two web processes, three workers: each event once."""
    site, server = celery_site(broker)
    for _ in range(3):
        site.work()
    sender, events = Sender(server.port), bodies(300)
    sender.send(events)
    assert_kept(site, server, sender)
    assert sorted(server.runs()) == sorted(map(id_of, events))
    assert len({pid for _, what, pid in server.notes() if what == "ran"}) > 2


def test_a_conversation_stays_in_order_across_workers(
    celery_site: Any, broker: str
) -> None:
    site, server = celery_site(broker)
    for _ in range(2):
        site.work()
    sender = Sender(server.port, threads=1)
    events = [body_of() for _ in range(40)]  # of one message
    sender.send(events)
    assert_kept(site, server, sender)
    assert server.runs() == list(map(id_of, events))


def test_a_worker_that_is_killed_in_a_handler_is_replaced(
    celery_site: Any, broker: str
) -> None:
    site, server = celery_site(broker)
    server.hang_file.touch()
    victim = site.work(processes=1)
    body = body_of()
    assert post(server.port, body)[0] == 200
    eventually(lambda: len(server.runs()) == 1)
    victim.kill()
    server.hang_file.unlink()
    site.work()
    if broker.startswith("redis"):
        # It gives back what a dead worker held after an hour; the sweep does not wait.
        eventually(lambda: sweep_now(server) == "Sent 1 tasks.\n")
    eventually(site.all_done, seconds=60)
    assert server.runs() == [id_of(body)] * 2


def test_a_broker_that_is_away_while_events_arrive(
    celery_site: Any, own_broker: OwnBroker
) -> None:
    """All are acknowledged the same, and a sweep sends them when it is back."""
    site, server = celery_site(own_broker.url)
    own_broker.kill()
    count = 1000 if own_broker.scheme == "amqp" else 200
    sender, events = Sender(server.port, threads=8), bodies(count)
    sender.send(events)
    assert len(sender.acknowledged) == count
    own_broker.start()
    site.work()
    sweep_now(server)
    assert_kept(site, server, sender)
    assert sorted(server.runs()) == sorted(map(id_of, events))


def test_a_broker_that_dies_with_tasks_inside(
    celery_site: Any, own_broker: OwnBroker
) -> None:
    """What it kept of them and what a sweep sends again makes nothing run twice."""
    site, server = celery_site(own_broker.url)
    sender, events = Sender(server.port, threads=8), bodies(200)
    sender.send(events)
    own_broker.kill()
    own_broker.start()
    site.work()
    sweep_now(server)
    assert_kept(site, server, sender)
    assert sorted(server.runs()) == sorted(map(id_of, events))


class OwnBroker:
    """A broker of our own, to kill and start."""

    scheme: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"{self.scheme}://127.0.0.1:{self.port}/"
        self.start()

    def command(self) -> tuple[list[str], dict[str, str]]:
        """What starts it, and its environment."""
        raise NotImplementedError

    def greeted(self, connection: socket.socket) -> bool:
        """Whether it is ready for clients."""
        raise NotImplementedError

    def start(self) -> None:
        command, environ = self.command()
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=os.environ | environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            eventually(self._answers, seconds=60)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                return self.greeted(connection)
        except OSError:
            return False


class Redis(OwnBroker):
    """It keeps nothing when it is killed."""

    scheme = "redis"

    def command(self) -> tuple[list[str], dict[str, str]]:
        command = [program("redis-server"), "--port", str(self.port)]
        command += ["--save", "", "--appendonly", "no"]
        command += ["--bind", "127.0.0.1", "--dir", str(self.folder)]
        return command, {}

    def greeted(self, connection: socket.socket) -> bool:
        connection.sendall(b"PING\r\n")
        return connection.recv(5) == b"+PONG"


class RabbitMQ(OwnBroker):
    """It keeps what it wrote to its disk."""

    scheme = "amqp"

    def command(self) -> tuple[list[str], dict[str, str]]:
        config = self.folder / "rabbitmq.conf"
        config.write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        environ = {
            "HOME": str(self.folder),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_NODENAME": f"ycloud-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(_free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
        }
        # Debian's in /usr/sbin changes to a user of its own first.
        return [program("rabbitmq-server", "/usr/lib/rabbitmq/bin")], environ

    def greeted(self, connection: socket.socket) -> bool:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        return bool(connection.recv(4))


def program(name: str, *before: str) -> str:
    path = os.pathsep.join([*before, os.environ["PATH"]])
    found = shutil.which(name, path=path)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(params=[Redis, RabbitMQ])
def own_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OwnBroker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    broker: OwnBroker = request.param(folder)
    yield broker
    broker.kill()
