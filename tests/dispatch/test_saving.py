"""Saving: outcomes in their order, in outages, and beside a handler's own connection."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_ycloud import (
    Event,
    InboxUnavailable,
    Retry,
    event_done,
    handler_succeeded,
    on_event,
)
from flask_ycloud.dispatch import saving
from flask_ycloud.dispatch.buffer import MOST_AHEAD, Buffer
from flask_ycloud.dispatch.fetching import Fetcher
from flask_ycloud.dispatch.leases import LeaseKeeper
from flask_ycloud.dispatch.saving import SharedSaver, save_patiently
from flask_ycloud.inbox import (
    Claim,
    HandlerState,
    Inbox,
    NotStorable,
    Progress,
    Verdict,
)
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, eventually, id_of, listening
from .support import TYPE, Bench, state_of

DONE = Verdict("done")
_numbers = itertools.count()


def is_done(app: Flask, event_id: str) -> bool:
    return state_of(app, event_id) == "done"


class Saving:
    """A shared saver that runs, and what it did."""

    def __init__(self, bench: Bench) -> None:
        self.keeper = LeaseKeeper()
        self.saved: list[Progress] = []
        self.told: list[Any] = []
        self.saver = SharedSaver(
            bench.inbox, self.keeper, on_saved=self.saved.extend, tell=self.told.append
        )
        self.thread = threading.Thread(target=self.saver.run)
        self.thread.start()

    def end(self) -> None:
        self.saver.finish(10)
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def shared(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Saving]:
    monkeypatch.setattr(saving, "SAVE_AGAIN_AFTER", (0.01, 0.01))
    made = Saving(bench)
    yield made
    made.end()


def claimed(bench: Bench, shared: Saving) -> Claim:
    bench.accept(sms={"id": f"sms_{next(_numbers)}"})
    claim = bench.inbox.claim()
    assert claim is not None
    shared.keeper.hold(bench.runtime, claim)
    return claim


def test_outcomes_before_a_connection_are_kept(make_app: MakeApp, inbox_url: str) -> None:
    """A verdict on a handler's own connection settles what was saved before it, too."""
    app = make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_INBOX_URL=inbox_url, YCLOUD_RETRY_DELAYS=[60]
    )
    runs: list[str] = []

    @on_event(TYPE, name="h0")
    def ask(event: Event[Any]) -> None:
        runs.append("h0")
        if event.attempt == 1:
            raise Retry(after=0.2)

    @on_event(TYPE, name="h1")
    def plain(event: Event[Any]) -> None:
        runs.append("h1")

    @on_event(TYPE, name="h2")
    def exact(event: Event[Any]) -> None:
        runs.append("h2")
        event.connection.execute(sa.text("SELECT 1"))

    sent = [body_of(sms={"id": f"sms_{number}"}) for number in range(5)]
    with listening(handler_succeeded) as heard:
        for body in sent:
            deliver(app, body)
        for body in sent:
            eventually(partial(is_done, app, id_of(body)))
        eventually(lambda: len(heard) == 15)
    assert {name: runs.count(name) for name in set(runs)} == {"h0": 10, "h1": 5, "h2": 5}


