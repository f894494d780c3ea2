"""A lone accept on PostgreSQL, with a network delay of a millisecond.

    python -m benchmarks.lone

A relay delays each direction. Set ROUNDS in the environment to a lower number for a shorter
run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import psycopg
import sqlalchemy as sa

from flask_ycloud.inbox import Inbox

from .inbox import accept
from .relay import Relay
from .rounds import setting, tabulate
from .stores import Store, kinds, scratch

DELAY = 0.0005  # seconds, in each direction
EACH = 50
PAUSES = 3
PAUSE = 1.2  # seconds

PROBE, INSERT = "a bare SELECT 1", "a bare INSERT of as much"
ACCEPT, PAUSED = "an accept", "an accept after a pause of a second"


def seconds(work: Callable[[], object], count: int, pause: float = 0.0) -> float:
    """Return the median seconds of one call."""
    taken = []
    for _ in range(count):
        time.sleep(pause)
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    if "postgresql" not in kinds():
        return
    with scratch("postgresql") as store, Relay(DELAY) as relay:
        there = Store(store.kind, relay.url(store.url), store.schema, store.folder)
        with there.inbox() as inbox:
            measure(inbox, relay, connect(there.url))


def connect(url: str) -> psycopg.Connection:
    """Open a connection with the bare driver."""
    parts = sa.make_url(url)
    address = parts.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True)


def measure(inbox: Inbox, relay: Relay, bare: psycopg.Connection) -> None:
    """Compare the cases in rounds, and count the round trips."""
    bare.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, body bytea)")
    body = b"x" * 700
    works: dict[str, Callable[[], object]] = {
        PROBE: lambda: bare.execute("SELECT 1"),
        INSERT: lambda: bare.execute("INSERT INTO bare (body) VALUES (%s)", [body]),
        ACCEPT: partial(accept, inbox),
    }
    for work in works.values():  # the first few calls prepare statements
        seconds(work, 20)
    counted = {name: [round_trips(work, relay)] for name, work in works.items()}
    time.sleep(PAUSE)
    counted[PAUSED] = [round_trips(works[ACCEPT], relay)]
    times: dict[str, list[float]] = {name: [] for name in (*works, PAUSED)}
    for _ in range(setting("ROUNDS", 10)):
        for name, work in works.items():
            times[name].append(seconds(work, EACH))
        times[PAUSED].append(seconds(works[ACCEPT], PAUSES, PAUSE))
    tabulate(
        "lone-time",
        "A lone accept on PostgreSQL, a millisecond away",
        "time",
        times,
        aim="near 1 for an accept",
    )
    tabulate(
        "lone-trips",
        "The same, counted by the relay",
        "round trips",
        counted,
        aim="1 for an accept",
    )


def round_trips(work: Callable[[], object], relay: Relay) -> float:
    """Return the number of round trips to the database in one call."""
    before = relay.round_trips
    work()
    return relay.round_trips - before


if __name__ == "__main__":
    main()
