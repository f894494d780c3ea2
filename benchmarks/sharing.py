"""Several processes on one SQLite file, beside one process with as many threads.

    python -m benchmarks.sharing

Each process is a gunicorn of its own, and gets its share of 16 connections from another
process. One gunicorn would leave it to chance which of its processes has how many of them.
ROUNDS and SECONDS in the environment make it shorter.
"""

from __future__ import annotations

from contextlib import ExitStack

from .processes import gunicorn, sent, site
from .rounds import setting, tabulate
from .steady import wait_for
from .stores import scratch

THREADS = 16


def measure(workers: int, seconds: float) -> tuple[float, float]:
    """Deliveries a second that were accepted, and the p99 of their answers in seconds."""
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
