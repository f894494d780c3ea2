"""One event through its handlers: attempts, retries, dead letters, leases."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_ycloud import (
    Discard,
    Event,
    InboxUnavailable,
    Retry,
    StoredEvent,
    event_dead,
    event_done,
    event_signal,
    handler_failed,
    handler_succeeded,
    on_event,
)
from flask_ycloud.dispatch.leases import LeaseKeeper
from flask_ycloud.dispatch.processing import process
from flask_ycloud.inbox import Inbox
from flask_ycloud.inbox.tables import events
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import Runtime, runtime_of

from ..conftest import Clock, MakeApp
from ..support import body_of, deliver, eventually, id_of, listening

TYPE = "sms.message.updated"


class Bench:
    """An app whose events are handled when the test says so, at its own time."""

    def __init__(self, app: Flask, clock: Clock) -> None:
        self.app = app
        self.clock = clock
        self.runtime: Runtime = runtime_of(app)
        self.inbox: Inbox = self.runtime.inbox
        self.inbox.clock = clock

    def accept(self, **changes: Any) -> str:
        body = body_of(TYPE, **changes)
        deliver(self.app, body)
        return id_of(body)

    def handle(self) -> bool:
        """One round, if anything is due."""
        claim = self.inbox.claim()
        if claim is not None:
            process(self.runtime, claim)
        return claim is not None

    def look(self, event_id: str) -> StoredEvent:
        event = self.inbox.get(event_id)
        assert event is not None
        return event


@pytest.fixture
def bench(make_app: MakeApp, inbox_url: str, clock: Clock) -> Bench:
    app = make_app(
        YCLOUD_INBOX_URL=inbox_url, YCLOUD_DISPATCH="manual", YCLOUD_RETRY_DELAYS=[10, 30]
    )
    return Bench(app, clock)


@pytest.fixture
def told() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What the signals of an event's life said."""
    with listening(handler_succeeded, handler_failed, event_done, event_dead) as heard:
        yield heard


def test_an_event_without_handlers_is_done(bench: Bench) -> None:
    event_id = bench.accept()
    assert bench.handle()
    assert bench.look(event_id).state == "done"


def test_a_handler_that_succeeds(bench: Bench, told: list[Any]) -> None:
    seen: list[Event[Any]] = []
    on_event(TYPE, name="one")(seen.append)
    event_id = bench.accept()
    bench.handle()
    (event,) = seen
    assert (event.id, event.endpoint, event.attempt) == (event_id, "ycloud", 1)
    assert event.received_at == bench.look(event_id).received_at
    (outcome,) = bench.look(event_id).handlers
    assert (outcome.handler, outcome.state, outcome.attempts) == ("one", "succeeded", 1)
    assert [name for name, _ in told] == ["handler-succeeded", "event-done"]
    assert told[0][1]["handler"] == "one"
    assert told[0][1]["seconds"] >= 0
    assert told[1][1] == {"event_id": event_id, "event_type": TYPE}


