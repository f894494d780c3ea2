"""The units: what they may do, what systemd says of them, and that their commands run."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flask_ycloud.inbox import Database, Inbox, open_engine

from ..processes import Sender, _free_port, answers, bodies
from ..support import SECRET, eventually
from .support import EXAMPLES, check, program, without_site

FOLDER = EXAMPLES / "systemd"
SERVICES = sorted(path.stem for path in FOLDER.glob("*.service"))
PROGRAMS = "/srv/ycloud/.venv/bin/"


class Unit:
    """A unit file, whose keys may be there several times."""

    def __init__(self, name: str) -> None:
        self.text = (FOLDER / name).read_text()
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.optionxform = str  # type: ignore[assignment]
        parser.read_string(self.text)
        self.parser = parser

    def all(self, key: str) -> list[str]:
        return re.findall(rf"^{key}=(.*)$", self.text, re.M)

    def __getitem__(self, key: str) -> str:
        (value,) = self.all(key)
        return str(value)

    def environ(self, credentials: Path) -> dict[str, str]:
        """The environment that it sets, with the credentials in a folder."""
        pairs = (each.split("=", 1) for each in self.all("Environment"))
        return {name: value.replace("%d", str(credentials)) for name, value in pairs}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_little(name: str) -> None:
    unit = Unit(f"{name}.service")
    assert unit["User"] == "ycloud"
    assert unit["UMask"] == "0077"
    assert unit["StateDirectoryMode"] == "0700"
    assert unit["ProtectSystem"] == "strict"
    assert unit["NoNewPrivileges"] == "yes"
    assert unit["CapabilityBoundingSet"] == ""
    credentials = [each.split(":")[0] for each in unit.all("LoadCredential")]
    assert credentials == ["webhook_secret", "inbox_url"]
    assert not re.search(r"^Environment=\w*(SECRET|URL|PASSWORD)=", unit.text, re.M)


def test_grace_is_longer_than_what_it_is_for() -> None:
    worker, web = Unit("ycloud-worker.service"), Unit("ycloud-web.service")
    drain = int(worker.environ(Path())["FLASK_YCLOUD_DRAIN_SECONDS"])
    assert int(worker["TimeoutStopSec"]) > drain
    (timeout,) = re.findall(r"--graceful-timeout=(\d+)", web["ExecStart"])
    assert int(web["TimeoutStopSec"]) > int(timeout)


def test_each_timer_has_its_service() -> None:
    timers = {path.stem for path in FOLDER.glob("*.timer")}
    assert timers == {"ycloud-prune", "ycloud-sweep"}
    for name in timers:
        assert Unit(f"{name}.timer")["WantedBy"] == "timers.target"
        assert Unit(f"{name}.service")["Type"] == "oneshot"


def test_systemd_takes_them(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    for path in FOLDER.glob("*.*[er]"):
        # It also looks whether the program is there.
        text = re.sub(
            rf"^ExecStart={PROGRAMS}\w+",
            "ExecStart=/bin/true",
            path.read_text(),
            flags=re.M,
        )
        (tmp_path / path.name).write_text(text)
    units = sorted(map(str, tmp_path.iterdir()))
    assert len(units) == len(SERVICES) + 2
    assert check(analyze, "verify", "--man=no", *units) == ""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The app and the credentials, in folders of the test."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "webhook_secret").write_text(SECRET + "\n")
    url = f"sqlite:///{tmp_path}/state/ycloud.db"
    (tmp_path / "credentials" / "inbox_url").write_text(url + "\n")
    (tmp_path / "state").mkdir()
    shutil.copy(EXAMPLES / "docker" / "app.py", tmp_path)
    return tmp_path


def start(machine: Path, name: str, port: int) -> subprocess.Popen[bytes]:
    unit = Unit(f"{name}.service")
    assert unit["ExecStart"].startswith(PROGRAMS)
    words = unit["ExecStart"].removeprefix(PROGRAMS).split()
    words = [each.replace("127.0.0.1:8000", f"127.0.0.1:{port}") for each in words]
    environ = unit.environ(machine / "credentials") | {"HOME": str(machine / "state")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with (machine / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *words], cwd=machine, stdout=log, stderr=log,
            env=without_site(environ | {"PATH": path}),
        )  # fmt: skip


def test_the_commands_run_as_written(machine: Path) -> None:
    port = _free_port()
    url = f"sqlite:///{machine}/state/ycloud.db"
    inbox = Inbox(Database(open_engine(url), owned=True))
    running = [start(machine, "ycloud-web", port), start(machine, "ycloud-worker", port)]
    try:
        eventually(lambda: answers(port))
        Sender(port).send(bodies(5))
        eventually(lambda: len(inbox.list(state="done")) == 5)
        for name in ("ycloud-prune", "ycloud-sweep"):
            oneshot = start(machine, name, port)
            status = oneshot.wait(60)
            # The app of the example has no queue, and the command says so.
            assert status == (0 if name == "ycloud-prune" else 1)
    finally:
        for process in running:
            process.terminate()
        ended = [process.wait(60) for process in running]
    log = (machine / "log").read_text()
    assert ended == [0, 0], log
    assert "Deleted 0 events." in log
    assert log.count("handled ") == 5
