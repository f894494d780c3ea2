"""Pauses as those who handle see them: handlers, attempts, workers, tasks, inline."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_ycloud import Event, current_inbox, on_event
from flask_ycloud.dispatch import tasks
from flask_ycloud.dispatch.celery import sweep
from flask_ycloud.inbox import Identity
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, eventually, id_of
from .support import TYPE, Bench
from .test_tasks import celery_app as celery_app

CUSTOMER = "whatsapp.inbound_message.received"


def handlers(*names: str) -> list[tuple[str, str]]:
    """Subscribe handlers that note what they see; ``fail`` fails at first."""
    seen: list[tuple[str, str]] = []
    for name in names:

        def handle(event: Event[Any], name: str = name) -> None:
            seen.append((name, event.id))
            if name == "fail" and event.attempt == 1:
                raise ValueError

        on_event("*", name=name)(handle)
    return seen


def test_the_other_handlers_of_an_event_run(bench: Bench) -> None:
    seen = handlers("crm", "mail")
    bench.inbox.pause(handler="mail")
    event_id = bench.accept()
    assert bench.handle()
    assert seen == [("crm", event_id)]
    assert not bench.handle()
    event = bench.look(event_id)
    assert (event.state, event.waits_for, event.paused_handlers) == (
        "pending", "pause", ("mail",),
    )  # fmt: skip
    bench.inbox.resume(handler="mail")
    assert bench.handle()
    assert seen == [("crm", event_id), ("mail", event_id)]
    states = {
        each.handler: (each.state, each.attempts) for each in bench.look(event_id).handlers
    }
    assert states == {"crm": ("succeeded", 1), "mail": ("succeeded", 1)}
    assert bench.look(event_id).state == "done"


def test_a_retry_of_another_handler_goes_on_meanwhile(bench: Bench) -> None:
    seen = handlers("fail", "mail")
    bench.inbox.pause(handler="mail")
    event_id = bench.accept()
    bench.handle()
    assert bench.look(event_id).waits_for == "retry"
    bench.clock.now += 11
    bench.handle()
    assert seen == [("fail", event_id), ("fail", event_id)]
    assert bench.look(event_id).waits_for == "pause"
    bench.inbox.resume(handler="mail")
    bench.handle()
    assert seen[2:] == [("mail", event_id)]
    assert bench.look(event_id).state == "done"


def test_the_retries_of_a_paused_handler_are_not_used_up(bench: Bench) -> None:
    seen = handlers("fail")
    event_id = bench.accept()
    bench.handle()
    bench.inbox.pause(handler="fail")
    for _ in range(5):
        bench.clock.now += 3600
        bench.handle()
    assert seen == [("fail", event_id)]
    (state,) = bench.look(event_id).handlers
    assert (state.state, state.attempts) == ("failed", 1)
    bench.inbox.resume(handler="fail")
    bench.handle()
    assert bench.look(event_id).state == "done"


def test_several_handlers_are_paused_and_end_one_by_one(bench: Bench) -> None:
    seen = handlers("crm", "mail")
    for each in ("crm", "mail"):
        bench.inbox.pause(handler=each)
    event_id = bench.accept()
    bench.handle()
    for each in ("mail", "crm"):
        assert bench.look(event_id).waits_for == "pause"
        bench.inbox.resume(handler=each)
        while bench.handle():
            pass
    assert seen == [("mail", event_id), ("crm", event_id)]
    assert bench.look(event_id).state == "done"


def test_the_order_of_a_conversation_holds_for_a_paused_handler(bench: Bench) -> None:
    seen = handlers("mail")
    bench.inbox.pause(handler="mail")

    def accept() -> str:
        deliver(bench.app, body := body_of(CUSTOMER))
        return id_of(body)

    sent = [accept() for _ in range(3)]
    while bench.handle():
        pass
    bench.inbox.resume(handler="mail")
    sent += [accept() for _ in range(2)]
    while bench.handle():
        pass
    assert seen == [("mail", each) for each in sent]


@pytest.mark.parametrize("what", [{}, {"type": "sms.*"}, {"handler": "mail"}])
def test_worker_threads_wait_and_go_on(worker_app: Flask, what: Any) -> None:
    seen = handlers("mail")
    inbox = runtime_of(worker_app).inbox
    inbox.pause(**what)
    bodies = [body_of(TYPE) for _ in range(5)]
    for body in bodies:
        assert deliver(worker_app, body).status_code == 200
    last = body_of("contact.created")
    deliver(worker_app, last)
    if what == {"type": "sms.*"}:  # the worker is at work
        eventually(lambda: seen == [("mail", id_of(last))])
    else:
        eventually(lambda: inbox.stats().waiting == {"pause": 6})
        assert seen == []
    inbox.resume(**what)
    eventually(lambda: len(seen) == 6)
    eventually(lambda: inbox.stats().pending == inbox.stats().running == 0)
    for body in bodies:
        event = inbox.get(id_of(body))
        assert event is not None
        assert [each.number for each in event.attempts] == [1]


def test_inline_stores_and_handles_later(app: Flask) -> None:
    seen = handlers("mail")
    with app.app_context():
        current_inbox.pause(endpoint="ycloud")
        body = body_of(TYPE)
        assert deliver(app, body).status_code == 200
        assert seen == []
        current_inbox.resume(endpoint="ycloud")
        assert seen == [("mail", id_of(body))]


@pytest.mark.parametrize(
    "what", [{}, {"endpoint": "ycloud"}, {"type": TYPE}, {"handler": "mail"}]
)
def test_tasks_do_nothing_while_it_is_paused(
    celery_app: tuple[Flask, Any], what: Any
) -> None:
    app, broker = celery_app
    seen = handlers("mail")
    inbox = runtime_of(app).inbox
    inbox.pause(**what)
    body = body_of(TYPE)
    assert deliver(app, body).status_code == 200
    eventually(lambda: broker.sent)
    with app.app_context():
        tasks.handle(id_of(body))
        assert (seen, len(broker.sent)) == ([], 1), "no task follows"
        now = inbox.clock
        inbox.clock = lambda: now() + 60
        assert sweep() == 0
        inbox.resume(**what)
        eventually(lambda: len(broker.sent) == 2)
        tasks.handle(id_of(body))
    assert seen == [("mail", id_of(body))]


def test_what_is_discarded_lets_the_next_be_handled(celery_app: tuple[Flask, Any]) -> None:
    app, broker = celery_app
    handlers("mail")
    first, second = body_of(CUSTOMER), body_of(CUSTOMER)
    for body in (first, second):
        deliver(app, body)
    eventually(lambda: len(broker.sent) == 2)
    with app.app_context():
        current_inbox.discard(id_of(first), "over")
    eventually(lambda: len(broker.sent) == 3)
    assert broker.sent[-1][0] == id_of(second)
    assert runtime_of(app).inbox.claim(Identity(id_of(second), "ycloud")) is not None


def test_an_app_in_another_process_is_told_by_the_inbox(
    make_app: MakeApp, inbox_url: str
) -> None:
    """Without a query for each event: it asks once in two seconds."""
    web, other = (
        make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url) for _ in range(2)
    )
    inbox = runtime_of(other).inbox
    runtime_of(web).inbox.pause(type="sms.*")
    for _ in range(3):
        deliver(web, body_of(TYPE))
        assert inbox.claim() is None
    asked: list[Any] = []
    read = inbox.database.read
    inbox.database.read = lambda work: asked.append(work) or read(work)  # type: ignore
    assert inbox.paused_handlers() == frozenset()
    assert asked == []
