"""``prune`` and ``delete``: what is kept no longer."""

from __future__ import annotations

import json
import time

import pytest
from flask import Flask

from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver, id_of


def test_pruning(app: Flask) -> None:
    deliver(app, body_of())
    assert call(app, "prune").output == "Deleted or emptied 0 events.\n"
    inbox = runtime_of(app).inbox
    inbox.clock = lambda: time.time() + 86_400
    assert call(app, "prune", "--days", "0.9").output == "Deleted or emptied 1 event.\n"
    assert inbox.list() == []


def test_pruning_dead_letters_and_bodies(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DEAD_RETENTION_DAYS=3, YCLOUD_BODY_RETENTION_DAYS=2)
    deliver(app, b"not understood")
    deliver(app, body_of())
    inbox = runtime_of(app).inbox
    inbox.clock = lambda: time.time() + 4 * 86_400
    assert call(app, "prune").output == "Deleted or emptied 2 events.\n"
    assert [(each.state, each.body) for each in inbox.list()] == [("done", b"")]


def test_pruning_reopens_no_replay(app: Flask) -> None:
    body = body_of()
    now = int(time.time())
    deliver(app, body, timestamp=now)
    call(app, "prune", "--days", "0.0000001")
    assert deliver(app, body, timestamp=now).json == {"status": "duplicate"}


def test_deleting(app: Flask) -> None:
    bodies = [body_of() for _ in range(3)]
    for body in bodies:
        deliver(app, body)
    ids = [id_of(body) for body in bodies]
    told = call(app, "delete", *ids[:2], "--yes")
    assert told.output == f"{ids[0]} is deleted.\n{ids[1]} is deleted.\n"
    assert told.exit_code == 0
    assert deliver(app, bodies[0]).json == {"status": "duplicate"}
    assert [each.id for each in runtime_of(app).inbox.list()] == ids[2:]
    assert ids[0] in call(app, "list", "--state", "deleted").output
    shown = call(app, "show", ids[0], "--payload").output
    assert "It has no body any more." in shown
    assert "deleted" in shown
    replayed = call(app, "replay", ids[0])
    assert "cannot be handled again: its body was deleted" in replayed.output
    assert replayed.exit_code == 1


def test_it_asks(app: Flask) -> None:
    body = body_of()
    deliver(app, body)
    run = app.test_cli_runner().invoke
    told = run(args=["ycloud", "delete", id_of(body)], input="n\n")
    assert "Delete 1 event for good? [y/N]" in told.output
    assert runtime_of(app).inbox.list() != []
    run(args=["ycloud", "delete", id_of(body)], input="y\n")
    assert runtime_of(app).inbox.list() == []


@pytest.mark.parametrize("where", [(), ("--endpoint", "ycloud", "--tenant", "")])
def test_it_goes_on_after_an_error(app: Flask, where: tuple[str, ...]) -> None:
    body = body_of()
    deliver(app, body)
    told = call(app, "delete", "evt_unknown", id_of(body), *where, "--yes")
    assert "The inbox has no event 'evt_unknown'." in told.output
    assert f"{id_of(body)} is deleted." in told.output
    assert told.exit_code == 1


def test_a_selection_is_deleted(make_app: MakeApp, inbox_url: str) -> None:
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=inbox_url)
    sent = [body_of(), body_of("contact.created"), body_of()]
    for body in sent:
        deliver(app, body)
    inbox = runtime_of(app).inbox
    claim = inbox.claim()
    assert claim is not None
    told = call(app, "delete", "--type", "sms.*", "--yes", "--json")
    assert json.loads(told.stdout) == {
        "done": 1,
        "skipped": {"being handled now, or changed meanwhile": 1},
    }
    assert told.exit_code == 1
    assert {each.id for each in inbox.list()} == {id_of(sent[0]), id_of(sent[1])}
    told = call(app, "delete", "--type", "contact.created", "--yes")
    assert told.stdout == "1 event is deleted.\n"
    deleted = inbox.select(state="deleted")
    assert (deleted.count(), deleted.delete().done) == (2, 0)


def test_the_body_of_a_deleted_event_is_not_printed(app: Flask) -> None:
    body = body_of()
    deliver(app, body)
    call(app, "delete", id_of(body), "--yes")
    told = call(app, "show", id_of(body), "--body")
    assert (told.exit_code, told.output) == (1, "Error: It has no body any more.\n")
    shown = json.loads(call(app, "show", id_of(body), "--payload", "--json").output)
    assert (shown["state"], shown["body"]) == ("deleted", None)
