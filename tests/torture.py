"""kill -9 at random instants under load, and the figures of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .processes import Sender, Site, bodies
from .support import eventually

PROCESSES = 2

#: The threads that may be in a handler when all processes are killed: four in each.
KILLED_THREADS = 4 * PROCESSES


@dataclass(frozen=True)
class Report:
    """The figures of a torture.

    :param repeated: handlers that ran again, since they were killed before their success
        was recorded. At least once allows that.
    :param lost: acknowledged and never handled. Nothing allows that.
    :param doubled: handlers that ran again after their success was recorded. Nor that.
    """

    kills: int
    acknowledged: int
    handled: int
    repeated: int
    lost: int
    doubled: int

    @property
    def again_per_kill(self) -> float:
        """How many handlers ran again for each kill."""
        return self.repeated / self.kills

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.acknowledged} acknowledged, {self.handled} handled,"
            f" {self.repeated} run again ({self.again_per_kill:.2f} per kill),"
            f" {self.lost} lost, {self.doubled} doubled"
        )


def torture(
    site: Site, *, kills: int, seed: int, on_kill: Callable[[], None] = lambda: None
) -> Report:
    """Send without pause, and kill -9 the whole server that many times."""
    rng = random.Random(seed)
    server = site.serve("--workers", str(PROCESSES), "--threads", "4")
    sender, ended = Sender(server.port), threading.Event()

    def send() -> None:
        while not ended.is_set():
            sender.send(bodies(100), stop=ended.is_set)

    sending = threading.Thread(target=send)
    sending.start()
    try:
        for _ in range(kills):
            time.sleep(rng.uniform(0.02, 0.5))
            server.kill()
            on_kill()
            server.start()
    finally:
        ended.set()
        sending.join()
    eventually(site.all_done, seconds=120)
    runs = server.runs()
    return Report(
        kills=kills,
        acknowledged=len(sender.acknowledged),
        handled=len(set(runs)),
        repeated=len(runs) - len(set(runs)) - len(server.doubled()),
        lost=len(sender.acknowledged - set(runs)),
        doubled=len(server.doubled()),
    )
