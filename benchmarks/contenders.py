"""The compared queues: each drains a stored backlog in its own process.

    python -m benchmarks.contenders NAME EVENTS

The module prints the rate from the first handler to the last. ``URL``, ``SCHEMA`` and
``FOLDER`` in the environment name the store. All queues do the same work: the handler gets
the event as a dictionary, and counts it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from flask_ycloud.dispatch import WorkerDispatcher
from flask_ycloud.protocol import sample_event

from .stores import Store

THREADS = 4
BROKER = "redis://127.0.0.1:6379/0"
TYPE = "sms.message.updated"


class Count:
    """Counts handled events, with the times of the first and the last.

    :param wanted: the number of events.
    """

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.done = 0
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._first = self._last = 0.0

    def __call__(self, event: Any) -> None:
        """The work of a handler."""
        now = time.perf_counter()
        with self._lock:
            self._first = self._first or now
            self.done += 1
            if self.done == self.wanted:
                self._last = now
                self.ended.set()

    def rate(self) -> float:
        """Return events per second, after all were handled."""
        assert self.ended.wait(300), f"{self.done} of {self.wanted} were handled"
        return (self.wanted - 1) / (self._last - self._first)


def store_of_environment() -> Store:
    url, schema, folder = (os.environ[name] for name in ("URL", "SCHEMA", "FOLDER"))
    return Store(url.partition(":")[0].partition("+")[0], url, schema, Path(folder))


def ours(count: Count, bodies: list[bytes], *, together: int) -> float:
    """This package. ``together`` successive events are of one conversation."""
    runtime, hooks = store_of_environment().app()
    hooks.on_event(TYPE, name="count")(count)
    ids = [json.loads(body)["id"] for body in bodies]

    def accept(number: int) -> None:
        runtime.inbox.accept(
            ids[number],
            bodies[number],
            endpoint="ycloud",
            event_type=TYPE,
            names=(f"key {number // together}",),
        )

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(accept, range(len(bodies))))
    worker = WorkerDispatcher(runtime, threads=THREADS)
    worker.start()
    rate = count.rate()
    worker.stop()
    stats = runtime.inbox.stats()
    assert not stats.pending + stats.running + stats.dead, stats
    return rate


def huey(count: Count, bodies: list[bytes], *, fsync: bool | None) -> float:
    """huey with its SQLite storage and four threads."""
    from huey import SqliteHuey

    made = SqliteHuey(filename=os.environ["FOLDER"] + "/huey.db", fsync=fsync)
    handle = made.task(name="handle")(lambda event: count(event))
    for body in bodies:
        handle(json.loads(body))
    made.create_consumer(workers=THREADS, worker_type="thread", periodic=False).start()
    return count.rate()


async def _ended(count: Count, work: Any) -> float:
    """Run a queue until all events are handled."""
    working = asyncio.ensure_future(work)
    while not count.ended.is_set():
        await asyncio.wait([working], timeout=0.02)
        if working.done():
            await working
    return count.rate()


def procrastinate(count: Count, bodies: list[bytes]) -> float:
    """procrastinate with psycopg and four synchronous tasks at a time."""
    from procrastinate import App, PsycopgConnector

    schema = os.environ["SCHEMA"]
    address = f"host=127.0.0.1 user=postgres dbname=test options=-csearch_path={schema}"
    app = App(connector=PsycopgConnector(conninfo=address))
    handle = app.task(name="handle")(lambda event: count(event))

    async def drain() -> float:
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            events = ({"event": json.loads(body)} for body in bodies)
            await handle.batch_defer_async(*events)
            work = app.run_worker_async(concurrency=THREADS, install_signal_handlers=False)
            return await _ended(count, work)

    return asyncio.run(_answering(drain()))


def pgqueuer(count: Count, bodies: list[bytes], *, batch: int) -> float:
    """pgqueuer with asyncpg. Its handlers are coroutines in one thread."""
    import asyncpg
    import uvloop  # as pgqueuer's own command does
    from pgqueuer import AsyncpgDriver, Queries, QueueManager

    async def drain() -> float:
        settings = {"search_path": os.environ["SCHEMA"]}
        address = "postgresql://postgres@127.0.0.1/test"
        connection = await asyncpg.connect(address, server_settings=settings)
        queries = Queries(AsyncpgDriver(connection))
        await queries.install()
        names, priorities = ["handle"] * len(bodies), [0] * len(bodies)
        await queries.enqueue(names, list(bodies), priorities)
        manager = QueueManager(queries)

        async def handle(job: Any) -> None:
            count(json.loads(job.payload))

        manager.entrypoint("handle")(handle)
        return await _ended(count, manager.run(batch_size=batch))

    uvloop.run(_answering(drain()))
    raise AssertionError("printing the rate ends this process")


async def _answering(drain: Coroutine[Any, Any, float]) -> NoReturn:
    """Run a queue in a thread, and print its rate without waiting for its workers."""
    _answer(await drain)


def celery(count: Count, bodies: list[bytes]) -> float:
    """Celery with Redis, four threads and late acknowledgements."""
    import redis
    from celery import Celery

    prefix = f"ycloud-bench-{secrets.token_hex(4)}:"
    app = Celery("measured", broker=BROKER, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        task_ignore_result=True,
        broker_transport_options={"global_keyprefix": prefix},
    )

    def handle(event: Any) -> None:
        count(event)

    task = app.task(name="handle")(handle)
    for body in bodies:
        task.delay(json.loads(body))

    def end() -> None:
        rate = count.rate()
        client = redis.Redis.from_url(BROKER)
        for key in client.scan_iter(f"{prefix}*"):
            client.delete(key)
        _answer(rate)

    threading.Thread(target=end).start()
    app.Worker(pool="threads", concurrency=THREADS, loglevel="ERROR").start()
    raise AssertionError("the worker has ended")


CONTENDERS: dict[str, Callable[[Count, list[bytes]], float]] = {
    "ours": partial(ours, together=1),
    "ours-4": partial(ours, together=4),
    "huey": partial(huey, fsync=None),
    "huey-fsync": partial(huey, fsync=True),
    "procrastinate": procrastinate,
    "pgqueuer-1": partial(pgqueuer, batch=1),
    "pgqueuer-10": partial(pgqueuer, batch=10),
    "celery": celery,
}


def _answer(rate: float) -> NoReturn:
    """Print the rate, and end this process."""
    os.write(1, f"\n{rate}\n".encode())  # Celery redirects print() to its log
    os._exit(0)


def main() -> None:
    name, events = sys.argv[1], int(sys.argv[2])
    logging.disable(logging.WARNING)
    bodies = [json.dumps(sample_event(TYPE)).encode() for _ in range(events)]
    _answer(CONTENDERS[name](Count(events), bodies))


if __name__ == "__main__":
    main()
