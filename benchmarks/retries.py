"""Retries under load: how late they start, compared with first attempts.

    python -m benchmarks.retries

Handlers take a little time, and new events keep a small backlog. One in twenty handlers
raises Retry. Set ROUNDS and SECONDS in the environment to lower numbers for a shorter run.
"""

from __future__ import annotations

import statistics
import threading
import time
from typing import Any

from flask_ycloud import Event, Retry
from flask_ycloud.dispatch import WorkerDispatcher
from flask_ycloud.inbox import Identity
from flask_ycloud.runtime import Runtime

from .blocked import accept
from .rounds import setting, tabulate
from .stores import TITLES, Store, kinds, scratch

BACKLOG = 200  # events
WORK = 0.01  # seconds that a handler takes
FEEDERS = 8
THREADS = 4
EVERY = 20  # one handler in so many raises Retry
AFTER = 0.5  # seconds
WARM = 1.5  # seconds at the start that do not count


class Load:
    """Keeps a backlog of events, and records how late their handlers start."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._worker = WorkerDispatcher(runtime, threads=THREADS)
        self._changed = threading.Condition()
        self._accepted = self._started = 0
        self._due: dict[str, float] = {}  # when the retries are due, in Unix seconds
        self._stopping = False
        # When each handler started, and how late.
        self.first: list[tuple[float, float]] = []
        self.retries: list[tuple[float, float]] = []

    def handle(self, event: Event[Any]) -> None:
        """The handler."""
        now = time.time()
        time.sleep(WORK)
        if event.attempt > 1:
            self.retries.append((now, now - self._due.pop(event.id)))
            return
        self.first.append((now, now - event.received_at.timestamp()))
        with self._changed:
            self._started += 1
            number = self._started
            self._changed.notify()
        if number % EVERY == 0:
            self._due[event.id] = time.time() + AFTER
            raise Retry(after=AFTER)

    def feed(self) -> None:
        """Accept an event whenever too few are pending. Several threads run this."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._waiting < BACKLOG)
                if self._stopping:
                    return
                self._accepted += 1
                number = self._accepted
            event_id = accept(self._runtime.inbox, f"key {number}")
            self._worker.wake(Identity(event_id, "ycloud"))

    @property
    def _waiting(self) -> int:
        return self._accepted - self._started

    def run(self, seconds: float) -> None:
        """Feed and handle events for some seconds."""
        feeders = [threading.Thread(target=self.feed) for _ in range(FEEDERS)]
        self._worker.start()
        for feeder in feeders:
            feeder.start()
        started = time.time()
        time.sleep(seconds)
        ended = time.time()
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for feeder in feeders:
            feeder.join()
        self._worker.stop()
        for noted in (self.first, self.retries):
            noted[:] = [each for each in noted if started + WARM <= each[0] <= ended]


def measure(store: Store, seconds: float) -> tuple[float, float]:
    """Return the delays of retries as ratios to those of first attempts: p50 and p99."""
    runtime, hooks = store.app()
    load = Load(runtime)
    hooks.on_event("*", name="handle")(load.handle)
    load.run(seconds)
    first, retries = (
        statistics.quantiles((late for _, late in noted), n=100)
        for noted in (load.first, load.retries)
    )
    return retries[49] / first[49], retries[98] / first[98]


def main() -> None:
    seconds, there = setting("SECONDS", 8), kinds()
    ratios: dict[str, list[float]] = {"first tries": []}
    for _ in range(setting("ROUNDS", 5)):
        ratios["first tries"].append(1.0)
        for kind in there:
            with scratch(kind) as store:
                p50, p99 = measure(store, seconds)
            ratios.setdefault(f"retries, p50, {TITLES[kind]}", []).append(p50)
            ratios.setdefault(f"retries, p99, {TITLES[kind]}", []).append(p99)
    tabulate(
        "retries",
        f"Retries while {BACKLOG} events wait",
        "how late handlers start after they are due",
        ratios,
        aim="near 1: what was due before goes first, and nothing else",
    )


if __name__ == "__main__":
    main()
