"""The app of the container example, under what compose.yaml gives it; and the files."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from flask_ycloud.cli import ycloud_cli
from flask_ycloud.inbox import Database, Inbox, open_engine

from ..processes import Sender, _free_port, answers, bodies
from ..support import SECRET, body_of, eventually
from .support import (
    EXAMPLES,
    check,
    fresh_environment,
    program,
    without_site,
)

FOLDER = EXAMPLES / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
OURS = ("web", "worker")


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


class Containers:
    """Its services as processes on this machine: no site-packages, no home, one folder.

    What a container mounts at /run/secrets and /tmp are folders of the test.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder / "app"
        self.folder.mkdir()
        for name in re.findall(r"^COPY (app\.py) \.$", DOCKERFILE, re.M):
            shutil.copy(FOLDER / name, self.folder)
        self.python = fresh_environment(folder / "venv", FOLDER / "requirements.txt")
        self.tmp = folder / "tmp"
        self.tmp.mkdir()
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        (self.secrets / "webhook_secret").write_text(SECRET + "\n")
        (self.secrets / "inbox_url").write_text(url + "\n")
        self.port = _free_port()
        self.log = folder / "log"
        self.running: list[subprocess.Popen[bytes]] = []

    def environ(self, service: str) -> dict[str, str]:
        (line,) = re.findall(r"^ENV (.*)$", DOCKERFILE, re.M)
        of_image = dict(each.split("=", 1) for each in line.split() if "PATH" not in each)
        assert of_image.pop("HOME") == "/tmp"
        of_service = {
            k: str(v) for k, v in SERVICES[service].get("environment", {}).items()
        }
        return {
            **without_site({}),
            **of_image,
            **of_service,
            "HOME": str(self.tmp),
            "TMPDIR": str(self.tmp),
            "SECRETS": str(self.secrets),
            "PATH": f"{self.python.parent}:{os.environ['PATH']}",
        }

    def command(self, service: str) -> list[str]:
        (image,) = re.findall(r"^CMD (.*)$", DOCKERFILE, re.M)
        words = SERVICES[service].get("command") or json.loads(image)
        words = [each.replace("0.0.0.0:8000", f"127.0.0.1:{self.port}") for each in words]
        return [
            str(self.python),
            "-m",
            *(each.replace("/tmp", str(self.tmp)) for each in words),
        ]

    def start(self, service: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command(service), cwd=self.folder, env=self.environ(service),
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.running.append(process)
        return process

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)


@pytest.fixture
def containers(tmp_path: Path, postgresql_url: str) -> Iterator[Containers]:
    made = Containers(tmp_path, postgresql_url)
    yield made
    made.close()


def test_web_accepts_and_worker_handles(
    containers: Containers, postgresql_url: str
) -> None:
    inbox = Inbox(Database(open_engine(postgresql_url), owned=True))
    web = containers.start("web")
    eventually(lambda: answers(containers.port))
    Sender(containers.port).send(bodies(5))
    assert inbox.stats().pending == 5  # the web handles none
    before = tree(containers.folder)
    worker = containers.start("worker")
    eventually(lambda: len(inbox.list(state="done")) == 5)
    for process in (web, worker):
        process.terminate()
        assert process.wait(60) == 0, containers.log.read_text()
    assert containers.log.read_text().count("handled ") == 5
    assert tree(containers.folder) == before, "the image can be read-only"


