"""Handlers that are registered in a test leave with it."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import WebhookBlueprint, event_signal, on_event
from flask_ycloud.handlers import everywhere, handlers_for
from flask_ycloud.testing import FakeYCloud, isolated_handlers

from ..conftest import MakeApp

TYPE = "sms.message.updated"
APP = Flask(__name__)


def names(app: Flask = APP, *scopes: Any) -> list[str]:
    """The handlers of an app, in their order."""
    return list(handlers_for(app, TYPE, everywhere, *scopes))


def subscribe(name: str) -> None:
    on_event(TYPE, name=name)(lambda event: None)


def receive(app: Flask, event: Any) -> None:
    """A plain receiver."""


def test_a_handler_leaves(app: Flask) -> None:
    @isolated_handlers()
    def one() -> None:
        @on_event(TYPE)
        def broken(event: Any) -> None:
            raise ValueError

    one()
    assert FakeYCloud(app).send(TYPE).handlers == {}


def test_a_plain_receiver_leaves() -> None:
    with isolated_handlers():
        event_signal(TYPE).connect(receive)
        event_signal("sms.*").connect([].append, weak=False)
        assert len(names()) == 2
    assert names() == []


def test_a_handler_of_a_blueprint_leaves(make_app: MakeApp) -> None:
    shop = WebhookBlueprint("shop")
    app = make_app(shop)
    shop.on_event(TYPE, name="before")(lambda event: None)
    with isolated_handlers():
        shop.on_event(TYPE, name="within")(lambda event: None)
        late = WebhookBlueprint("late")
        late.on_event(TYPE, name="own")(lambda event: None)
    handlers = FakeYCloud(app, endpoint="shop").send(TYPE).handlers
    assert list(handlers) == ["before"]


def test_it_leaves_after_an_error() -> None:
    @isolated_handlers()
    def fail() -> None:
        subscribe("one")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names() == []


def test_its_name_is_free_again() -> None:
    for _ in range(2):
        with isolated_handlers():
            on_event(TYPE, name="one")(lambda event: None)


def test_what_was_replaced_comes_back_in_its_place() -> None:
    for name in ("one", "two", "three"):
        subscribe(name)
    with isolated_handlers():
        everywhere.signals.disconnect(everywhere._by_name.pop("two"))
        subscribe("two")
        assert names() == ["one", "three", "two"]
    assert names() == ["one", "two", "three"]


def test_what_nobody_touched_stays_connected() -> None:
    subscribe("one")
    signal = event_signal(TYPE)
    [held] = signal.receivers.values()
    with isolated_handlers():
        subscribe("other")
        on_event("contact.created", name="another")(lambda event: None)
    assert list(signal.receivers.values()) == [held]


def test_receivers_come_back_for_their_senders() -> None:
    other, gone = Flask("other"), Flask("gone")
    signal = event_signal(TYPE)
    signal.connect(receive, APP)
    signal.connect(receive, gone)
    with isolated_handlers():
        signal.disconnect(receive)
        signal.connect(receive, other)
        del gone
        gc.collect()
    assert names() == [f"{__name__}:receive"]
    assert names(other) == []


def test_one_more_sender_is_one_too_many() -> None:
    other = Flask("other")
    signal = event_signal(TYPE)
    signal.connect(receive, APP, weak=False)
    with isolated_handlers():
        signal.connect(receive, other, weak=False)
    assert (len(names()), len(names(other))) == (1, 0)


def test_a_receiver_that_is_gone_stays_so() -> None:
    def short_lived(app: Flask, event: Any) -> None:
        """Held weakly."""

    event_signal(TYPE).connect(short_lived)
    with isolated_handlers():
        event_signal(TYPE).disconnect(short_lived)
        del short_lived
    assert names() == []


def test_a_module_that_is_imported_meanwhile_keeps_its_handlers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python runs it once; later tests need its handlers, too."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "hooks_of_a_shop.py").write_text(
        "from flask_ycloud import event_signal, on_event\n"
        "@on_event('sms.message.updated')\n"
        "def track(event): ...\n"
        "@event_signal('sms.*').connect\n"
        "def receive(app, event): ...\n"
    )
    subscribe("before")
    with isolated_handlers():
        subscribe("within")
        import hooks_of_a_shop  # type: ignore[import-not-found] # noqa: F401
    assert names() == ["before", "hooks_of_a_shop:track", "hooks_of_a_shop:receive"]
    assert list(everywhere._by_name) == ["before", "hooks_of_a_shop:track"]
    del sys.modules["hooks_of_a_shop"]


def test_blocks_in_blocks() -> None:
    with isolated_handlers():
        subscribe("outer")
        with isolated_handlers():
            subscribe("inner")
        assert names() == ["outer"]
    assert names() == []
