"""Manual: this process only stores, and others handle."""

from __future__ import annotations

from flask_ycloud.dispatch.manual import ManualDispatcher

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from .support import state_of


def test_manual_only_stores(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    body = body_of()
    deliver(app, body)
    assert state_of(app, id_of(body)) == "pending"


def test_dispatch_may_be_a_dispatcher_of_your_own(make_app: MakeApp) -> None:
    woken: list[str] = []

    class Own(ManualDispatcher):
        def wake(self, event_id: str) -> None:
            woken.append(event_id)

    app = make_app(YCLOUD_DISPATCH=Own)
    body = body_of()
    deliver(app, body)
    assert woken == [id_of(body)]
