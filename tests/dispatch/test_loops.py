"""Coroutines in worker threads: one loop for each thread, and tasks left behind."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from flask import Flask, current_app

from flask_ycloud import Event, on_event
from flask_ycloud.handlers import invocation
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, eventually
from .support import TYPE, Bench


@pytest.fixture(params=["inline", "worker"])
def app(request: pytest.FixtureRequest, make_app: MakeApp) -> Flask:
    dispatch = request.param
    return make_app(
        YCLOUD_DISPATCH=dispatch, YCLOUD_WORKER_THREADS=1, YCLOUD_RETRY_DELAYS=[]
    )


def all_done(app: Flask) -> bool:
    return {each.state for each in runtime_of(app).inbox.list()} == {"done"}


class Greeter(BaseHTTPRequestHandler):
    """Keeps connections open, and tells the client's port."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = str(self.client_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def greeter() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Greeter) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_client_at_module_level_works_again(app: Flask, greeter: str) -> None:
    """With the connection that it keeps."""
    client = httpx.AsyncClient(trust_env=False)
    seen: list[str] = []

    @on_event(TYPE)
    async def ask(event: Event) -> None:
        seen.append((await client.get(greeter)).text)
        if event.id == "evt_2":
            await client.aclose()

    for number in range(3):
        deliver(app, body_of(id=f"evt_{number}"))
        eventually(lambda: all_done(app))
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_a_lock_at_module_level_works_again(app: Flask) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    loops: list[asyncio.AbstractEventLoop] = []

    @on_event(TYPE)
    async def wait(event: Event) -> None:
        loops.append(asyncio.get_running_loop())
        loops[-1].call_later(0.001, queue.put_nowait, 1)
        await queue.get()

    for number in range(3):
        deliver(app, body_of(id=f"evt_{number}"))
    eventually(lambda: all_done(app))
    assert len(loops) == 3
    assert len(set(map(id, loops))) == 1


def test_each_worker_thread_has_a_loop_which_ends_with_it(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_WORKER_THREADS=3)
    loops: dict[int, asyncio.AbstractEventLoop] = {}
    everyone = threading.Barrier(3)

    @on_event(TYPE)
    async def meet(event: Event) -> None:
        loops[threading.get_ident()] = asyncio.get_running_loop()
        everyone.wait(20)

    for number in range(3):
        data = {"id": f"sms_{number}", "status": "delivered"}
        deliver(app, body_of(id=f"evt_{number}", sms=data))
    eventually(lambda: all_done(app))
    assert len(set(map(id, loops.values()))) == 3
    runtime_of(app).dispatcher.stop()
    eventually(lambda: all(each.is_closed() for each in loops.values()))


def test_a_task_that_was_left_behind_is_part_of_the_run(bench: Bench) -> None:
    table = sa.Table("notes", sa.MetaData(), sa.Column("id", sa.Text))
    bench.inbox.database.init()
    bench.inbox.database.write(lambda tx: table.create(tx))
    tasks: list[Any] = []

    @on_event(TYPE, name="one")
    async def handle(event: Event) -> None:
        tasks.append(asyncio.create_task(later(event)))

    async def later(event: Event) -> None:
        await asyncio.sleep(0.05)
        event.connection.execute(table.insert(), {"id": current_app.name})

    event_id = bench.accept()
    bench.handle()
    [run] = bench.look(event_id).handlers
    assert run.state == "succeeded"
    assert run.seconds is not None
    assert run.seconds >= 0.05
    rows = bench.inbox.database.read(lambda tx: tx.execute(table.select()).all())
    assert rows == [(bench.app.name,)]


def test_one_that_does_not_end_is_told_of(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(invocation, "TASKS_SECONDS", 0.02)
    tasks: list[Any] = []

    @on_event(TYPE, name="one")
    async def handle(event: Event) -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(60)))

    event_id = bench.accept()
    with caplog.at_level(logging.WARNING):
        bench.handle()
    assert bench.look(event_id).handlers[0].state == "succeeded"
    assert "left the task sleep behind. It was cancelled after 0.02 s." in caplog.text


def test_where_a_loop_runs_already(bench: Bench) -> None:
    """An async test: with the connection, which is there in the handler's own thread."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    seen: list[Any] = []

    @on_event(TYPE, name="one")
    async def handle(event: Event) -> None:
        asyncio.get_running_loop().call_later(0.001, queue.put_nowait, 1)
        seen.append(await queue.get())
        seen.append(event.connection.execute(sa.text("select 2")).scalar())

    async def main() -> None:
        for _ in range(2):
            bench.accept()
            bench.handle()

    asyncio.run(main())
    assert seen == [1, 2] * 2
    assert all_done(bench.app)
