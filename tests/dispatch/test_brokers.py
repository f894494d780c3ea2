"""Brokers that are killed, and events that outlive them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..processes import Sender, _free_port, bodies
from ..support import eventually, id_of
from .support import assert_kept, sweep_now


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
