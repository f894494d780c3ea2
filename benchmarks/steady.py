"""Full rate over HTTP: how much is handled during accepting, and how much is left over.

    python -m benchmarks.steady

gunicorn with one process and 8 threads accepts and handles; the sender is another process.
Set ROUNDS and SECONDS in the environment to lower numbers for a shorter run.
"""

from __future__ import annotations

import time

from tests.support import eventually

from .processes import Site, gunicorn, sent, site
from .rounds import setting, tabulate
from .stores import TITLES, Store, kinds, scratch

WEB_THREADS = 8
AIM = 5.0  # seconds of work that may be left over


def measure(store: Store, seconds: float) -> tuple[float, float]:
    """Return the share of events handled during sending, and the seconds for the rest."""
    app = site(store)
    with gunicorn(app, threads=WEB_THREADS) as port, sent(port, seconds) as done:
        paused, handled = time.monotonic(), app.started
        assert not done.refused, f"{done.refused} were refused"
        wait_for(app, done.accepted)
        return handled / done.accepted, time.monotonic() - paused


def wait_for(app: Site, count: int) -> None:
    """Wait until a number of events have been handled."""
    eventually(lambda: app.started >= count, seconds=600)
    assert app.started == count, "an event was handled twice"


def main() -> None:
    seconds, there = setting("SECONDS", 10), kinds()
    shares: dict[str, list[float]] = {"accepted": []}
    left: dict[str, list[float]] = {"the aim": []}
    for _ in range(setting("ROUNDS", 3)):
        shares["accepted"].append(1.0)
        left["the aim"].append(AIM)
        for kind in there:
            with scratch(kind) as store:
                share, rest = measure(store, seconds)
            shares.setdefault(f"handled, {TITLES[kind]}", []).append(share)
            left.setdefault(TITLES[kind], []).append(rest)
    title = f"Full rate over HTTP: gunicorn with {WEB_THREADS} threads"
    tabulate(
        "steady-rate", title, "rate of handling meanwhile", shares,
        aim="near 1",
    )  # fmt: skip
    tabulate(
        "steady-backlog",
        "What is left over when the sender pauses",
        f"time until all is handled, after {seconds} s of sending",
        left,
        aim=f"1 at most, which is {AIM:g} s",
    )


if __name__ == "__main__":
    main()
