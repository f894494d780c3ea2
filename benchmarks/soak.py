"""A soak test: the memory and backlog of gunicorn at full rate.

    python -m benchmarks.soak [--minutes 10]

The script exits with 1 if the memory in the last third of the time is more than 5 % above
the middle third, or if the backlog at the end needs 5 seconds or more.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.progress import Progress

from flask_ycloud.inbox import Database, Inbox, open_engine
from tests.processes import Sender, Server, bodies

LOOKS_EVERY = 2.0  # seconds
MOST_LEFT_OVER = 5.0  # seconds of work


def resident(pid: int) -> int:
    """Return the memory of a process's first child, gunicorn's worker, in bytes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = int(Path(f"/proc/{children[0]}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/inbox.db"
        server = Server(Path(folder) / "site", "--threads", "8", FLASK_YCLOUD_INBOX_URL=url)
        server.start()
        assert server.process is not None
        pid = server.process.pid
        until = time.monotonic() + 60 * minutes
        sender = Sender(server.port, threads=4)

        def load() -> None:
            while time.monotonic() < until:
                sender.send(bodies(500), stop=lambda: time.monotonic() > until)

        thread = threading.Thread(target=load)
        thread.start()
        seen: list[int] = []
        with Progress() as progress:
            task = progress.add_task("Sending", total=60 * minutes)
            while thread.is_alive():
                seen.append(resident(pid))
                left = max(0.0, until - time.monotonic())
                progress.update(task, completed=60 * minutes - left)
                thread.join(LOOKS_EVERY)
        paused = time.monotonic()
        inbox = Inbox(Database(open_engine(url), owned=True))
        stats = inbox.stats()
        waiting = stats.pending + stats.running
        while stats.pending + stats.running:
            time.sleep(0.1)
            stats = inbox.stats()
        rest, dead = time.monotonic() - paused, stats.dead
        server.terminate()
    third = len(seen) // 3
    middle, last = (max(part) for part in (seen[third : 2 * third], seen[2 * third :]))
    growth = last / middle
    print(f"{len(sender.acknowledged)} acknowledged and handled, {dead} dead letters.")
    print(f"Memory of the last third, as a ratio to the middle third: {growth:.3f}")
    print(f"At the end {waiting} were pending. They took {rest:.1f} s.")
    return 0 if growth < 1.05 and not dead and rest < MOST_LEFT_OVER else 1


if __name__ == "__main__":
    sys.exit(main())
