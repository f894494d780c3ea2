"""A million hostile requests to gunicorn: no 5xx, no rows in the inbox, constant memory.

python -m scripts.fuzz [--cases 1000000] [--threads 8] [--seed N]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from rich.progress import Progress

from flask_ycloud.inbox import Database, Inbox, open_engine
from tests.fuzzing import hostile_request, resident, send, workers_of
from tests.processes import Server

SLOW_SHARE = 0.002  # the share of requests that stop in the middle for a while
MOST_GROWTH = 8 * 2**20


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/inbox.db"
        server = Server(
            Path(folder) / "site", "--workers", "2", "--threads", "8",
            FLASK_YCLOUD_INBOX_URL=url,
        )  # fmt: skip
        server.start()
        try:
            statuses, memory = attack(server, options)
        finally:
            server.terminate()
        rows = Inbox(Database(open_engine(url), owned=True)).list()
        tracebacks = server.log.read_text().count("Traceback")
    third = len(memory) // 3
    growth = max(memory[2 * third :]) - max(memory[third : 2 * third])
    for status, count in sorted(statuses.items()):
        print(f"{count:>10}  {status or 'no answer: the connection was closed'}")
    print(f"{len(rows)} rows, {tracebacks} tracebacks, {growth / 2**20:.1f} MiB of growth")
    good = max(statuses) < 500 and not rows and not tracebacks and growth < MOST_GROWTH
    print("As promised." if good else "NOT as promised.")
    return 0 if good else 1


def attack(server: Server, options: argparse.Namespace) -> tuple[Counter[int], list[int]]:
    """Send all requests from several threads; return answers, and memory over time."""
    statuses: Counter[int] = Counter()
    lock = threading.Lock()
    left = [options.cases]

    def work(seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311  (nothing secret)
        while True:
            with lock:
                left[0] -= 1
                if left[0] < 0:
                    return
            pause = rng.random() * 0.5 if rng.random() < SLOW_SHARE else 0.0
            status = send(server.port, hostile_request(rng), pause=pause)
            with lock:
                statuses[status] += 1

    seeds = range(options.seed, options.seed + options.threads)
    threads = [threading.Thread(target=work, args=(each,)) for each in seeds]
    for thread in threads:
        thread.start()
    assert server.process is not None
    workers = workers_of(server.process.pid)
    memory: list[int] = []
    with Progress() as progress:
        task = progress.add_task("Sending", total=options.cases)
        while any(thread.is_alive() for thread in threads):
            memory.append(sum(map(resident, workers)))
            progress.update(task, completed=statuses.total())
            time.sleep(0.5)
    assert workers == workers_of(server.process.pid), "no worker was replaced"
    return statuses, memory


if __name__ == "__main__":
    sys.exit(main())
