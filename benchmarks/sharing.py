"""Several processes on one SQLite file, beside one process with as many threads.

    python -m benchmarks.sharing

A gunicorn accepts and handles; the sender is another process, with 16 connections. ROUNDS
and SECONDS in the environment make it shorter.
"""

from __future__ import annotations

from .processes import gunicorn, sent, site
from .rounds import setting, tabulate
from .steady import wait_for
from .stores import scratch

THREADS = 16


def measure(workers: int, seconds: float) -> tuple[float, float]:
    """Deliveries a second that were accepted, and the p99 of their answers in seconds."""
    with scratch("sqlite") as store:
        app = site(store)
        with (
            gunicorn(app, threads=THREADS // workers, workers=workers) as port,
            sent(port, seconds, threads=THREADS) as done,
        ):
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
