"""Several processes on one SQLite file, compared with one process with all their threads.

    python -m benchmarks.sharing

Each process is its own gunicorn, and gets its share of 16 connections from a sender
process. One gunicorn would distribute the connections to its processes at random. Set
ROUNDS and SECONDS in the environment to lower numbers for a shorter run.
"""

from __future__ import annotations

from contextlib import ExitStack

from .processes import gunicorn, sent, site
from .rounds import setting, tabulate
from .steady import wait_for
from .stores import scratch

THREADS = 16


def measure(workers: int, seconds: float) -> tuple[float, float]:
    """Return accepted deliveries per second, and the p99 of their response times."""
    with scratch("sqlite") as store:
        app = site(store)
        with ExitStack() as servers:
            ports = [
                servers.enter_context(gunicorn(app, threads=THREADS // workers))
                for _ in range(workers)
            ]
            sending = sent(ports[0], seconds, THREADS, 0, *ports[1:])
            done = servers.enter_context(sending)
            assert not done.refused, f"{done.refused} were refused"
            wait_for(app, done.accepted)
    return done.accepted / done.seconds, done.p99


def main() -> None:
    rates: dict[str, list[float]] = {}
    tails: dict[str, list[float]] = {}
    for _ in range(setting("ROUNDS", 5)):
        for workers in (1, 2, 4):
            name = f"{workers} of {THREADS // workers} threads"
            rate, tail = measure(workers, setting("SECONDS", 5))
            rates.setdefault(name, []).append(rate)
            tails.setdefault(name, []).append(tail)
    title = "Processes on one SQLite file"
    tabulate("sharing-rate", title, "rate of accepts", rates, aim="1 at least")
    tabulate("sharing-tail", title, "p99 of the answers", tails, aim="2 at most")


if __name__ == "__main__":
    main()
