"""Comparisons of the inbox: shared commits, and sizes from empty to a million events.

    python -m benchmarks.inbox [--store sqlite|postgresql] [--largest N] [--seconds S]

Only the ratios within one run on one machine are meaningful, not the rates.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Database, Inbox, Verdict, open_engine
from flask_ycloud.inbox.tables import events
from flask_ycloud.protocol import sample_event

from .rounds import tabulate

THREADS = 16
ROUNDS = 5
SLOWER_MS = 1
RANDOM_IDS = "RANDOM_IDS" in os.environ
SERVER = "postgresql+psycopg://postgres@127.0.0.1/test"
BODY = json.dumps(sample_event("whatsapp.inbound_message.received")).encode()


A = TypeVar("A")
T = TypeVar("T")


def rate(work: Callable[[], object], seconds: float, threads: int = 1) -> float:
    """Return how often per second several threads together do ``work``."""
    counts = [0] * threads
    stop = threading.Event()

    def loop(number: int) -> None:
        while not stop.is_set():
            work()
            counts[number] += 1

    running = [threading.Thread(target=loop, args=(each,)) for each in range(threads)]
    started = time.perf_counter()
    for thread in running:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in running:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def new_id() -> str:
    """Return an id like those in YCloud's newer examples: the time, then a random part.

    (``evt_68f8886903683f3481f9707b`` and ``createTime`` 2025-10-22 of
    docs.ycloud.com/reference/contact-unsubscribe-created-webhook-examples.) With
    RANDOM_IDS=1 the whole id is random, like the older ids. This is the worst case for an
    index: each insert is on another page.
    """
    first = "" if RANDOM_IDS else f"{int(time.time()):08x}"
    return f"evt_{first}{secrets.token_hex(12)}"[:28]


def accept(inbox: Inbox) -> None:
    inbox.accept(
        new_id(),
        BODY,
        endpoint="ycloud",
        event_type="whatsapp.inbound_message.received",
        names=(secrets.token_hex(16),),
    )


class CommitsEach(Database):
    """Commits once per request, like a receiver without shared commits.

    :param in_turn: held during each commit.
    """

    def __init__(self, engine: Engine, in_turn: AbstractContextManager[object]) -> None:
        super().__init__(engine)
        self._in_turn = in_turn

    def write_single_together(
        self, work: Callable[[Connection, list[A]], list[T]], what: A
    ) -> T:
        sqlite = self.dialect == "sqlite"
        own = self._begin(time.monotonic()) if sqlite else self._autocommit()
        with self._in_turn, own as tx:
            return work(tx, [what])[0]


def accept_alone(inbox: Inbox) -> None:
    # If the database is locked for too long, the answer is 503.
    with suppress(InboxUnavailable):
        accept(inbox)


def committing_each(
    engine: Engine, in_turn: AbstractContextManager[object] | None = None
) -> Callable[[], None]:
    """Return what accepts an event without shared commits."""
    return partial(accept_alone, Inbox(CommitsEach(engine, in_turn or nullcontext())))


def fill(inbox: Inbox, count: int) -> None:
    """Insert events that are done, as after months of service."""
    now = time.time()
    rows = [
        {
            "endpoint": "ycloud",
            "type": "whatsapp.inbound_message.received",
            "received_at": now,
            "state": "done",
            "settled_at": now,
            "attempt": 1,
            "crashes": 0,
            "body": BODY,
        }
        for _ in range(10_000)
    ]
    for _ in range(0, count, len(rows)):
        for row in rows:
            row["id"] = new_id()
            row["key"] = secrets.token_hex(16)
        inbox.database.write(lambda tx: tx.execute(events.insert(), rows))
    engine = inbox.database._engine
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(
            "ANALYZE" if inbox.database.dialect != "sqlite" else "PRAGMA optimize"
        )
        if inbox.database.dialect == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()


def claims(inbox: Inbox, count: int) -> list[float]:
    """Return the seconds for claiming each of some pending events."""
    for _ in range(count):
        accept(inbox)
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        claim = inbox.claim()
        taken.append(time.perf_counter() - started)
        assert claim is not None
        inbox.save(claim, None, Verdict("done"))
    return taken


@contextmanager
def inboxes(store: str, sizes: list[int], folder: Path) -> Iterator[dict[int, Inbox]]:
    """Create one inbox of each size."""
    made: dict[int, Inbox] = {}
    engines = []
    admin = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    for size in sizes:
        url = f"sqlite:///{folder}/{size}.db"
        if store == "postgresql":
            url = f"{SERVER}?options=-csearch_path%3Dycloud_bench_{size}"
            with admin.connect() as connection:
                connection.exec_driver_sql(
                    f"DROP SCHEMA IF EXISTS ycloud_bench_{size} CASCADE"
                )
                connection.exec_driver_sql(f"CREATE SCHEMA ycloud_bench_{size}")
        engine = open_engine(url)
        engines.append(engine)
        made[size] = Inbox(Database(engine))
        made[size].database.init()
        fill(made[size], size)
    yield made
    for engine in engines:
        engine.dispose()
    if store == "postgresql":
        with admin.connect() as connection:
            for size in sizes:
                connection.exec_driver_sql(f"DROP SCHEMA ycloud_bench_{size} CASCADE")


def fsync_floor(folder: Path, seconds: float) -> float:
    """Return how often per second the disk syncs 4 KiB."""
    file = os.open(folder / "floor", os.O_CREAT | os.O_WRONLY)
    block = os.urandom(4096)

    def work() -> None:
        os.write(file, block)
        os.fsync(file)

    try:
        return rate(work, seconds)
    finally:
        os.close(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    parser.add_argument("--folder", default=".benchmarks", help="on the disk to measure")
    options = parser.parse_args()
    Path(options.folder).mkdir(exist_ok=True)
    sizes = [0, options.largest // 10, options.largest]
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        inboxes(options.store, sizes, Path(folder)) as made,
    ):
        compare(made, Path(folder), options.seconds)


def compare(made: dict[int, Inbox], folder: Path, seconds: float) -> None:
    store = made[0].database.dialect
    tabulate(
        f"inbox-commits-{store}",
        f"Accepts on {store}, {THREADS} threads",
        "rate of accepts",
        commits(made[0], folder, seconds),
    )
    if store == "sqlite":
        tabulate(
            f"inbox-slower-{store}",
            f"The same, where a commit takes {SLOWER_MS} ms more",
            "rate of accepts",
            commits_on_a_slower_disk(made[0], seconds),
        )
    for inbox in made.values():
        forget(inbox, events.c.state != "done")
    by_size: dict[str, list[float]] = {f"{size:,} stored": [] for size in made}
    latency: dict[str, list[float]] = {f"{size:,} stored": [] for size in made}
    for _ in range(ROUNDS):
        for name, inbox in zip(by_size, made.values(), strict=True):
            by_size[name].append(rate(partial(accept, inbox), seconds, THREADS))
        for inbox in made.values():
            forget(inbox, events.c.state == "pending")
        for name, inbox in zip(latency, made.values(), strict=True):
            latency[name].append(statistics.median(claims(inbox, 200)))
    tabulate(
        f"inbox-size-{store}",
        f"Accepts on {store}, {THREADS} threads, by what is stored",
        "rate of accepts",
        by_size,
    )
    tabulate(
        f"inbox-claim-{store}",
        f"Claims on {store}, by what is stored",
        "time of a claim",
        latency,
    )


COMMIT_EACH = "one commit each"


def commits(inbox: Inbox, folder: Path, seconds: float) -> dict[str, list[float]]:
    """Return the rates of accepting with and without shared commits, and of the disk."""
    engine = inbox.database._engine
    works: dict[str, tuple[Callable[[], object], int]] = {
        COMMIT_EACH: (committing_each(engine), THREADS),
        "one commit each, in turn": (committing_each(engine, threading.Lock()), THREADS),
        "shared commits": (partial(accept, inbox), THREADS),
        "one thread alone": (partial(accept, inbox), 1),
    }
    if inbox.database.dialect == "sqlite":
        works["one commit each, WAL"] = works[COMMIT_EACH]
        works["one commit each, WAL, in turn"] = works.pop("one commit each, in turn")
        # The default of SQLite is a rollback journal.
        plain = sa.create_engine(f"sqlite:///{folder}/plain.db")
        works[COMMIT_EACH] = (committing_each(plain), THREADS)
    rates: dict[str, list[float]] = {name: [] for name in [*works, "the disk's syncs"]}
    for _ in range(ROUNDS):
        for name, (work, threads) in works.items():
            rates[name].append(rate(work, seconds, threads))
        rates["the disk's syncs"].append(fsync_floor(folder, seconds / 4))
    return rates


def commits_on_a_slower_disk(inbox: Inbox, seconds: float) -> dict[str, list[float]]:
    """Slow down commits, as on most disks: here a sync takes a tenth of a millisecond."""
    engine = inbox.database._engine
    works: dict[str, Callable[[], object]] = {
        COMMIT_EACH + ", WAL": committing_each(engine),
        "shared commits": partial(accept, inbox),
    }
    rates: dict[str, list[float]] = {name: [] for name in works}

    def sync(_: object) -> None:  # during this, SQLite's lock is held, as during a sync
        time.sleep(SLOWER_MS / 1000)

    sa.event.listen(engine, "commit", sync)
    for _ in range(ROUNDS):
        for name, work in works.items():
            rates[name].append(rate(work, seconds, THREADS))
    sa.event.remove(engine, "commit", sync)
    return rates


def forget(inbox: Inbox, which: sa.ColumnElement[bool]) -> None:
    inbox.database.write(lambda tx: tx.execute(events.delete().where(which)))


if __name__ == "__main__":
    main()