def test_what_cannot_be_saved_is_let_go(
    bench: Bench,
    shared: Saving,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its lease runs out, and nobody renews it; and the saver goes on."""
    failures: list[Exception] = [InboxUnavailable("away") for _ in range(3)]
    really_save = Inbox.save_all

    def flaky(inbox: Inbox, progress: Any) -> set[int]:
        if failures:
            raise failures.pop()
        return really_save(inbox, progress)

    monkeypatch.setattr(Inbox, "save_all", flaky)
    for error in (None, RuntimeError("odd")):
        if error is not None:
            failures.append(error)
        first = claimed(bench, shared)
        shared.saver.save(Progress(first), None)  # a handler that is not the last
        eventually(partial(shared.keeper.is_lost, first))
        with pytest.raises(InboxUnavailable, match="no longer holds"):
            shared.saver.flush(first)
        shared.keeper.drop(first)
        ended = claimed(bench, shared)
        if error is None:
            failures.extend(InboxUnavailable("away") for _ in range(3))
        else:
            failures.append(error)
        shared.saver.save(Progress(ended, (), DONE), None)
        eventually(lambda: not shared.keeper._held)
    assert "outcomes were not saved: away" in caplog.text
    assert "outcomes were not saved: RuntimeError" in caplog.text
    assert "taken over" not in caplog.text
    last = claimed(bench, shared)
    shared.saver.save(Progress(last, (), DONE), lambda: None)
    eventually(lambda: [each.claim for each in shared.saved] == [last])
    shared.saver.flush(last)


def test_a_takeover_is_told_once_it_is_known(
    bench: Bench, shared: Saving, caplog: pytest.LogCaptureFixture
) -> None:
    late = claimed(bench, shared)
    bench.clock.now += 61
    assert bench.inbox.claim() is not None
    shared.saver.save(Progress(late), lambda: None)
    eventually(lambda: "was taken over" in caplog.text)
    assert shared.told == []
    assert not shared.saver.save(Progress(late), None)
    shared.keeper.drop(late)


def test_a_save_whose_answer_was_lost_is_no_takeover(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "SAVE_AGAIN_AFTER", (0.01,))
    bench.accept()
    claim = bench.inbox.claim()
    assert claim is not None
    really_save, lost = Inbox.save_all, [1]

    def save(inbox: Inbox, progress: Any) -> set[int]:
        held = really_save(inbox, progress)
        if lost:
            lost.pop()
            raise InboxUnavailable("the answer was lost")
        return held

    monkeypatch.setattr(Inbox, "save_all", save)
    progress = [Progress(claim, (HandlerState("one", "succeeded", 1),), DONE)]
    assert save_patiently(bench.inbox, progress) == {claim.seq}


def test_a_value_that_is_refused_hurts_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_ycloud.inbox.rows.storable", lambda text: text)
    progress = []
    for number, error in enumerate(("fine", "half \ud83d")):
        bench.accept(sms={"id": str(number)})
        claim = bench.inbox.claim()
        assert claim is not None
        state = HandlerState("one", "failed", 1, None, error)
        dead = Verdict("dead", reason=f"one: {error}")
        progress.append(Progress(claim, (state,), dead))
    held = save_patiently(bench.inbox, progress)
    assert held == {each.claim.seq for each in progress}
    reasons = [str(bench.look(each.claim.id).reason) for each in progress]
    assert reasons[0] == "one: fine"
    assert "cannot be stored" in reasons[1]


def test_a_value_that_is_refused_for_no_text_is_an_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "SAVE_AGAIN_AFTER", ())
    monkeypatch.setattr(Inbox, "save_all", _refuse)
    bench.accept()
    claim = bench.inbox.claim()
    assert claim is not None
    with pytest.raises(NotStorable):
        save_patiently(bench.inbox, [Progress(claim, (), DONE)])


def _refuse(inbox: Inbox, progress: Any) -> set[int]:
    raise NotStorable("refused")


def test_claims_that_cannot_be_given_back_are_let_go(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = LeaseKeeper()
    fetcher = Fetcher(bench.runtime, Buffer(1), keeper, lambda: None)
    bench.accept()
    claim = bench.inbox.claim()
    assert claim is not None
    keeper.hold(bench.runtime, claim)
    monkeypatch.setattr(Inbox, "save_all", _refuse)
    with pytest.raises(InboxUnavailable):
        fetcher._give_back([claim])
    assert not keeper._held


def test_what_waits_for_a_busy_thread_is_given_back(
    make_app: MakeApp, inbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quick events have filled the buffer; then one hangs, and others may have them."""
    monkeypatch.setattr("flask_ycloud.dispatch.fetching.GIVE_BACK_SECONDS", 0.1)
    app = make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_INBOX_URL=inbox_url, YCLOUD_WORKER_THREADS=1
    )
    release, hangs = threading.Event(), threading.Event()

    @on_event("*", name="one")
    def handle(event: Event[Any]) -> None:
        if event.id == "evt_hang":
            hangs.set()
            assert release.wait(30)

    inbox = runtime_of(app).inbox
    inbox.database.init()
    for number in range(300):
        event_id = "evt_hang" if number == 100 else f"evt_{number}"
        body = body_of("contact.created", contactCreated={})
        event = body.replace(id_of(body).encode(), event_id.encode())
        inbox.accept(event_id, event, endpoint="ycloud", event_type="contact.created")
    runtime_of(app).dispatcher.start()
    assert hangs.wait(20)
    eventually(lambda: inbox.stats().running == 1)
    release.set()
    eventually(lambda: inbox.stats().pending == inbox.stats().running == 0)


def test_one_hung_thread_does_not_slow_down_the_others() -> None:
    buffer = Buffer(4)
    buffer._mean = 0.0002
    assert buffer._most_ahead() == MOST_AHEAD
    buffer._busy[1] = -60.0  # since long ago
    assert buffer._most_ahead() == MOST_AHEAD
    buffer._busy = {thread: -60.0 for thread in range(4)}
    assert buffer._most_ahead() == 0
    buffer._busy[threading.get_ident()] = 0.0
    buffer.leave()
    assert threading.get_ident() not in buffer._busy


def test_nobody_is_told_of_what_nobody_asked_for(
    worker_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for signal in (event_done, handler_succeeded):
        monkeypatch.setattr(signal, "receivers", {})  # those of other tests
    on_event(TYPE, name="one")(lambda event: None)
    body = body_of()
    deliver(worker_app, body)
    eventually(lambda: state_of(worker_app, id_of(body)) == "done")
    dispatcher: Any = runtime_of(worker_app).dispatcher
    assert dispatcher._tell_later.empty()


def test_a_connection_of_a_handler_that_is_not_the_last(
    make_app: MakeApp, inbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for signal in (event_done, handler_succeeded):
        monkeypatch.setattr(signal, "receivers", {})  # those of other tests
    app = make_app(YCLOUD_DISPATCH="worker", YCLOUD_INBOX_URL=inbox_url)
    runs: list[str] = []

    @on_event(TYPE, name="h0")
    def exact(event: Event[Any]) -> None:
        event.connection.execute(sa.text("SELECT 1"))
        runs.append("h0")

    on_event(TYPE, name="h1")(lambda event: runs.append("h1"))
    body = body_of()
    deliver(app, body)
    eventually(partial(is_done, app, id_of(body)))
    assert runs == ["h0", "h1"]


def test_at_the_end_nothing_is_held_that_could_not_be_given_back(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(YCLOUD_DISPATCH="worker")
    dispatcher: Any = runtime_of(app).dispatcher
    dispatcher.start()
    claim = Claim(1, 1, "evt_1", "ycloud", "", None, None, 0.0, 0, None, b"{}")
    dispatcher._keeper.hold(runtime_of(app), claim)
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "save_all", _refuse)
        dispatcher._give_back([claim])
    assert "were not released" in caplog.text
    assert not dispatcher._keeper._held


def test_an_announcement_that_fails_ends_no_thread(
    worker_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher: Any = runtime_of(worker_app).dispatcher
    dispatcher.start()

    def broken() -> None:
        raise RuntimeError

    dispatcher._tell_later.put(broken)
    eventually(lambda: "An announcement failed: RuntimeError" in caplog.text)
