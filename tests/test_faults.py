"""What goes wrong in the world, with real processes.

After each fault: acknowledged = handled, and nothing is handled again once its success
is recorded.
"""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from .processes import Sender, Server, Site, _free_port, bodies, post
from .support import body_of, eventually, id_of
from .torture import torture

KILLS = int(os.environ.get("KILLS", "5"))


STARTS_AT_ONCE = """
def post_worker_init(worker):
    app = worker.app.wsgi()
    app.extensions["ycloud"].dispatcher.start()
"""


def assert_kept(site: Site, server: Server, sender: Sender) -> None:
    """Acknowledged = handled, and none again."""
    eventually(site.all_done, seconds=60)
    assert set(server.runs()) >= sender.acknowledged
    assert server.doubled() == []


def children(server: Server) -> list[int]:
    """The processes of gunicorn's workers."""
    assert server.process is not None
    pid = server.process.pid
    return [
        int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ]


def test_kill_9_at_random_instants(site: Site) -> None:
    report = torture(site, kills=KILLS, seed=1)
    print(report)
    assert report.acknowledged > 0
    assert (report.lost, report.doubled) == (0, 0)


@pytest.mark.parametrize("how", ["NOTES", "JOIN"])
def test_writes_on_the_inboxs_connection_happen_exactly_once(site: Site, how: str) -> None:
    """event.connection, and a session that joins: one row for each event, whatever dies."""
    site.inbox.database.init()
    site.inbox.database.write(
        lambda tx: tx.exec_driver_sql("CREATE TABLE notes (note TEXT)")
    )
    server = site.serve("--workers", "2", "--threads", "4", **{how: "1"})
    sender, events = Sender(server.port), bodies(300)
    sending = threading.Thread(target=sender.send, args=(events,))
    sending.start()
    for some in (50, 100, 200):
        eventually(lambda n=some: len(sender.acknowledged) >= n)  # type: ignore[misc]
        server.kill()
        server.start()
    sending.join()
    assert_kept(site, server, sender)
    query = sa.text("SELECT note FROM notes")
    rows = site.inbox.database.read(lambda tx: tx.execute(query).scalars().all())
    assert sorted(rows) == sorted(map(id_of, events))


def test_a_worker_that_was_stopped_beyond_its_lease_settles_nothing(site: Site) -> None:
    """SIGSTOP: another takes over, and the one that wakes up is refused."""
    # As the documents say; or the other would begin at its first request.
    conf = site.folder / "gunicorn.conf.py"
    conf.write_text(STARTS_AT_ONCE)
    server = site.serve("--workers", "2", "--config", str(conf), WORK="0.8")
    body = body_of()
    assert post(server.port, body)[0] == 200
    eventually(lambda: len(server.runs()) == 1)
    stopped = int(server.notes()[0][2])
    assert stopped in children(server)
    os.kill(stopped, signal.SIGSTOP)
    eventually(site.all_done)
    assert [pid for _, what, pid in server.notes() if what == "done"] != [str(stopped)]
    taken = site.inbox.get(id_of(body))
    os.kill(stopped, signal.SIGCONT)
    eventually(lambda: "was taken over" in server.log.read_text())
    assert site.inbox.get(id_of(body)) == taken
    assert len(server.runs()) == 2
    assert server.doubled() == []


def test_a_clock_that_steps_back_holds_nothing_up(site: Site) -> None:
    server = site.serve("--workers", "1", "--threads", "4", WORK="0.01")
    sender, events = Sender(server.port), bodies(120)
    sending = threading.Thread(target=sender.send, args=(events,))
    sending.start()
    eventually(lambda: len(sender.acknowledged) >= 40)
    Path(f"{server.runs_file}.clock").write_text("-3600")
    sending.join()
    assert len(sender.acknowledged) == len(events)
    assert_kept(site, server, sender)


@pytest.mark.parametrize("inbox_url", ["sqlite"], indirect=True)
def test_a_full_disk_refuses_what_it_cannot_keep(site: Site) -> None:
    """503 while it is full, here by a limit on the size of files; then it goes on."""
    server = site.serve("--workers", "1", "--threads", "4")
    server.hang_file.touch()
    (worker,) = children(server)
    limit = 400_000
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    sender = Sender(server.port)
    padded = [body_of(padding="x" * 5000) for _ in range(200)]
    statuses = [post(server.port, body)[0] for body in padded]
    assert set(statuses) == {200, 503}
    acknowledged = [
        id_of(body) for body, status in zip(padded, statuses, strict=True) if status == 200
    ]
    sender.acknowledged |= set(acknowledged)
    assert "was not stored" in server.log.read_text()
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    server.hang_file.unlink()
    assert post(server.port, body_of())[0] == 200, "no restart is needed"
    assert_kept(site, server, sender)


@pytest.mark.parametrize("inbox_url", ["sqlite"], indirect=True)
def test_a_lock_of_another_process_is_outlived(site: Site, tmp_path: Path) -> None:
    # With a lease that outlasts the lock, as the default does.
    server = site.serve(
        "--workers", "2", "--threads", "4", WORK="0.3", FLASK_YCLOUD_LEASE_SECONDS="60"
    )
    sender = Sender(server.port)
    sender.send(bodies(8))
    eventually(lambda: len(server.runs()) >= 1)
    other = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None, timeout=10)
    other.execute("BEGIN IMMEDIATE")
    refused = body_of()
    assert post(server.port, refused)[0] == 503
    other.execute("ROLLBACK")
    other.close()
    sender.send([refused])
    assert_kept(site, server, sender)
    assert sorted(server.runs()) == sorted(sender.acknowledged), "nor was any run twice"


class PostgreSQL:
    """A server of our own, to stop and start."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.programs = programs
        self.data = folder / "data"
        self.port = _free_port()
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"
        folder.mkdir()
        self.user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        if self.user:
            shutil.chown(folder, self.user)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N")

    def start(self) -> None:
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        )
        self._run(
            "pg_ctl", "-D", self.data, "-o", options, "-w", "-l", "/dev/null", "start"
        )

    def crash(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self.programs / program), *map(str, arguments)]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, cwd="/", user=self.user
        )


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    known = {each.pw_name for each in pwd.getpwall()}
    if not found or (os.geteuid() == 0 and "postgres" not in known):
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL's server programs are not installed")
        pytest.skip("PostgreSQL's server programs are not installed")
    # Not below pytest's folder, which its user may not enter.
    folder = Path("/tmp") / f"ycloud-postgresql-{os.getpid()}"
    server = PostgreSQL(folder, found[-1].parent)
    server.start()
    yield server
    server.crash()
    shutil.rmtree(folder)


def test_postgresql_may_crash_and_come_back_under_load(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    site = Site(tmp_path, postgresql.url)
    server = site.serve("--workers", "2", "--threads", "4", WORK="0.01")
    try:
        sender, events = Sender(server.port), bodies(400)
        sending = threading.Thread(target=sender.send, args=(events,))
        sending.start()
        eventually(lambda: len(sender.acknowledged) >= 100)
        postgresql.crash()
        assert post(server.port, body_of())[0] == 503
        time.sleep(0.5)
        postgresql.start()
        sending.join()
        assert len(sender.acknowledged) == len(events)
        assert_kept(site, server, sender)
    finally:
        site.close()
