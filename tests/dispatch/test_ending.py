"""SIGTERM, seen from inside: handed on if there is nothing to stop, taken from nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any

import pytest

from flask_ycloud.dispatch import ending as room
from flask_ycloud.dispatch.ending import Ending

from ..support import eventually

PRIVATE = "+447901" + "614024"


class Draining:
    """Something that stops when it is let."""

    def __init__(self) -> None:
        self.began = self.stopped = self.hurried = 0
        self.let = threading.Event()

    def begin_stop(self) -> None:
        self.began += 1

    def stop(self) -> None:
        assert self.let.wait(10)
        self.stopped += 1

    def hurry(self) -> None:
        self.hurried += 1
        self.let.set()


class Broken(Draining):
    def stop(self) -> None:
        raise ValueError(PRIVATE)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """What another handler of SIGTERM was called with."""
    called: list[int] = []

    def theirs(number: int, frame: FrameType | None) -> None:
        called.append(number)

    monkeypatch.setattr(room, "_at_exit", lambda end: None)
    before = signal.signal(signal.SIGTERM, theirs)
    yield called
    signal.signal(signal.SIGTERM, before)


def sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_with_nothing_to_stop_a_signal_is_handed_on_at_once(calls: list[int]) -> None:
    ending = Ending()
    ending.listen()
    ending.listen()
    sigterm()
    assert calls == [signal.SIGTERM]


def test_a_signal_is_handed_on_when_all_have_stopped(calls: list[int]) -> None:
    ending, one, two = Ending(), Draining(), Draining()
    ending.listen()
    ending.watch(one)
    ending.watch(two)
    assert not ending.is_ending
    sigterm()
    eventually(lambda: one.began == two.began == 1)
    assert ending.is_ending
    assert calls == []
    one.let.set()
    two.let.set()
    eventually(lambda: calls == [signal.SIGTERM])
    assert (one.stopped, two.stopped) == (1, 1)
    sigterm()
    assert calls == [signal.SIGTERM] * 2


def test_a_second_signal_hurries(calls: list[int]) -> None:
    ending, one = Ending(), Draining()
    ending.listen()
    ending.watch(one)
    sigterm()
    eventually(lambda: one.began == 1)
    sigterm()
    assert one.hurried == 1
    eventually(lambda: calls == [signal.SIGTERM])


def test_one_that_does_not_stop_is_logged_and_keeps_nobody(
    calls: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    ending, broken, one = Ending(), Broken(), Draining()
    ending.listen()
    ending.watch(broken)
    ending.watch(one)
    one.let.set()
    sigterm()
    eventually(lambda: calls == [signal.SIGTERM])
    assert one.stopped == 1
    assert "The worker did not stop: ValueError" in caplog.text
    assert PRIVATE not in caplog.text


def test_without_a_thread_of_its_own_it_takes_no_signal_from_the_server(
    calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ending, one = Ending(), Draining()
    ending.listen()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        ending.watch(one)
    sigterm()
    assert calls == [signal.SIGTERM]


@pytest.fixture
def gunicorn(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What looks like gunicorn's worker, with --max-requests 10."""

    class Worker:
        alive, nr, max_requests, pid = True, 0, 10, os.getpid()

        def handle_exit(self, *_: object) -> None: ...

    module = ModuleType("gunicorn.workers.base")
    vars(module)["Worker"] = Worker
    monkeypatch.setitem(sys.modules, module.__name__, module)
    worker = Worker()
    monkeypatch.setattr(signal, "getsignal", lambda number: worker.handle_exit)
    monkeypatch.setattr(room, "_at_exit", lambda end: None)
    return worker


def test_a_worker_of_gunicorn_is_replaced_after_it_has_drained(gunicorn: Any) -> None:
    ending, one = Ending(), Draining()
    ending.watch(one)
    eventually(lambda: gunicorn.max_requests == sys.maxsize)
    gunicorn.nr = 10
    eventually(lambda: one.began == 1)
    assert gunicorn.alive, "it serves on"
    one.let.set()
    eventually(lambda: not gunicorn.alive)


def test_a_worker_of_gunicorn_that_was_told_to_end_drains(gunicorn: Any) -> None:
    ending, one = Ending(), Draining()
    one.let.set()
    gunicorn.max_requests = sys.maxsize
    ending.watch(one)
    gunicorn.alive = False
    assert ending.is_ending
    eventually(lambda: one.stopped == 1)


def test_uvicorn_hands_the_signal_on_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Server:
        should_exit = False

        def handle_exit(self, *_: object) -> None: ...

    server, ending, one = Server(), Ending(), Draining()
    monkeypatch.setattr(signal, "getsignal", lambda number: server.handle_exit)
    monkeypatch.setattr(room, "_at_exit", lambda end: None)
    one.let.set()
    ending.watch(one)
    server.should_exit = True
    eventually(lambda: one.stopped == 1)
    eventually(lambda: not ending._all_alive())


def test_at_the_end_of_python_it_waits_until_somebody_has_had_enough() -> None:
    class Impatient(Draining):
        def stop(self) -> None:
            if not self.hurried:
                raise KeyboardInterrupt
            super().stop()

    ending, one = Ending(), Impatient()
    ending.wait()
    ending.watch(one)
    ending.wait()
    assert (one.hurried, one.stopped) == (1, 1)
    ending.wait()


@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.SIG_DFL])
def test_an_ignored_signal_stays_ignored(before: signal.Handlers) -> None:
    kept = signal.signal(signal.SIGTERM, before)
    try:
        Ending().listen()
        ignored = signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
        assert ignored == (before == signal.SIG_IGN)
    finally:
        signal.signal(signal.SIGTERM, kept)


def test_other_threads_and_masters_leave_the_signal_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=Ending().listen)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == before

    class Arbiter:
        def signal(self, *_: object) -> None: ...

    module = ModuleType("gunicorn.arbiter")
    vars(module)["Arbiter"] = Arbiter
    monkeypatch.setitem(sys.modules, module.__name__, module)
    arbiter = Arbiter()
    signal.signal(signal.SIGTERM, arbiter.signal)
    try:
        Ending().listen()
        assert signal.getsignal(signal.SIGTERM) == arbiter.signal
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_interpreter_without_signals_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("signal only works in main thread of the main interpreter")

    kept = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(signal, "signal", refuse)
            Ending().listen()
    finally:
        signal.signal(signal.SIGTERM, kept)


#: Without anything to stop the process ends as it would without us.
BARE = """
import os, signal
from flask import Flask
from flask_ycloud import ycloud_bp
app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = "whsec_of_the_tests_which_is_long"
app.register_blueprint(ycloud_bp)
assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_an_app_that_handles_nothing_yet_ends_at_sigterm() -> None:
    ended = subprocess.run([sys.executable, "-c", BARE], timeout=30)
    assert ended.returncode == -signal.SIGTERM
