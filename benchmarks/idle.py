"""An idle worker process: its statements and its database connections.

    python -m benchmarks.idle

The process handles some events first. A relay counts the statements to PostgreSQL, and a
callback counts those of SQLite. Set ROUNDS, SECONDS and EVENTS in the environment to lower
numbers for a shorter run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path

import sqlalchemy as sa

from tests.support import eventually

from .inbox import SERVER, accept
from .processes import Site, site, worker
from .relay import Relay
from .rounds import setting, tabulate
from .stores import TITLES, Store, kinds, scratch

AIM_STATEMENTS, AIM_CONNECTIONS = 1.0, 3.0
ACCOUNTS = {"one": "one account", "many": "also an endpoint with tenants"}
CALM = 3.0  # seconds after the load
NAME = "ycloud_bench_idle"


@contextmanager
def idle(kind: str, accounts: str, events: int) -> Iterator[Callable[[], int]]:
    """Run a worker process without work; yield a function that counts its statements."""
    with ExitStack() as opened:
        store = opened.enter_context(scratch(kind))
        counted, environ = store.folder / "statements", {"ACCOUNTS": accounts}
        if kind == "postgresql":
            relay = opened.enter_context(Relay())
            environ["FLASK_YCLOUD_INBOX_URL"] = relay.url(store.url, application_name=NAME)
            count = lambda: relay.statements  # noqa: E731
        else:
            environ["STATEMENTS"] = str(counted)
            count = lambda: _size(counted)  # noqa: E731
        app = site(store, **environ)
        opened.enter_context(worker(app))
        load(store, app, events)
        yield count


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def load(store: Store, app: Site, events: int) -> None:
    """Send some events from sixteen threads, and wait until they are handled."""
    with store.inbox() as inbox, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: accept(inbox), range(events)))
        inbox.database.notify()
    eventually(lambda: app.started >= events, seconds=120)
    time.sleep(CALM)


def connections() -> int:
    """Return how many connections to PostgreSQL the worker process holds."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name"
    engine = sa.create_engine(SERVER, poolclass=sa.NullPool)
    with engine.connect() as connection:
        held: int = connection.execute(sa.text(query), {"name": NAME}).scalar_one()
    return held


def main() -> None:
    seconds, events, there = setting("SECONDS", 20), setting("EVENTS", 2000), kinds()
    rates: dict[str, list[float]] = {"the aim": []}
    held: dict[str, list[float]] = {"the aim": [], "a worker process": []}
    for _ in range(setting("ROUNDS", 3)):
        rates["the aim"].append(AIM_STATEMENTS)
        for kind, accounts in product(there, ACCOUNTS):
            with idle(kind, accounts, events) as count:
                if (kind, accounts) == ("postgresql", "one"):
                    held["the aim"].append(AIM_CONNECTIONS)
                    held["a worker process"].append(connections())
                before = count()
                time.sleep(seconds)
                rate = (count() - before) / seconds
            title = f"{TITLES[kind]}, {ACCOUNTS[accounts]}"
            rates.setdefault(title, []).append(rate)
    tabulate(
        "idle-statements",
        "An idle worker process",
        f"statements in {seconds} s",
        rates,
        aim="1 at most, which is one a second",
    )
    if held["the aim"]:
        tabulate(
            "idle-connections",
            "Connections of a worker process with four threads to PostgreSQL, after load",
            "number",
            held,
            aim=f"1 at most, which is {AIM_CONNECTIONS:g}",
        )


if __name__ == "__main__":
    main()
