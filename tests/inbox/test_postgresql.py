"""PostgreSQL in production: a pooler, a failover, a server that does not answer."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.inbox import postgresql as module

from ..processes import _free_port
from ..support import eventually
from .support import DONE, SUCCEEDED, accept, claim, state_of

PROXY = """
import socket, sys, threading

def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for each in (source, sink):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", 5432))
    for pair in ((client, server), (server, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


class Proxy:
    """A process in front of the server, which can be frozen."""

    def __init__(self, url: str) -> None:
        port = _free_port()
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROXY, str(port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        plain = {"sslmode": "disable", "gssencmode": "disable"}
        made = sa.make_url(url).set(port=port).update_query_dict(plain)
        self.url = made.render_as_string(hide_password=False)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def proxy(postgresql_url: str) -> Iterator[Proxy]:
    made = Proxy(postgresql_url)
    yield made
    made.end()


def inbox_at(url: str) -> Inbox:
    return Inbox(Database(open_engine(url), owned=True))


@pytest.fixture
def inbox(postgresql_url: str) -> Iterator[Inbox]:
    made = inbox_at(postgresql_url)
    yield made
    made.database._engine.dispose()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_bare_url_is_for_psycopg_3(scheme: str) -> None:
    """As hosters give it."""
    engine = open_engine(f"{scheme}://user@127.0.0.1/database")
    assert engine.url.drivername == "postgresql+psycopg"
    assert open_engine("postgresql+psycopg://u@h/d?connect_timeout=9").pool is not None


def test_a_server_that_answers_nothing(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It accepts connections but does not answer. Deliveries wait for a limited time."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.6)
    inbox = inbox_at(proxy.url)
    accept(inbox, "evt_0")
    proxy.freeze()
    for use in (lambda: accept(inbox, "evt_1"), inbox.stats, inbox.claim):
        with pytest.raises(InboxUnavailable, match=r"no answer|timeout expired"):
            use()
    proxy.thaw()
    assert accept(inbox, "evt_2") == "accepted"
    assert accept(inbox, "evt_1") in ("accepted", "duplicate")
    inbox.database._engine.dispose()


def test_a_lock_of_somebody_else_keeps_nobody_for_long(
    inbox: Inbox, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.3)
    accept(inbox, "evt_0")
    other = sa.create_engine(postgresql_url, poolclass=sa.NullPool)
    with other.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE ycloud_events")
        with pytest.raises(InboxUnavailable, match=r"no answer within 0\.3 s"):
            accept(inbox, "evt_1")
    assert accept(inbox, "evt_2") == "accepted"


def test_a_slow_answer_is_waited_for(inbox: Inbox) -> None:
    def slow(tx: Any) -> object:
        return tx.exec_driver_sql("SELECT pg_sleep(0.6)").scalar()

    inbox.database.read(slow)
    inbox.database.write(slow)


def test_a_failover(inbox: Inbox, postgresql_url: str) -> None:
    """The server becomes read-only, and another server replaces it."""
    accept(inbox, "evt_0")
    database = inbox.database._engine.url.database
    admin = sa.create_engine(
        postgresql_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        setting = f"ALTER DATABASE {database} {{}} default_transaction_read_only"
        connection.exec_driver_sql(f"{setting.format('SET')} = on")
        try:
            inbox.database._engine.dispose()  # as the failover ends connections
            for number in range(3):
                with pytest.raises(InboxUnavailable, match=r"read-only .*25006"):
                    accept(inbox, f"evt_{number}")
            with pytest.raises(InboxUnavailable, match="25006"):
                inbox.prune()
        finally:
            connection.exec_driver_sql(setting.format("RESET"))
    assert [accept(inbox, f"evt_{number}") for number in (1, 2)] == ["accepted"] * 2
    inbox.prune()


def test_tables_that_are_gone_are_made_again(inbox: Inbox) -> None:
    accept(inbox)
    for name in ("events", "schema"):
        drop = f"DROP TABLE ycloud_{name}"
        inbox.database.write(lambda tx, each=drop: tx.exec_driver_sql(each))  # type: ignore[misc]
    with pytest.raises(InboxUnavailable, match='relation "ycloud_events" does not exist'):
        accept(inbox)
    assert accept(inbox) == "accepted"


def test_handlers_that_hold_connections_keep_no_delivery_waiting(inbox: Inbox) -> None:
    with ExitStack() as stack:
        for _ in range(24):
            transaction = stack.enter_context(inbox.database.transaction())
            transaction.open().execute(sa.select(1))
        assert accept(inbox) == "accepted"


def test_an_idle_process_polls_with_one_connection(inbox: Inbox) -> None:
    """So it is never idle for long, and is not pinged. The others rest."""
    with ExitStack() as stack:
        for _ in range(4):  # as under load
            stack.enter_context(inbox.database.transaction()).open()

    def polled_with(tx: sa.Connection) -> int:
        pid: int = tx.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        return pid

    assert len({inbox.database.read(polled_with) for _ in range(8)}) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"database": "nowhere"}, r'database "nowhere" does not exist'),
        ({"port": 9}, "refused"),
    ],
)
def test_an_error_says_what_is_wrong_in_the_drivers_words(
    postgresql_url: str, change: dict[str, Any], says: str
) -> None:
    url = sa.make_url(postgresql_url).set(**change, password="hunter2")
    with pytest.raises(InboxUnavailable, match=says) as caught:
        inbox_at(url.render_as_string(hide_password=False)).stats()
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_option_that_the_driver_does_not_take(postgresql_url: str) -> None:
    inbox = inbox_at(f"{postgresql_url}&prepare_threshold=0")
    with pytest.raises(InboxUnavailable, match=r"TypeError\. Check the options"):
        accept(inbox)


def test_a_client_encoding_of_the_role_or_the_environment(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours is always UTF-8. The app's own engine is checked."""
    monkeypatch.setenv("PGCLIENTENCODING", "latin1")
    inbox = inbox_at(f"{postgresql_url}%20-cclient_encoding%3Dlatin1")
    assert accept(inbox, "evt_漢字") == "accepted"
    assert state_of(inbox, "evt_漢字") == "pending"
    inbox.database._engine.dispose()
    own = Inbox(Database(sa.create_engine(postgresql_url), owned=True))
    with pytest.raises(InboxUnavailable, match="have client_encoding LATIN1, which cannot"):
        accept(own, "evt_漢字")


REMEDY = r"-c default_transaction_isolation=read\ committed"


def test_strings_of_old_are_refused(postgresql_url: str) -> None:
    """Drivers change the bytes in an array."""
    inbox = inbox_at(f"{postgresql_url}%20-cstandard_conforming_strings%3Doff")
    with pytest.raises(InboxUnavailable, match="standard_conforming_strings=off"):
        accept(inbox)
    inbox.database._engine.dispose()


@pytest.mark.parametrize("isolation", ["repeatable\\ read", "serializable"])
def test_a_stricter_isolation_of_the_database_fails_nothing(
    postgresql_url: str, isolation: str
) -> None:
    option = quote(f" -cdefault_transaction_isolation={isolation}")
    inboxes = [inbox_at(postgresql_url + option) for _ in range(2)]  # as in two processes
    arrivals: list[str] = []
    handled: list[str] = []

    def work(inbox: Inbox, first: int) -> None:
        for number in range(first, first + 25):
            arrivals.append(accept(inbox, f"evt_{number}", f"key {number % 3}"))
            for each in inbox.fetch(2):
                inbox.save(each, SUCCEEDED, DONE)
                handled.append(each.id)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, inboxes[n % 2], 100 * n) for n in range(8)]:
            done.result()
    while claims := inboxes[0].fetch(10):
        for each in claims:
            inboxes[0].save(each, SUCCEEDED, DONE)
            handled.append(each.id)
    assert arrivals == ["accepted"] * 200
    assert len(set(handled)) == 200
    for inbox in inboxes:
        inbox.database._engine.dispose()
    own = sa.create_engine(postgresql_url + option)
    with pytest.raises(InboxUnavailable, match="Set it to 'read committed'"):
        accept(Inbox(Database(own)))
    own.dispose()
    remedy = {"options": rf"{sa.make_url(postgresql_url).query['options']} {REMEDY}"}
    own = sa.create_engine(sa.make_url(postgresql_url).set(query={}), connect_args=remedy)
    assert accept(Inbox(Database(own)), "evt_own") == "accepted"
    own.dispose()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_does_not_take_every_character(
    postgresql_url: str, encoding: str
) -> None:
    name = f"ycloud_{encoding.lower()}_{os.getpid()}"
    admin = sa.create_engine(
        postgresql_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
            " TEMPLATE template0"
        )
        try:
            url = sa.make_url(postgresql_url).set(database=name, query={})
            inbox = inbox_at(url.render_as_string())
            with pytest.raises(
                InboxUnavailable, match=f"has the encoding {encoding}, which"
            ):
                accept(inbox)
            inbox.database._engine.dispose()
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


