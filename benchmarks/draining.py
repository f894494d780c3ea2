"""Draining a stored backlog by one process with four threads, compared with other queues.

    python -m benchmarks.draining

Set ROUNDS and EVENTS in the environment to lower numbers for a shorter run.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

from .contenders import THREADS
from .rounds import setting, tabulate
from .stores import TITLES, kinds, scratch

# The contender and the store of each case. Celery uses Redis.
SQLITE = {
    "ours on SQLite": ("ours", "sqlite"),
    "ours on SQLite, four in each conversation": ("ours-4", "sqlite"),
    "huey, SqliteHuey as it comes": ("huey", "sqlite"),
    "huey, SqliteHuey(fsync=True)": ("huey-fsync", "sqlite"),
    "Celery on Redis, late acks": ("celery", "sqlite"),
}
POSTGRESQL = {
    "ours on PostgreSQL": ("ours", "postgresql"),
    "ours on PostgreSQL, four in each conversation": ("ours-4", "postgresql"),
    "pgqueuer, batches of 10": ("pgqueuer-10", "postgresql"),
    "pgqueuer, batches of 1": ("pgqueuer-1", "postgresql"),
    "procrastinate": ("procrastinate", "postgresql"),
    "Celery on Redis, late acks": ("celery", "sqlite"),
}

_OURS = (
    "at least once; in order in each conversation; keeps the event, an outcome of each"
    " handler and each attempt"
)
_HUEY = (
    "deletes a job before it runs it, in a commit that reaches the disk: a crash loses what"
    " runs; no order; keeps no job"
)
_PGQUEUER = "at least once; coroutines of one thread; no order; keeps a line of a log"
PROMISES = {
    "ours": _OURS,
    "ours-4": f"{_OURS}; here each event waits for the one before it",
    "huey": _HUEY,
    "huey-fsync": _HUEY,
    "procrastinate": (
        "at least once, if a task of yours looks for the jobs of dead workers; order by a"
        " lock that is not used here; keeps the job and its events"
    ),
    "pgqueuer-1": _PGQUEUER,
    "pgqueuer-10": (
        f"{_PGQUEUER}; up to ten completions wait in memory, and run again after a crash"
    ),
    "celery": (
        "at least once after an hour, as far as Redis itself keeps what it has; no order;"
        " keeps no job"
    ),
}


class NotMeasured(Exception):
    """The contender could not be measured on this machine."""


def measure(contender: str, kind: str, events: int) -> float:
    """Return events per second of one contender, in its own process.

    :raises NotMeasured: if the process fails.
    """
    with scratch(kind) as store:
        where = {"URL": store.url, "SCHEMA": store.schema, "FOLDER": str(store.folder)}
        command = [sys.executable, "-m", "benchmarks.contenders", contender, str(events)]
        try:
            ended = subprocess.run(
                command,
                env=os.environ | where,
                capture_output=True,
                text=True,
                timeout=400,
            )
        except subprocess.TimeoutExpired:
            raise NotMeasured("it took too long") from None
    if ended.returncode:
        raise NotMeasured((ended.stderr.strip() or "it died").splitlines()[-1][:100])
    rate: float = json.loads(ended.stdout.splitlines()[-1])
    return rate


def main() -> None:
    events, rounds, there = setting("EVENTS", 5000), setting("ROUNDS", 3), kinds()
    tables = {"sqlite": SQLITE, "postgresql": POSTGRESQL}
    # Celery is in both comparisons, and is measured once.
    cases = {name: case for kind in there for name, case in tables[kind].items()}
    rates: dict[str, list[float]] = {name: [] for name in cases}
    missing: dict[str, str] = {}
    for _ in range(rounds):
        for name in random.sample(list(cases), len(cases)):
            try:
                if name not in missing:
                    rates[name].append(measure(*cases[name], events))
            except NotMeasured as why:
                missing[name] = str(why)
    for kind in there:
        ours, *_ = tables[kind]
        if ours in missing:
            print(f"{ours} was not measured: {missing[ours]}")
            continue
        names = [name for name in tables[kind] if name not in missing]
        tabulate(
            f"draining-{kind}",
            f"Draining {events:,} stored events with {THREADS} threads, on {TITLES[kind]}",
            "rate of handling",
            {name: rates[name] for name in names},
            aim="below 1: ahead of the others",
            notes={name: PROMISES[tables[kind][name][0]] for name in names},
            missing={name: why for name, why in missing.items() if name in tables[kind]},
        )


if __name__ == "__main__":
    main()