def test_a_handler_that_fails_runs_again_on_schedule_and_then_is_dead(
    bench: Bench, told: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        attempts.append(event.attempt)
        raise ValueError(event.data["to"])

    event_id = bench.accept()
    assert bench.handle()
    for delay in (10, 30):
        bench.clock.now += delay - 1
        assert not bench.handle()
        bench.clock.now += 1
        assert bench.handle()
    bench.clock.now += 10**6
    assert not bench.handle()
    event = bench.look(event_id)
    assert attempts == [1, 2, 3]
    assert event.state == "dead"
    assert event.reason is not None
    assert event.reason.startswith("one: ValueError at tests/dispatch/test_processing.py:")
    assert event.handlers[0].attempts == 3
    assert event.handlers[0].ended
    assert [name for name, _ in told] == ["handler-failed"] * 3 + ["event-dead"]
    assert [details.get("retry_in") for _, details in told[:3]] == [10, 30, None]
    assert isinstance(told[0][1]["error"], ValueError)
    assert told[3][1]["reason"] == event.reason
    assert "+447901614024" not in caplog.text
    assert "in fail" in caplog.text, "the stack is there"


def test_only_the_handler_that_failed_runs_again(bench: Bench) -> None:
    runs: list[str] = []

    @on_event(TYPE, name="good")
    def good(event: Event[Any]) -> None:
        runs.append("good")

    @on_event(TYPE, name="bad")
    def bad(event: Event[Any]) -> None:
        runs.append("bad")
        if event.attempt == 1:
            raise ValueError

    def receiver(app: Flask, event: Event[Any]) -> None:
        runs.append("receiver")

    event_signal(TYPE).connect(receiver)
    event_id = bench.accept()
    bench.handle()
    assert sorted(runs) == ["bad", "good", "receiver"], "one that raises hides no other"
    assert bench.look(event_id).state == "pending"
    bench.clock.now += 10
    bench.handle()
    assert runs[3:] == ["bad"]
    assert bench.look(event_id).state == "done"


def test_one_handler_waits_while_another_is_retried(bench: Bench) -> None:
    runs: list[str] = []

    @on_event(TYPE, name="patient")
    def patient(event: Event[Any]) -> None:
        runs.append("patient")
        if event.attempt == 1:
            raise Retry(after=100)

    @on_event(TYPE, name="quick")
    def quick(event: Event[Any]) -> None:
        runs.append("quick")
        if event.attempt == 1:
            raise ValueError

    event_id = bench.accept()
    bench.handle()
    bench.clock.now += 10
    bench.handle()
    assert runs == ["patient", "quick", "quick"]
    assert bench.look(event_id).state == "pending"
    bench.clock.now += 90
    bench.handle()
    assert runs[3:] == ["patient"]
    assert bench.look(event_id).state == "done"


def test_asking_for_a_retry_counts_as_an_attempt(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    @on_event(TYPE, name="one")
    def ask(event: Event[Any]) -> None:
        raise Retry(after=0)

    event_id = bench.accept()
    with caplog.at_level(logging.INFO):
        while bench.handle():
            pass
    assert bench.look(event_id).state == "dead"
    assert bench.look(event_id).handlers[0].attempts == 3
    assert caplog.text.count("asked for event") == 2


def test_a_discard_is_final_and_no_failure(
    bench: Bench, told: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    @on_event(TYPE, name="one")
    def drop(event: Event[Any]) -> None:
        raise Discard("not ours")

    event_id = bench.accept()
    with caplog.at_level(logging.INFO):
        bench.handle()
    event = bench.look(event_id)
    assert event.state == "done"
    assert (event.handlers[0].state, event.handlers[0].error) == ("discarded", "not ours")
    assert [name for name, _ in told] == ["handler-failed", "event-done"]
    assert told[0][1]["retry_in"] is None
    assert "one discarded event" in caplog.text


def test_an_outcome_is_kept_before_the_next_handler_runs(bench: Bench) -> None:
    """A crash in the second handler does not repeat the first."""

    @on_event(TYPE, name="first")
    def first(event: Event[Any]) -> None: ...

    @on_event(TYPE, name="second")
    def second(event: Event[Any]) -> None:
        seen.append([each.handler for each in bench.look(event.id).handlers])

    seen: list[list[str]] = []
    bench.accept()
    bench.handle()
    assert seen == [["first"]]


def test_crashes_count_as_attempts(bench: Bench) -> None:
    """An event that kills its process is a dead letter in the end."""
    attempts: list[int] = []

    @on_event(TYPE, name="one")
    def handle(event: Event[Any]) -> None:
        attempts.append(event.attempt)
        raise ValueError

    event_id = bench.accept()
    bench.inbox.claim()
    bench.clock.now += 60
    bench.handle()
    assert attempts == [2]
    bench.clock.now += 30
    bench.inbox.claim()
    bench.clock.now += 60
    bench.handle()
    event = bench.look(event_id)
    assert attempts == [2], "the process died in the third, so there is no fourth"
    assert event.state == "dead"
    assert "its process died while handling this event, 2 times" in str(event.reason)
    assert event.handlers[0].attempts == 1


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


def test_a_handler_added_later_runs_when_the_event_is_replayed(bench: Bench) -> None:
    runs: list[str] = []
    on_event(TYPE, name="one")(lambda event: runs.append("one"))
    event_id = bench.accept()
    bench.handle()
    on_event(TYPE, name="two")(lambda event: runs.append("two"))
    assert not bench.handle()
    bench.inbox.replay(event_id)
    bench.handle()
    assert runs == ["one", "two"]


def test_what_is_not_understood_is_dead_again_after_a_replay(bench: Bench) -> None:
    deliver(bench.app, b"hello")
    bench.inbox.replay(body_id(b"hello"))
    bench.handle()
    event = bench.look(body_id(b"hello"))
    assert (event.state, event.reason) == ("dead", "the body is not JSON")


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


def test_an_outage_is_waited_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A success that is not kept would run its handler twice."""
    save, failures = Inbox.save, [InboxUnavailable("away"), InboxUnavailable("away")]

    def flaky(*args: Any) -> bool:
        if failures:
            raise failures.pop()
        return save(*args)

    monkeypatch.setattr(Inbox, "save", flaky)
    monkeypatch.setattr("flask_ycloud.dispatch.processing._SAVE_AGAIN_AFTER", (0, 0))
    event_id = bench.accept()
    bench.handle()
    assert bench.look(event_id).state == "done"


def test_an_outage_without_end_leaves_the_event_to_its_lease(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> bool:
        raise InboxUnavailable("away")

    event_id = bench.accept()
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "save", broken)
        patch.setattr("flask_ycloud.dispatch.processing._SAVE_AGAIN_AFTER", (0,))
        with pytest.raises(InboxUnavailable):
            bench.handle()
    assert bench.look(event_id).state == "running"
    bench.clock.now += 60
    bench.handle()
    assert bench.look(event_id).state == "done"


# Exactly once, on the connection of the inbox.


@pytest.fixture
def notes(bench: Bench) -> Callable[[], list[str]]:
    """A table of the app's own in the inbox's database."""
    bench.inbox.database.init()
    bench.inbox.database.write(
        lambda tx: tx.exec_driver_sql("CREATE TABLE notes (note TEXT NOT NULL)")
    )
    query = sa.text("SELECT note FROM notes ORDER BY note")
    return lambda: list(
        bench.inbox.database.read(lambda tx: tx.execute(query).scalars().all())
    )


def note(event: Event[Any], text: str | None) -> None:
    event.connection.execute(sa.text("INSERT INTO notes VALUES (:note)"), {"note": text})


def test_a_handlers_writes_and_its_success_are_one_commit(
    bench: Bench, notes: Callable[[], list[str]], told: list[Any]
) -> None:
    on_event(TYPE, name="a")(lambda event: note(event, "a"))

    @on_event(TYPE, name="b")
    def two(event: Event[Any]) -> None:
        note(event, "b1")
        note(event, "b2")

    on_event(TYPE, name="c")(lambda event: None)
    event_id = bench.accept()
    bench.handle()
    assert notes() == ["a", "b1", "b2"]
    assert bench.look(event_id).state == "done"
    assert {state.state for state in bench.look(event_id).handlers} == {"succeeded"}
    assert [name for name, _ in told] == ["handler-succeeded"] * 3 + ["event-done"]


def test_a_handler_that_raises_has_written_nothing(
    bench: Bench, notes: Callable[[], list[str]]
) -> None:
    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        note(event, f"attempt {event.attempt}")
        if event.attempt == 1:
            raise LookupError

    event_id = bench.accept()
    bench.handle()
    assert notes() == []
    bench.clock.now += 10
    bench.handle()
    assert notes() == ["attempt 2"]
    assert bench.look(event_id).state == "done"


@pytest.mark.parametrize("inbox_url", ["postgresql"], indirect=True)
def test_a_commit_that_is_refused_is_a_failure(
    bench: Bench, notes: Callable[[], list[str]]
) -> None:
    """PostgreSQL refuses to commit after an error, even one that was caught."""

    @on_event(TYPE, name="one")
    def swallow(event: Event[Any]) -> None:
        note(event, "good")
        with suppress(sa.exc.IntegrityError):
            note(event, None)

    event_id = bench.accept()
    bench.handle()
    event = bench.look(event_id)
    assert event.state == "pending"
    assert "InboxUnavailable at" in str(event.handlers[0].error)
    assert notes() == []


def test_who_was_taken_over_has_written_nothing(
    bench: Bench, notes: Callable[[], list[str]]
) -> None:
    """Its writes and its outcome are refused together."""

    @on_event(TYPE, name="one")
    def late(event: Event[Any]) -> None:
        note(event, "late")
        # As if another process had claimed it meanwhile.
        event.connection.execute(events.update().values(attempt=events.c.attempt + 1))

    event_id = bench.accept()
    bench.handle()
    assert notes() == []
    assert bench.look(event_id).state == "running"
    assert bench.look(event_id).handlers == ()


def test_a_lost_connection_undoes_it(bench: Bench, notes: Callable[[], list[str]]) -> None:
    @on_event(TYPE, name="one")
    def cut(event: Event[Any]) -> None:
        note(event, "one")
        if event.attempt == 1:
            event.connection.connection.driver_connection.close()  # type: ignore[union-attr]

    event_id = bench.accept()
    bench.handle()
    assert notes() == []
    assert bench.look(event_id).state == "pending"
    bench.clock.now += 10
    bench.handle()
    assert notes() == ["one"]


def test_a_lease_is_renewed_while_its_handler_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Even if a renewal fails in between."""
    bench.inbox.lease = 0.3
    renew, renewals = Inbox.renew, []

    def flaky(inbox: Inbox, claims: Any) -> None:
        renewals.append([claim.id for claim in claims])
        if len(renewals) == 1:
            raise InboxUnavailable("away")
        renew(inbox, claims)

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
    with keeper.holding(bench.inbox, claim):
        assert bench.look(event_id).state == "running"
        keeper.give_back(bench.inbox)
        assert bench.look(event_id).state == "pending"
    again = bench.inbox.claim()
    assert again is not None
    assert (again.attempt, again.crashes) == (2, 0)
    assert not bench.inbox.save(claim), "the earlier claim has ended"


def test_the_keeper_starts_once_and_again_after_a_fork(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = LeaseKeeper()
    bench.accept()
    claim = bench.inbox.claim()
    assert claim is not None

    def threads() -> int:
        return sum(each.name == "ycloud-leases" for each in threading.enumerate())

    with keeper.holding(bench.inbox, claim):
        before = threads()
        keeper._start_thread()
        assert threads() == before
    monkeypatch.setattr("os.getpid", lambda: -1)
    with keeper.holding(bench.inbox, claim):
        assert threads() == before + 1


def test_log_records_carry_what_they_are_about(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[])

    @on_event(TYPE, name="one")
    def fail(event: Event[Any]) -> None:
        raise ValueError

    body = body_of()
    deliver(app, body)
    failed, dead = caplog.records
    about = {"event_id": id_of(body), "event_type": TYPE, "endpoint": "ycloud"}
    assert about.items() <= vars(failed).items()
    assert {"handler": "one", "attempt": 1}.items() <= vars(failed).items()
    assert about.items() <= vars(dead).items()
    caplog.clear()
    app.test_client().post("/ycloud/webhook", data=b"{}")
    (refused,) = caplog.records
    why: dict[str, Any] = {"endpoint": "ycloud", "reason": "missing", "status": 401}
    assert why.items() <= vars(refused).items()
