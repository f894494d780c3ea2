"""Manual: this process only stores, and others handle."""

from __future__ import annotations

import pytest

from flask_ycloud.dispatch import WorkerDispatcher
from flask_ycloud.dispatch.manual import ManualDispatcher
from flask_ycloud.inbox import Identity
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from .support import state_of


def test_manual_only_stores(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    body = body_of()
    deliver(app, body)
    assert state_of(app, id_of(body)) == "pending"


def test_dispatch_may_be_a_dispatcher_of_your_own(make_app: MakeApp) -> None:
    woken: list[Identity] = []

    class Own(ManualDispatcher):
        def wake(self, event: Identity) -> None:
            woken.append(event)

    app = make_app(YCLOUD_DISPATCH=Own)
    body = body_of()
    deliver(app, body)
    assert woken == [Identity(id_of(body), "ycloud")]


def test_where_nobody_can_be_told_nobody_is(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the workers look by the clock."""
    app = make_app(YCLOUD_DISPATCH="manual")
    runtime = runtime_of(app)
    monkeypatch.setattr(runtime.inbox.database, "can_notify", False)
    dispatcher = runtime.dispatcher
    deliver(app, body_of())
    assert isinstance(dispatcher, ManualDispatcher)
    assert not dispatcher._notifying.started
    worker = WorkerDispatcher(runtime, threads=1)
    assert "ycloud-listener" not in worker._make_jobs()
