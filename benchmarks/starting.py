"""Time from the accept in a web process to the start in a worker process, on SQLite.

    python -m benchmarks.starting

The events arrive one by one. Set ROUNDS and EVENTS in the environment to lower numbers for
a shorter run.
"""

from __future__ import annotations

import random
import statistics
import time
from functools import partial

from tests.processes import bodies, post
from tests.support import eventually

from .processes import Site, gunicorn, site, worker
from .rounds import setting, tabulate
from .stores import scratch

AIM = 0.05  # seconds
WARM = 5  # events


def has_started(app: Site, count: int) -> bool:
    return app.started >= count


def measure(events: int) -> tuple[float, float]:
    """Return the seconds from accept to start: p50 and p99."""
    with scratch("sqlite") as store:
        app = site(store, FLASK_YCLOUD_DISPATCH="manual")
        with gunicorn(app, threads=8) as port, worker(app):
            for number, body in enumerate(bodies(events + WARM)):
                status, _ = post(port, body)
                assert status == 200, status
                eventually(partial(has_started, app, number + 1))
                time.sleep(random.uniform(0.01, 0.05))
        cuts = statistics.quantiles(app.waits()[WARM:], n=100)
        return cuts[49], cuts[98]


def main() -> None:
    found: dict[str, list[float]] = {"the aim": [], "p50": [], "p99": []}
    for _ in range(setting("ROUNDS", 5)):
        found["the aim"].append(AIM)
        p50, p99 = measure(setting("EVENTS", 200))
        found["p50"].append(p50)
        found["p99"].append(p99)
    tabulate(
        "starting",
        "From the accept to the start in another process, on SQLite",
        "time, for lone events",
        found,
        aim=f"p99 1 at most, which is {AIM * 1000:g} ms",
    )


if __name__ == "__main__":
    main()
