"""The fake YCloud and the inbox: what became of an event, and what time does to it."""

from __future__ import annotations

import asyncio
import runpy
import threading
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from flask import Flask, request

from flask_ycloud import (
    ConfigurationError,
    Discard,
    Event,
    HandlerState,
    Retry,
    WebhookBlueprint,
    current_inbox,
    on_event,
    ycloud_bp,
)
from flask_ycloud.testing import FakeYCloud, isolated_handlers, sample_event

from .conftest import MakeApp
from .support import body_of, deliver
from .tenants import SECRETS, hooks

EXAMPLE = Path(__file__).parent.parent / "example_app.py"
TYPE = "sms.message.updated"
DISPATCHES = pytest.mark.parametrize("dispatch", ["inline", "manual", "worker"])


def failing(*fails: int, error: type[BaseException] = ConnectionError) -> list[int]:
    """Subscribe a handler whose attempts of these numbers fail; give the attempts."""
    attempts: list[int] = []

    @on_event(TYPE, name="one")
    def one(event: Event[Any]) -> None:
        attempts.append(event.attempt)
        if event.attempt in fails:
            raise error

    return attempts


# Decisions, and errors.


def test_a_discard_is_no_error_of_a_test(app: Flask) -> None:
    @on_event(TYPE, name="one")
    def one(event: Event[Any]) -> None:
        raise Discard("not interesting")

    delivery = FakeYCloud(app).send(TYPE)
    assert (delivery.status, delivery.state, delivery.errors) == (200, "done", [])
    assert delivery.handlers == {
        "one": HandlerState("one", "discarded", 1, error="not interesting", seconds=ANY)
    }
    assert deliver(app, body_of()).status_code == 200, "nor without the fake"


def test_a_retry_is_no_error_of_a_test(app: Flask) -> None:
    attempts: list[int] = []

    @on_event(TYPE, name="one")
    def one(event: Event[Any]) -> None:
        attempts.append(event.attempt)
        if event.attempt == 1:
            raise Retry(after=60)

    ycloud = FakeYCloud(app)
    delivery = ycloud.send(TYPE)
    assert (delivery.status, delivery.state) == (200, "pending")
    assert ycloud.advance(30) == []
    assert [each.state for each in ycloud.advance(30)] == ["done"]
    assert attempts == [1, 2]


def test_an_error_is_raised_after_its_outcome_was_kept(app: Flask) -> None:
    failing(1)
    ycloud = FakeYCloud(app)
    with pytest.raises(ConnectionError):
        ycloud.send(TYPE)
    [delivery] = ycloud.deliveries
    assert (delivery.status, delivery.state) == (200, "pending")
    with pytest.raises(ConnectionError):
        ycloud.deliver([TYPE])


def test_errors_are_kept_on_request(app: Flask) -> None:
    failing(1, 2)
    ycloud = FakeYCloud(app)
    delivery = ycloud.send(TYPE, raises=False)
    [error] = delivery.errors
    assert isinstance(error, ConnectionError)
    assert delivery.handlers["one"].state == "failed"
    with pytest.raises(ConnectionError):
        ycloud.advance(10)
    assert len(delivery.handlers) == 1

    lenient = FakeYCloud(app, raises=False)
    assert lenient.deliver([TYPE])[0].state == "pending"
    assert lenient.advance(10)[0].handlers[0].attempts == 2
    with pytest.raises(ConnectionError):
        lenient.send(TYPE, raises=True)


# Time.


@DISPATCHES
def test_a_second_attempt(make_app: MakeApp, inbox_url: str, dispatch: str) -> None:
    app = make_app(YCLOUD_DISPATCH=dispatch, YCLOUD_INBOX_URL=inbox_url)
    attempts = failing(1)
    ycloud = FakeYCloud(app, raises=False)
    delivery = ycloud.send(TYPE)
    ycloud.run_due()
    assert (delivery.state, attempts) == ("pending", [1])
    [handled] = ycloud.advance(10)
    assert (delivery.state, attempts) == ("done", [1, 2])
    assert handled == delivery.stored
    assert ycloud.now == 10


@DISPATCHES
def test_a_dead_letter(make_app: MakeApp, dispatch: str) -> None:
    """Time passes step by step, so that each retry falls due."""
    app = make_app(YCLOUD_DISPATCH=dispatch, YCLOUD_RETRY_DELAYS=[10, 30, 3600])
    attempts = failing(1, 2, 3, 4)
    ycloud = FakeYCloud(app, raises=False)
    delivery = ycloud.send(TYPE)
    handled = ycloud.advance(40)
    assert attempts == [1, 2, 3]
    handled += ycloud.advance(3600)
    assert attempts == [1, 2, 3, 4]
    assert (delivery.state, delivery.handlers["one"].attempts) == ("dead", 4)
    assert handled[-1].state == "dead"


