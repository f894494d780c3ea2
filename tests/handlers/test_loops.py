"""One event loop per thread: what a coroutine leaves in it, and when it ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_ycloud.handlers import loops, wait_for
from flask_ycloud.handlers.loops import HandlerTimeout

from ..support import eventually

NUMBER = "+447901614024"


async def running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def in_a_thread(work: Callable[[], Any]) -> Any:
    """What it gives in a thread of its own, which has ended by then."""
    given: list[Any] = []
    thread = threading.Thread(target=lambda: given.append(work()))
    thread.start()
    thread.join()
    return given[0]


@pytest.fixture(autouse=True)
def _fresh_loop() -> Iterator[None]:
    """This thread begins without a loop, and leaves none."""
    loops._of_thread.__dict__.clear()
    yield
    loops._of_thread.__dict__.clear()


def test_a_thread_keeps_its_loop() -> None:
    assert wait_for(running_loop()) is wait_for(running_loop())


def test_each_thread_has_one_of_its_own_which_ends_with_it() -> None:
    other = in_a_thread(lambda: wait_for(running_loop()))
    assert other is not wait_for(running_loop())
    eventually(other.is_closed)


def test_what_belongs_to_a_loop_works_twice() -> None:
    """As a client at module level."""
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def ask() -> int:
        asyncio.get_running_loop().call_later(0.001, queue.put_nowait, 1)
        return await queue.get()

    assert [wait_for(ask()) for _ in range(3)] == [1, 1, 1]


def test_a_thread_whose_loop_runs_already_keeps_another() -> None:
    """An async test, or an ASGI server."""
    value = []

    async def main() -> list[Any]:
        value.append(threading.get_ident())
        return [wait_for(running_loop()) for _ in range(2)]

    first, second = asyncio.run(main())
    assert first is second
    assert first is not wait_for(running_loop())


def test_values_and_errors_come_back() -> None:
    async def give() -> int:
        return 1

    async def fail(error: BaseException) -> None:
        raise error

    assert wait_for(give()) == 1
    for error in (LookupError(), asyncio.CancelledError(), SystemExit(3)):
        with pytest.raises(type(error)):
            wait_for(fail(error))
    assert wait_for(give()) == 1


# Tasks that were left behind.

Left = Callable[[], Awaitable[Any]]


async def leave(work: Left) -> None:
    asyncio.get_running_loop().task = asyncio.ensure_future(work())  # type: ignore[attr-defined]


def test_tasks_are_waited_for_and_those_that_they_start() -> None:
    done = []

    async def last() -> None:
        await asyncio.sleep(0.01)
        done.append("last")

    async def first() -> None:
        await asyncio.sleep(0.01)
        done.append("first")
        await leave(last)

    wait_for(leave(first), linger=5)
    assert done == ["first", "last"]


def test_tasks_that_take_too_long_are_cancelled_and_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = []

    async def forever() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    with caplog.at_level(logging.WARNING):
        wait_for(leave(forever), linger=0.02)
    assert ended == [True]
    [record] = caplog.records
    text = "left the task test_tasks_that_take_too_long_are_cancelled_and_told_of.<locals>"
    assert f"{text}.forever behind. It was cancelled after 0.02 s." in record.getMessage()


def test_tasks_that_fail_are_told_of_without_their_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise ValueError(NUMBER)

    async def cancel() -> None:
        await asyncio.sleep(0.01)
        raise asyncio.CancelledError

    with caplog.at_level(logging.WARNING):
        wait_for(leave(fail), linger=5)
        wait_for(leave(cancel), linger=5)
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "fail behind, which failed: ValueError" in record.getMessage()
    assert NUMBER not in caplog.text


def test_a_timeout_waits_for_no_task(caplog: pytest.LogCaptureFixture) -> None:
    async def both() -> None:
        await leave(lambda: asyncio.sleep(60))
        await asyncio.sleep(60)

    with pytest.raises(HandlerTimeout):
        wait_for(both(), 0.02, linger=60)
    assert "left the task sleep behind" in caplog.text


def test_ctrl_c_waits_for_no_task() -> None:
    async def interrupted() -> None:
        await leave(lambda: asyncio.sleep(60))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait_for(interrupted(), linger=60)
    assert wait_for(running_loop())


def test_an_exit_in_a_task_leaves_nothing_in_the_loop() -> None:
    ended = []

    async def other() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def leave_both() -> None:
        await leave(other)
        other_task = asyncio.get_running_loop().task  # type: ignore[attr-defined]
        await leave(_exit)
        kept.append(other_task)

    async def _exit() -> None:
        sys.exit(3)

    kept: list[Any] = []
    with pytest.raises(SystemExit):
        wait_for(leave_both(), linger=60)
    assert ended == [True]
    del wait_for(running_loop()).task
    kept.clear()
    gc.collect()  # asyncio logs the exit when the task is deleted: here, in no other test
    assert wait_for(running_loop())


@pytest.mark.parametrize("error", [ValueError(NUMBER), None])
def test_trouble_in_a_loop_is_told_without_values(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def trouble() -> None:
        context = {"message": "odd"} | ({} if error is None else {"exception": error})
        asyncio.get_running_loop().call_exception_handler(context)

    wait_for(trouble())
    expected = "odd" if error is None else "ValueError"
    assert f"In the event loop of handlers: {expected}" in caplog.text
    assert NUMBER not in caplog.text


# The end of a loop.


def test_a_loop_that_still_runs_is_not_closed() -> None:
    """That of a daemon thread, at the end of the process."""

    async def close() -> bool:
        loop = asyncio.get_running_loop()
        loops._close(loop)
        return loop.is_closed()

    assert not wait_for(close())


def test_without_poll_it_is_the_systems_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("selectors.PollSelector")
    assert wait_for(running_loop()).is_running() is False


FORKS = """
import asyncio, os, sys, threading
from flask_ycloud.handlers import wait_for

async def running_loop():
    return asyncio.get_running_loop()

async def through_a_thread():
    return await asyncio.to_thread(int, "1")

def keep():
    wait_for(running_loop())
    asked.wait()
    answers.append(wait_for(through_a_thread()))

asked, answers = threading.Event(), []
other = threading.Thread(target=keep)
mine = wait_for(running_loop())
other.start()
for way in ("exit", "_exit"):
    child = os.fork()
    if not child:
        assert wait_for(running_loop()) is not mine
        assert wait_for(through_a_thread()) == 1
        sys.exit(7) if way == "exit" else os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
asked.set()
other.join()
assert wait_for(running_loop()) is mine
assert answers + [wait_for(through_a_thread())] == [1, 1]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_leaves_the_loops_of_the_parent_alone(tmp_path: Path) -> None:
    """A child that ends closes its copies of them."""
    command = [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-c", FORKS]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stderr) == (0, "")
