"""The rate over HTTP with many tenants at one endpoint, compared with no tenants.

    python -m benchmarks.tenants

gunicorn with one process and 8 threads accepts and handles. The sender is another process,
and signs for each tenant with its own secret. Set ROUNDS and SECONDS in the environment to
lower numbers for a shorter run.
"""

from __future__ import annotations

from functools import partial

from .processes import gunicorn, sent, site
from .rounds import compare, setting
from .steady import WEB_THREADS, wait_for
from .stores import TITLES, kinds, scratch

MANY = 1_000


def rate(kind: str, tenants: int) -> float:
    """Return accepted deliveries per second. All of them must be handled."""
    with scratch(kind) as store:
        app = site(store)
        seconds = setting("SECONDS", 5)
        with (
            gunicorn(app, threads=WEB_THREADS) as port,
            sent(port, seconds, tenants=tenants) as done,
        ):
            assert not done.refused, f"{done.refused} were refused"
            wait_for(app, done.accepted)
        return done.accepted / done.seconds


def main() -> None:
    for kind in kinds():
        compare(
            f"tenants-{kind}",
            f"Tenants of one endpoint, on {TITLES[kind]}",
            "rate of deliveries",
            {
                "one tenant": partial(rate, kind, 1),
                f"{MANY:,} tenants": partial(rate, kind, MANY),
            },
            rounds=setting("ROUNDS", 5),
            aim="0.95 at least",
        )


if __name__ == "__main__":
    main()