@DISPATCHES
def test_what_was_handled_is_told(make_app: MakeApp, dispatch: str) -> None:
    app = make_app(YCLOUD_DISPATCH=dispatch)
    failing()
    deliver(app, body_of())
    ycloud = FakeYCloud(app)
    earlier = ycloud.run_due()
    sent = [ycloud.send(TYPE, id=f"sms_{number}") for number in range(3)]
    ycloud.send(b"not understood, so a dead letter from the start")
    ids = [] if dispatch == "inline" else [each.event["id"] for each in sent]
    assert [each.id for each in ycloud.run_due()] == ids
    assert ycloud.run_due() == []
    assert len(earlier) <= 1


def test_a_conversation_is_handled_whole(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    failing()
    ycloud = FakeYCloud(app)
    sent = [ycloud.send(TYPE, id="one") for _ in range(3)]
    assert {each.state for each in sent} == {"pending"}
    assert len(ycloud.run_due()) == 3
    assert {each.state for each in sent} == {"done"}


def test_several_errors_and_the_first_is_raised(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    seen: list[str] = []

    @on_event(TYPE, name="one")
    def one(event: Event[Any]) -> None:
        seen.append(event.data["status"])
        raise LookupError(event.data["status"])

    ycloud = FakeYCloud(app)
    for number, status in enumerate(("sent", "failed")):
        ycloud.send(TYPE, status=status, id=f"sms_{number}")
    with pytest.raises(LookupError, match="sent"):
        ycloud.run_due()
    assert seen == ["sent", "failed"]


def test_two_handlers(app: Flask) -> None:
    ran: list[str] = []
    on_event(TYPE, name="good")(lambda event: ran.append("good"))

    @on_event(TYPE, name="bad")
    def bad(event: Event[Any]) -> None:
        ran.append("bad")
        if event.attempt == 1:
            raise ConnectionError

    ycloud = FakeYCloud(app, raises=False)
    delivery = ycloud.send(TYPE)
    states = {name: each.state for name, each in delivery.handlers.items()}
    assert states == {"good": "succeeded", "bad": "failed"}
    ycloud.advance(10)
    assert ran == ["good", "bad", "bad"]


def test_two_fakes_have_one_time(app: Flask) -> None:
    attempts = failing(1, 2)
    one, two = FakeYCloud(app, raises=False), FakeYCloud(app, raises=False)
    one.send(TYPE)
    one.advance(10)
    two.advance(30)
    assert attempts == [1, 2, 3]


@DISPATCHES
def test_handlers_see_nothing_of_a_request(make_app: MakeApp, dispatch: str) -> None:
    """Under test as in production."""
    app = make_app(YCLOUD_DISPATCH=dispatch)
    seen: list[bool] = []
    on_event(TYPE, name="one")(lambda event: seen.append(bool(request)))
    ycloud = FakeYCloud(app)
    ycloud.send(TYPE)
    with app.test_request_context():
        ycloud.run_due()
    assert seen == [False]


def test_a_coroutine(app: Flask) -> None:
    @on_event(TYPE, name="one")
    async def one(event: Event[Any]) -> None:
        await asyncio.sleep(0)
        raise Discard("not today")

    assert FakeYCloud(app).send(TYPE).handlers["one"].error == "not today"


def test_the_example_app_can_be_tested() -> None:
    """Its own ``Discard`` and ``Retry`` included."""
    with isolated_handlers():
        app = runpy.run_path(str(EXAMPLE), run_name="example_app")["app"]
        app.testing = True
        ycloud = FakeYCloud(app)
        image = ycloud.send("whatsapp.inbound_message.received", variant="image")
        limited = ycloud.send("whatsapp.message.updated", errorCode="130429")
    reply, alert = (
        image.handlers["example_app:reply"],
        limited.handlers["example_app:alert"],
    )
    assert (reply.state, alert.state) == ("discarded", "failed")


def test_threads_that_do_not_get_done(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="worker")
    release = threading.Event()
    on_event(TYPE, name="one")(lambda event: release.wait(10))
    ycloud = FakeYCloud(app, timeout=0.2)
    delivery = ycloud.send(TYPE)
    try:
        with pytest.raises(TimeoutError, match=delivery.event["id"]):
            ycloud.run_due()
    finally:
        release.set()


def test_threads_raise_nothing(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="worker")
    failing(1)
    ycloud = FakeYCloud(app)
    delivery = ycloud.send(TYPE)
    assert [each.id for each in ycloud.run_due()] == [delivery.event["id"]]
    assert delivery.errors == []
    assert delivery.handlers["one"].state == "failed"


# What became of it.


def test_nothing_became_of_a_rejected_one(app: Flask) -> None:
    delivery = FakeYCloud(app, secret="wrong").send(TYPE)
    assert (delivery.stored, delivery.state, delivery.handlers) == (None, None, {})


def test_a_conflict_is_a_dead_letter(app: Flask) -> None:
    failing()
    ycloud = FakeYCloud(app)
    first = ycloud.send(TYPE, status="sent")
    conflict = ycloud.send_conflict(first, status="failed")
    assert (first.state, conflict.state) == ("done", "dead")
    assert conflict.stored is not None
    assert conflict.stored.body == conflict.body


def test_what_was_not_understood_is_a_dead_letter(app: Flask) -> None:
    assert FakeYCloud(app).send(b"hello").state == "dead"


def test_each_tenant_and_endpoint_has_events_of_its_own(make_app: MakeApp) -> None:
    def lookup(tenant: str | None, endpoint_id: str | None) -> Any:
        return SECRETS.get(str(tenant))

    app = make_app(ycloud_bp, hooks(lookup))

    @on_event(TYPE, name="one")
    def one(event: Event[Any]) -> None:
        if event.tenant != "acme":
            raise Discard("not ours")

    event = sample_event(TYPE)
    sent = [
        FakeYCloud(app, endpoint="hooks", tenant="acme").send(event),
        FakeYCloud(app, endpoint="hooks", tenant="beta").send(event),
        FakeYCloud(app, endpoint="ycloud").send(event),
    ]
    states = [each.handlers["one"].state for each in sent]
    assert states == ["succeeded", "discarded", "discarded"]
    assert [each.stored and each.stored.tenant for each in sent] == ["acme", "beta", None]


def test_another_process_is_not_looked_into() -> None:
    ycloud = FakeYCloud(url="http://127.0.0.1:1/", secret="k", timeout=1)
    delivery = ycloud.send(TYPE)
    with pytest.raises(RuntimeError, match="another process"):
        _ = delivery.state
    with pytest.raises(RuntimeError, match="another process"):
        ycloud.run_due()


# The real inbox.


def test_the_real_inbox_is_refused(make_app: MakeApp) -> None:
    app = make_app(TESTING=False)
    with pytest.raises(ConfigurationError, match=r'app.config\["TESTING"\] = True before'):
        FakeYCloud(app)
    app.testing = True
    FakeYCloud(app)


def test_so_it_is_if_testing_came_too_late(make_app: MakeApp) -> None:
    app = make_app(TESTING=False)
    with app.app_context():
        current_inbox.stats()
    app.testing = True
    with pytest.raises(ConfigurationError, match=r"before app\.testing was set"):
        FakeYCloud(app)


def test_the_inbox_that_a_test_names_is_used(make_app: MakeApp, tmp_path: Any) -> None:
    app = make_app(YCLOUD_INBOX_URL=f"sqlite:///{tmp_path}/mine.db")
    assert FakeYCloud(app).send(TYPE).state == "done"
    assert (tmp_path / "mine.db").exists()


def test_an_inbox_out_of_the_environment_may_be_the_real_one(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that was left in the shell: a test would handle what waits there."""
    url = f"sqlite:///{tmp_path / 'real.db'}"
    monkeypatch.setenv("FLASK_YCLOUD_INBOX_URL", url)
    app = make_app(YCLOUD_INBOX_URL=url)
    with pytest.raises(ConfigurationError, match="Unset the variable for a scratch store"):
        FakeYCloud(app)
    assert FakeYCloud(app, real_inbox=True).send(TYPE).state == "done"
    other = make_app(YCLOUD_INBOX_URL=f"sqlite:///{tmp_path / 'tests.db'}")
    assert FakeYCloud(other).send(TYPE).state == "done"


def test_the_real_inbox_on_purpose(make_app: MakeApp) -> None:
    app = make_app(WebhookBlueprint("one"), TESTING=False, YCLOUD_DISPATCH="inline")
    failing(1, 2)
    ycloud = FakeYCloud(app, real_inbox=True)
    delivery = ycloud.send(TYPE)
    assert (delivery.state, delivery.errors) == ("pending", [])
    assert len(ycloud.advance(10)) == 1, "and no error is raised"


# A dispatch out of the environment.


@pytest.mark.parametrize("dispatch", ["manual", "worker"])
def test_a_dispatch_out_of_the_environment_is_named(
    make_app: MakeApp,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    dispatch: str,
) -> None:
    """A variable that was left in the shell: events are pending, and nothing says why."""
    monkeypatch.setenv("FLASK_YCLOUD_DISPATCH", dispatch)
    FakeYCloud(make_app(YCLOUD_DISPATCH=dispatch))
    assert f"FLASK_YCLOUD_DISPATCH={dispatch} is in the environment" in caplog.text
    assert 'app.config["YCLOUD_DISPATCH"] = "inline"' in caplog.text
    caplog.clear()
    FakeYCloud(make_app())
    FakeYCloud(make_app(YCLOUD_DISPATCH="inline"))
    assert "FakeYCloud" not in caplog.text


def test_so_it_is_if_the_threads_do_not_get_done(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_YCLOUD_DISPATCH", "worker")
    app = make_app(YCLOUD_DISPATCH="worker")
    release = threading.Event()
    on_event(TYPE, name="one")(lambda event: release.wait(10))
    ycloud = FakeYCloud(app, timeout=0.2)
    ycloud.send(TYPE)
    try:
        with pytest.raises(TimeoutError, match=r"hang\?.* Unset the variable"):
            ycloud.run_due()
    finally:
        release.set()
