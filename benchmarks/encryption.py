"""Accepting and draining with encrypted bodies, compared with unencrypted bodies.

    python -m benchmarks.encryption

Set ROUNDS and EVENTS in the environment to lower numbers for a shorter run.
"""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

from cryptography.fernet import Fernet

from flask_ycloud.dispatch import WorkerDispatcher
from flask_ycloud.protocol import sample_event

from .contenders import THREADS, TYPE, Count
from .rounds import setting, tabulate
from .stores import TITLES, kinds, scratch

SENDERS = 16
CASES = {"plain": None, "encrypted": Fernet.generate_key()}


def measure(kind: str, key: bytes | None, events: int) -> tuple[float, float]:
    """Return events per second: accepted, and drained afterwards."""
    bodies = [json.dumps(sample_event(TYPE)).encode() for _ in range(events)]
    ids = [json.loads(body)["id"] for body in bodies]
    count = Count(events)
    with scratch(kind) as store:
        runtime, hooks = store.app(YCLOUD_BODY_KEYS=key)
        hooks.on_event(TYPE, name="count")(count)
        runtime.inbox.database.init()

        def accept(number: int) -> None:
            runtime.inbox.accept(
                ids[number],
                bodies[number],
                endpoint="ycloud",
                event_type=TYPE,
                names=(f"key {number}",),
            )

        started = time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(accept, range(events)))
        accepted = events / (time.perf_counter() - started)
        worker = WorkerDispatcher(runtime, threads=THREADS)
        worker.start()
        drained = count.rate()
        worker.stop()
        assert not runtime.inbox.stats().pending
    return accepted, drained


def main() -> None:
    events, rounds = setting("EVENTS", 3000), setting("ROUNDS", 5)
    for kind in kinds():
        accepted: dict[str, list[float]] = {name: [] for name in CASES}
        drained: dict[str, list[float]] = {name: [] for name in CASES}
        for _ in range(rounds):
            for name in random.sample(list(CASES), len(CASES)):
                one, other = measure(kind, CASES[name], events)
                accepted[name].append(one)
                drained[name].append(other)
        title = f"Bodies encrypted at rest, on {TITLES[kind]}"
        for key, what, numbers in (
            ("accept", f"rate of accepting, from {SENDERS} threads", accepted),
            ("drain", f"rate of handling, with {THREADS} threads", drained),
        ):
            tabulate(f"encryption-{key}-{kind}", title, what, numbers)


if __name__ == "__main__":
    main()