def tree(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_the_probes_succeed(containers: Containers) -> None:
    """Those of compose.yaml, at a web that serves and a worker that lives."""
    containers.start("web")
    eventually(lambda: answers(containers.port))
    for path in ("/ycloud/ready", "/ycloud/health"):
        assert status_of(containers.port, path) == 200
    web, worker = (SERVICES[name]["healthcheck"]["test"] for name in OURS)
    assert web[:3] == ["CMD", "python", "-c"]
    code = web[3].replace("8000", str(containers.port))
    check(str(containers.python), "-c", code)
    containers.start("worker")
    assert worker[0] == "CMD-SHELL"
    command = worker[1].replace("$$", "$").replace("/tmp", str(containers.tmp))
    eventually(lambda: subprocess.run(["sh", "-c", command], check=False).returncode == 0)
    heartbeat = containers.tmp / "heartbeat"
    old = heartbeat.stat().st_mtime - 61
    containers.running[-1].kill()
    containers.running[-1].wait(30)
    os.utime(heartbeat, (old, old))
    assert subprocess.run(["sh", "-c", command], check=False).returncode != 0


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_secret_that_is_not_there_is_a_503(containers: Containers) -> None:
    """And the next delivery finds it: nothing is restarted."""
    secret = containers.secrets / "webhook_secret"
    secret.rename(containers.secrets / "away")
    containers.start("web")
    eventually(lambda: answers(containers.port))
    sender = Sender(containers.port)
    body = body_of()
    assert not sender._one(body)
    (containers.secrets / "away").rename(secret)
    assert sender._one(body)
    assert SECRET not in containers.log.read_text()


@pytest.mark.parametrize("name", OURS)
def test_a_container_can_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp:mode=1777"]
    assert set(service["secrets"]) == {"webhook_secret", "inbox_url"}
    assert service["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert "healthcheck" in service


def test_grace_is_longer_than_what_it_is_for() -> None:
    worker = SERVICES["worker"]
    drain = int(worker["environment"]["FLASK_YCLOUD_DRAIN_SECONDS"])
    assert seconds(worker["stop_grace_period"]) > drain
    (timeout,) = re.findall(r"--graceful-timeout=(\d+)", DOCKERFILE)
    assert seconds(SERVICES["web"]["stop_grace_period"]) > int(timeout)


def test_the_database_is_ready_before_it_is_used() -> None:
    database = SERVICES["database"]
    assert database["read_only"] is True
    assert "pg_isready" in database["healthcheck"]["test"]
    assert database["volumes"] == ["database:/var/lib/postgresql/data"]
    assert (
        database["environment"]["POSTGRES_PASSWORD_FILE"]
        == "/run/secrets/database_password"
    )


def test_no_secret_is_in_an_environment_or_in_the_image() -> None:
    for service in SERVICES.values():
        for name in service.get("environment", {}):
            assert not re.search("SECRET$|PASSWORD$|URL$|KEY$", name)
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"secrets/{name}"}
    ignored = (FOLDER / ".dockerignore").read_text().splitlines()
    assert ignored[1:] == ["*", "!app.py", "!requirements.txt"]
    assert "secrets/" in (EXAMPLES.parent / ".gitignore").read_text().split()


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.M) == [("10001", "10001")]
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
    assert len(stages) == 2
    assert all(re.fullmatch(r"python:3\.\d+-slim", each) for each in stages)
    assert isinstance(json.loads(re.findall(r"^CMD (.*)$", DOCKERFILE, re.M)[0]), list)


def test_the_commands_of_the_page_make_the_secrets(tmp_path: Path) -> None:
    page = (FOLDER / "README.rst").read_text()
    lines = re.findall(r"^    ((?:mkdir|printf|python3|chmod) .*)$", page, re.M)
    assert len(lines) == 5
    check("sh", "-ec", "\n".join(lines), cwd=tmp_path)
    made = {each.name: each.read_text() for each in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    password = made["database_password"]
    assert made["inbox_url"] == f"postgresql+psycopg://ycloud:{password}@database/ycloud"
    assert open_engine(made["inbox_url"]).url.password == password
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_the_commands_of_the_pages_exist() -> None:
    """Those of ``flask ycloud``, with their options."""
    context = click.Context(ycloud_cli)
    for folder in ("docker", "kubernetes", "systemd", "celery"):
        page = (EXAMPLES / folder / "README.rst").read_text()
        for name, words in re.findall(r"flask --app \w+ ycloud ([\w-]+)(.*)", page):
            command = ycloud_cli.get_command(context, name)
            assert command is not None, (folder, name)
            known = {option for each in command.params for option in each.opts}
            assert set(re.findall(r"--[\w-]+", words)) <= known, (folder, name)


def test_compose_takes_the_file(tmp_path: Path) -> None:
    docker = program("docker")
    if subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker has no compose")
    shutil.copytree(FOLDER, tmp_path / "docker")
    check(docker, "compose", "config", "--quiet", cwd=tmp_path / "docker")


def test_hadolint_takes_the_dockerfile() -> None:
    check(program("hadolint"), str(FOLDER / "Dockerfile"))