# -- behind a pooler -------------------------------------------------------------------

POOLER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@pytest.fixture
def pooler(tmp_path: Path, postgresql_url: str) -> Iterator[str]:
    """PgBouncer in transaction mode; gives the inbox's address through it."""
    if POOLER is None and not os.environ.get("CI"):
        pytest.skip("PgBouncer is not installed.")
    assert POOLER is not None, "CI has it: apt-get install pgbouncer"
    port = _free_port()
    database = sa.make_url(postgresql_url).database
    settings = tmp_path / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n{database} = host=127.0.0.1 port=5432 user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 4\nunix_socket_dir =\n"
        "ignore_startup_parameters = options\n"
    )
    for each in (tmp_path, settings):
        each.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)  # PgBouncer does not run as root
    user = ["-u", "postgres"] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [POOLER, "-q", *user, str(settings)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: answers(port))
    yield f"postgresql://postgres@127.0.0.1:{port}/{database}"
    process.kill()
    process.wait()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_behind_a_pooler_nothing_fails_and_nothing_is_handled_twice(pooler: str) -> None:
    """A transaction may use any server connection; a prepared statement exists on one."""
    inbox = inbox_at(pooler)
    errors: list[BaseException] = []
    handled: list[str] = []

    def send(thread: int) -> None:
        for number in range(25):
            try:
                accept(inbox, f"evt_{thread}_{number}", key=f"k{number % 5}")
            except BaseException as error:
                errors.append(error)

    def handle() -> None:
        while len(handled) < 200 and time.monotonic() < deadline and not errors:
            try:
                held = inbox.claim()
                if held is not None and inbox.save(held, None, DONE):
                    handled.append(held.id)
            except BaseException as error:
                errors.append(error)

    deadline = time.monotonic() + 30
    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    threads += [threading.Thread(target=handle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(handled) == len(set(handled)) == 200
    with inbox.database._engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert driver.prepare_threshold is None
        drop = "DROP TABLE ycloud_{}"
        for name in ("events", "outcomes", "attempts", "schema", "conversations"):
            connection.exec_driver_sql(drop.format(name))
        for name in ("rejections", "workers"):
            connection.exec_driver_sql(drop.format(name))
        connection.commit()
    inbox.database._engine.dispose()


def test_another_driver_is_left_as_it_is() -> None:
    class Other:
        """A connection of a driver that does not prepare statements."""

    other = Other()
    module._set_up(other, None)
    assert vars(other) == {}


def test_without_one_statements_are_prepared(inbox: Inbox) -> None:
    inbox.stats()
    with inbox.database._engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert driver.prepare_threshold is not None


def test_an_inbox_on_an_engine_of_somebody_else_is_bounded_too(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.3)
    engine = sa.create_engine(postgresql_url)
    inbox = Inbox(Database(engine))
    accept(inbox)
    with pytest.raises(InboxUnavailable, match="no answer"):
        inbox.database.read(lambda tx: tx.exec_driver_sql("SELECT pg_sleep(5)"))
    assert claim(inbox).id == "evt_1"
    engine.dispose()
