"""``prune`` and ``delete``: what is kept no longer."""

from __future__ import annotations

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
    assert call(app, "prune", "--days", "0.9").output == "Deleted or emptied 1 events.\n"
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
    assert (told.output, told.exit_code) == ("Deleted 2 of 2 events.\n", 0)
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
    assert "Delete 1 events for good? [y/N]" in told.output
    assert runtime_of(app).inbox.list() != []
    run(args=["ycloud", "delete", id_of(body)], input="y\n")
    assert runtime_of(app).inbox.list() == []


@pytest.mark.parametrize("where", [(), ("--endpoint", "ycloud", "--tenant", "")])
def test_it_goes_on_after_an_error(app: Flask, where: tuple[str, ...]) -> None:
    body = body_of()
    deliver(app, body)
    told = call(app, "delete", "evt_unknown", id_of(body), *where, "--yes")
    assert "The inbox has no event 'evt_unknown'." in told.output
    assert "Deleted 1 of 2 events." in told.output
    assert told.exit_code == 1
