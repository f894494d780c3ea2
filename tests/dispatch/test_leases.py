"""Leases: kept while a handler runs, given back, lost to another."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flask_ycloud import Event, InboxUnavailable, on_event
from flask_ycloud.dispatch.leases import LeaseKeeper
from flask_ycloud.dispatch.processing import process
from flask_ycloud.inbox import Inbox, last_day
from flask_ycloud.protocol import body_id

from ..support import deliver, eventually
from .support import TYPE, Bench


def test_a_lease_is_renewed_while_its_handler_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Even if a renewal fails in between."""
    bench.inbox.lease = 0.3
    renew, renewals = Inbox.renew, []

    def flaky(inbox: Inbox, claims: Any) -> set[int]:
        if claims:
            renewals.append([claim.id for claim in claims])
        if len(renewals) == 1:
            raise InboxUnavailable("away")
        return renew(inbox, claims)

    monkeypatch.setattr(Inbox, "renew", flaky)

    @on_event(TYPE, name="slow")
    def slow(event: Event[Any]) -> None:
        eventually(lambda: len(renewals) == 3)

    event_id = bench.accept()
    bench.handle()
    assert renewals == [[event_id]] * 3
    assert "Leases were not renewed" in caplog.text
    assert bench.look(event_id).state == "done"


def test_what_is_held_can_be_given_back(bench: Bench) -> None:
    """Another process takes it at once, and it counts as no crash."""
    keeper = LeaseKeeper()
    event_id = bench.accept()
    claim = bench.inbox.claim()
    assert claim is not None
    keeper.hold(bench.runtime, claim)
    assert bench.look(event_id).state == "running"
    keeper.give_back()
    assert bench.look(event_id).state == "pending"
    again = bench.inbox.claim()
    assert again is not None
    assert (again.attempt, again.crashes) == (2, 0)
    assert not bench.inbox.save(claim), "the earlier claim has ended"


def test_what_was_given_back_is_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = LeaseKeeper()
    for event_id in ("evt_1", "evt_2"):
        bench.inbox.accept(event_id, b"{}", endpoint="ycloud", event_type=TYPE)
        claim = bench.inbox.claim()
        assert claim is not None
        keeper.hold(bench.runtime, claim)
    keeper.give_back()
    keeper.give_back()  # nothing is held any more
    assert last_day(bench.inbox).cut_short == {"ycloud": 2}

    def away(*_: Any) -> None:
        raise InboxUnavailable("away")

    claim = bench.inbox.claim()
    assert claim is not None
    keeper.hold(bench.runtime, claim)
    monkeypatch.setattr("flask_ycloud.dispatch.leases.count_rejections", away)
    keeper.give_back()
    assert bench.look(claim.id).state == "pending", "the count does not matter"


def test_what_was_taken_over_is_counted(bench: Bench) -> None:
    for _ in range(2):
        bench.accept()
    assert bench.inbox.claim() is not None
    bench.clock.now += bench.inbox.lease + 1
    while bench.handle():
        pass
    bench.runtime.rejections.write()
    assert last_day(bench.inbox).taken_over == {"ycloud": 1}


def test_the_keeper_starts_once_and_again_after_a_fork(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = LeaseKeeper()
    bench.accept()
    claim = bench.inbox.claim()
    assert claim is not None

    def threads() -> int:
        return sum(each.name == "ycloud-leases" for each in threading.enumerate())

    keeper.start()
    keeper.hold(bench.runtime, claim)
    before = threads()
    keeper.start()
    assert threads() == before
    monkeypatch.setattr("os.getpid", lambda: -1)
    keeper.start()
    assert threads() == before + 1
    assert not keeper.is_lost(claim)
    keeper.give_back()
    assert bench.inbox.renew([claim]) == {claim.seq}, "the claim is the parent's"


def test_a_renewal_tells_what_was_taken_over(bench: Bench) -> None:
    keeper = LeaseKeeper()
    bench.accept()
    claim = bench.inbox.claim()
    assert claim is not None
    bench.inbox.lease = 0
    keeper.hold(bench.runtime, claim)
    bench.clock.now += 61
    assert bench.inbox.claim() is not None
    keeper.tick()
    assert keeper.is_lost(claim)
    keeper.drop(claim)


def test_a_claim_that_was_taken_over_stops_here(
    bench: Bench, told: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[str] = []

    @on_event(TYPE, name="first")
    def first(event: Event[Any]) -> None:
        runs.append("first")
        bench.clock.now += 61
        assert bench.inbox.claim() is not None

    @on_event(TYPE, name="second")
    def second(event: Event[Any]) -> None:
        runs.append("second")

    event_id = bench.accept()
    bench.handle()
    assert runs == ["first"]
    assert bench.look(event_id).state == "running"
    assert bench.look(event_id).handlers == ()
    assert "was taken over" in caplog.text
    assert "event-done" not in [name for name, _ in told]


def test_a_verdict_of_a_lost_claim_is_not_announced(bench: Bench, told: list[Any]) -> None:
    @on_event(TYPE, name="one")
    def handle(event: Event[Any]) -> None:
        bench.clock.now += 61
        assert bench.inbox.claim() is not None

    bench.accept()
    bench.handle()
    assert "event-done" not in [name for name, _ in told]


def test_a_replay_that_was_taken_over_settles_nothing(
    bench: Bench, told: list[Any]
) -> None:
    deliver(bench.app, b"hello")
    bench.inbox.replay(body_id(b"hello"))
    late = bench.inbox.claim()
    bench.clock.now += 61
    assert bench.inbox.claim() is not None
    assert late is not None
    told.clear()
    process(bench.runtime, late)
    assert told == []
    assert bench.look(body_id(b"hello")).state == "running"


def test_a_keeper_outlives_faults_and_idles(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = LeaseKeeper()
    keeper.start()
    eventually(lambda: keeper._idle)
    bench.accept()
    claim = bench.inbox.claim()
    assert claim is not None
    bench.inbox.lease = 0.03
    number = "+447901614024"

    def broken(*_: Any) -> Any:
        raise RuntimeError(number)

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "renew", broken)
        keeper.hold(bench.runtime, claim)
        eventually(lambda: "Keeping leases failed: RuntimeError" in caplog.text)
    assert number not in caplog.text
    with keeper.running(claim, "one"):
        pass
    keeper.give_back()
    with keeper.running(claim, "one"):
        assert not keeper.is_lost(claim)
    keeper.lose(claim)
    bench.inbox.lease = 60
