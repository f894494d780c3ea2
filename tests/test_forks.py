"""Locks that another thread holds when the process forks."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from flask_ycloud import forks
from flask_ycloud.runtime import runtime_of
from flask_ycloud.web import probes
from flask_ycloud.web.passwords import PasswordBrake

from .conftest import MakeApp
from .support import body_of, deliver

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


class Known:
    told = 0

    def after_fork(self) -> None:
        self.told += 1


def test_a_child_is_told_of_what_still_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    known, gone = Known(), Known()
    monkeypatch.setattr(forks, "_known", type(forks._known)())
    forks.tell_child(known)
    forks.tell_child(gone)
    del gone
    forks._after_fork()
    assert known.told == 1


@pytest.mark.parametrize("dispatch", ["worker", "inline"])
def test_the_child_accepts_whatever_was_locked(make_app: MakeApp, dispatch: str) -> None:
    """The locks of the app, its dispatcher, its counts and its secrets."""
    app = make_app(YCLOUD_DISPATCH=dispatch)
    deliver(app, body_of())
    deliver(app, body_of(), secret="another one")
    runtime = runtime_of(app)
    locks: list[Any] = [runtime._lock, runtime.rejections._lock, runtime.log_limit._lock]
    locks += [runtime.inbox._pauses._lock, probes._readiness_of(runtime)._asking]
    locks += [each.secrets._lock for each in runtime.endpoints.values()]
    if dispatch == "worker":
        locks += [runtime.dispatcher._starting]  # type: ignore[attr-defined]
    held, forked = threading.Event(), threading.Event()

    def hold() -> None:
        for each in locks:
            each.acquire()
        held.set()
        forked.wait(20)
        for each in locks:
            each.release()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            threading.Timer(30, os._exit, (2,)).start()
            statuses = [deliver(app, body_of()).status_code]
            statuses += [deliver(app, body_of(), secret="other").status_code]
            statuses += [app.test_client().get("/ycloud/ready").status_code]
            assert not runtime.inbox.pauses()
            assert not runtime.inbox.paused_handlers()
            code = 0 if statuses == [200, 401, 200] else 3
        finally:
            os._exit(code)
    forked.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert deliver(app, body_of()).status_code == 200


def test_a_child_checks_passwords() -> None:
    brake = PasswordBrake()
    with brake._lock:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                threading.Timer(30, os._exit, (2,)).start()
                code = 0 if brake.check("127.0.0.1", "right", "right").right else 3
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
