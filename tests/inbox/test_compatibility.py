"""Databases that released versions have written, read by the present code.

``make inbox`` has written the files in ``tests/data``, at each release.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_ycloud import BodyUnreadable, WebhookBlueprint, on_event
from flask_ycloud.inbox import TABLES, Inbox, StoredEvent, open_engine
from flask_ycloud.inbox.tables import SCHEMA_VERSION
from flask_ycloud.runtime import runtime_of
from flask_ycloud.testing import FakeYCloud
from scripts.keep_inbox import keep, overview, text_of, view, whole

from ..conftest import Clock, MakeApp
from ..support import deliver, eventually
from .test_tables import fresh_shape, shape

DATA = Path(__file__).parent.parent / "data"
FILES = sorted(DATA.glob("inbox-*.json"))

Kept = dict[str, Any]
#: The handler and the event of each run, in order.
Runs = list[tuple[str, str]]

_DAY = 86_400.0


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def kept(request: pytest.FixtureRequest) -> Kept:
    """What a released version has written."""
    read: Kept = json.loads(request.param.read_text("utf-8"))
    return read


@pytest.fixture
def url(kept: Kept, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with what it has written."""
    found = f"sqlite:///{tmp_path / 'inbox.db'}"
    if kept["dialect"] == "postgresql":
        found = request.getfixturevalue("postgresql_url")
    engine = open_engine(found)
    with engine.begin() as connection:
        for statement in kept["created"]:
            connection.exec_driver_sql(statement)
        for name, table in kept["tables"].items():
            columns = table["columns"]
            rows = [
                dict(zip(columns, map(value_of, row), strict=True)) for row in table["rows"]
            ]
            into = sa.table(name, *map(sa.column, columns)).insert()
            connection.execute(into, rows)
        for statement in kept["sequences"]:
            connection.exec_driver_sql(statement)
    engine.dispose()
    return found


@pytest.fixture
def runs() -> Runs:
    return []


@pytest.fixture
def old(kept: Kept, url: str, make_app: MakeApp, clock: Clock, runs: Runs) -> Flask:
    """An app that uses the database with the present code, and handles nothing yet."""
    return open_app(kept, url, make_app, clock, runs)


@pytest.fixture
def inbox(old: Flask) -> Inbox:
    return runtime_of(old).inbox


def open_app(
    kept: Kept, url: str, make_app: MakeApp, clock: Clock, runs: Runs, **config: Any
) -> Flask:
    blueprints = []
    for name, prefix in kept["prefixes"].items():
        many: Any = {"secrets": lambda *_: kept["secret"]} if "<tenant>" in prefix else {}
        blueprints.append(WebhookBlueprint(name, url_prefix=prefix, **many))
    own = {
        "YCLOUD_WEBHOOK_SECRET": kept["secret"],
        "YCLOUD_INBOX_URL": url,
        "YCLOUD_BODY_KEYS": kept["body_keys"],
        "YCLOUD_DISPATCH": "manual",
    }
    app = make_app(*blueprints, **own | config)
    for name, event_type in kept["handlers"].items():

        @on_event(event_type, name=name)
        def handle(event: Any, name: str = name) -> None:
            runs.append((name, event.id))

    clock.now = kept["now"]
    runtime_of(app).inbox.clock = clock
    return app


def value_of(cell: Any) -> Any:
    """A value of a row, as the database takes it."""
    if not isinstance(cell, dict):
        return cell
    text = cell.get("text")
    return base64.b64decode(cell["base64"]) if text is None else text.encode()


def states(inbox: Inbox) -> dict[tuple[str, ...], str]:
    return {each.identity: each.state for each in whole(inbox)}


def resume_all(inbox: Inbox) -> None:
    for each in inbox.pauses():
        assert inbox.resume(**{each.kind: each.name})


def run_due(app: Flask) -> None:
    FakeYCloud(app, endpoint="ycloud").run_due()


def test_there_is_one_of_each_release_and_database() -> None:
    names = Counter(path.name.split(".sqlite")[0].split(".postgresql")[0] for path in FILES)
    assert names["inbox-1.0.0"] == 2
    assert set(names.values()) == {2}
    assert all(path.stat().st_size < 150_000 for path in FILES)


def test_its_tables_are_brought_up_to_date(inbox: Inbox, url: str, tmp_path: Path) -> None:
    assert inbox.database.init() == SCHEMA_VERSION
    assert shape(inbox) == fresh_shape(url, tmp_path)


def test_every_event_is_found_as_it_was(inbox: Inbox, kept: Kept) -> None:
    found = whole(inbox)
    assert len(found) == len(kept["events"])
    for event, was in zip(found, kept["events"], strict=True):
        shown = json.loads(json.dumps(view(event)))
        was.pop("sent", None)
        # A later version may show more.
        assert {name: shown.get(name) for name in was} == was


def test_its_pauses_counts_and_searches_are_as_they_were(inbox: Inbox, kept: Kept) -> None:
    shown = json.loads(json.dumps(overview(inbox)))
    assert {name: shown.get(name) for name in kept["overview"]} == kept["overview"]


def test_an_encrypted_body_needs_its_key(
    kept: Kept, url: str, make_app: MakeApp, clock: Clock, runs: Runs
) -> None:
    events = kept["tables"]["ycloud_events"]
    place = events["columns"].index("body_key")
    used = Counter(row[place] for row in events["rows"])
    assert len(used) == len(kept["body_keys"]) + 1, "some are not encrypted"
    app = open_app(kept, url, make_app, clock, runs, YCLOUD_BODY_KEYS=None)
    unreadable = 0
    for event in whole(runtime_of(app).inbox):
        try:
            assert event.body or event.emptied_at
        except BodyUnreadable:
            unreadable += 1
    assert unreadable == used.total() - used[None]


def test_a_redelivery_is_a_duplicate_and_runs_nothing(
    kept: Kept, url: str, make_app: MakeApp, clock: Clock, runs: Runs
) -> None:
    """So it is with those, too, of which no body is left."""
    app = open_app(kept, url, make_app, clock, runs, YCLOUD_DISPATCH="inline")
    inbox = runtime_of(app).inbox
    before = states(inbox)
    for event in kept["events"]:
        body = value_of(event.get("sent") or event["body"])
        prefix = kept["prefixes"][event["endpoint"]]
        path = f"{prefix}/webhook".replace("<tenant>", event["tenant"] or "")
        answer = deliver(app, body, secret=kept["secret"], path=path)
        conflicts = "known with another body" in (event["reason"] or "")
        assert answer.get_json() == {"status": "conflict" if conflicts else "duplicate"}
    assert runs == []
    assert states(inbox) == before


def test_a_new_event_waits_for_those_of_its_conversation(
    old: Flask, inbox: Inbox, kept: Kept
) -> None:
    behind = [each for each in kept["events"] if each["behind"]]
    assert behind
    for number, event in enumerate(behind):
        body = json.loads(value_of(event["body"])) | {"id": f"evt_later_{number}"}
        path = f"{kept['prefixes'][event['endpoint']]}/webhook"
        deliver(old, json.dumps(body).encode(), secret=kept["secret"], path=path)
        found = inbox.get(f"evt_later_{number}")
        assert found is not None
        assert (found.waits_for, found.behind) == ("conversation", event["behind"])


def test_a_worker_runs_what_is_pending(
    kept: Kept, url: str, make_app: MakeApp, clock: Clock, runs: Runs
) -> None:
    """First what is not paused, and the rest once the pauses end."""
    app = open_app(kept, url, make_app, clock, runs, YCLOUD_DISPATCH="worker")
    inbox = runtime_of(app).inbox
    left = [each for each in whole(inbox) if each.state in ("pending", "running")]
    clock.now += 3600  # the lease has ended, and retries are due
    runtime_of(app).dispatcher.start()
    eventually(lambda: all_wait_for_pauses(inbox), seconds=60)
    held = {pause["name"] for pause in kept["overview"]["pauses"]}
    assert not held & {name for name, _ in runs}
    assert not ids_paused(left) & {event_id for _, event_id in runs}
    resume_all(inbox)
    eventually(lambda: not ids_of(inbox, "pending", "running"), seconds=60)
    due = {
        (name, event.id)
        for event in left
        for name, event_type in kept["handlers"].items()
        if event_type == event.type
        and not any(each.handler == name and each.ended for each in event.handlers)
    }
    assert Counter(runs) == Counter(due), "each once, and none that has succeeded"
    order = [event_id for _, event_id in runs]
    for event in left:
        if event.behind is not None:
            assert order.index(event.behind) < order.index(event.id)


def all_wait_for_pauses(inbox: Inbox) -> bool:
    left = [each for each in whole(inbox) if each.state in ("pending", "running")]
    return all(each.waits_for == "pause" for each in left)


def ids_paused(events: list[StoredEvent]) -> set[str]:
    return {each.id for each in events if each.waits_for == "pause"}


def ids_of(inbox: Inbox, *some: str) -> set[str]:
    return {each.id for state in some for each in inbox.list(state=state)}


def test_what_is_dead_or_discarded_can_be_replayed(
    old: Flask, inbox: Inbox, kept: Kept, runs: Runs
) -> None:
    resume_all(inbox)
    run_due(old)
    runs.clear()
    for state in ("dead", "discarded"):
        those = {each["id"]: each for each in kept["events"] if each["state"] == state}
        assert those
        assert inbox.select(state=state).replay().done == len(those)
        run_due(old)
        for event_id, was in those.items():
            event = inbox.get(event_id)
            assert event is not None
            understood = was["type"] is not None
            assert event.state == ("done" if understood else "dead")
            assert event.reason == (None if understood else was["reason"])
            assert len(event.attempts) >= len(was["attempts"])
            if understood:
                assert all(each.state == "succeeded" for each in event.handlers)
    assert runs


def test_what_is_old_is_pruned(inbox: Inbox, kept: Kept, url: str) -> None:
    clock: Any = inbox.clock
    clock.now += 100 * _DAY
    assert inbox.prune() > 0
    expected = [each for each in kept["events"] if each["state"] in ("pending", "running")]
    assert [each.id for each in whole(inbox)] == [each["id"] for each in expected]
    seqs = {each["position"] for each in expected}
    engine = open_engine(url)
    with engine.connect() as connection:
        for name in ("outcomes", "attempts", "names"):
            query = f"SELECT event_seq FROM ycloud_{name}"
            assert set(connection.exec_driver_sql(query).scalars()) <= seqs
    engine.dispose()


def test_a_person_is_erased(inbox: Inbox, kept: Kept) -> None:
    persons = {who: ids for who, ids in kept["overview"]["persons"].items() if ids}
    assert persons
    for who, ids in persons.items():
        erasure = inbox.erase_person(who)
        assert [each.id for each in erasure.erased] == ids
        assert (erasure.running, erasure.unreadable) == ((), ())
        assert len(inbox.person(who)) == len(inbox.list(about=who)) == 0
        assert set(ids) <= ids_of(inbox, "deleted")
    for who, known_as in kept["erased"].items():
        erasure = inbox.erase_person(who)
        assert (erasure.erased, erasure.person) == ((), known_as)


def test_what_a_release_keeps_has_everything(inbox_url: str) -> None:
    """The script writes a row of each table, and an event of each state."""
    made = keep(inbox_url)
    tables = made["tables"]
    assert set(tables) == TABLES
    assert [name for name, table in tables.items() if not table["rows"]] == []
    events = made["events"]
    assert {each["state"] for each in events} == {
        "pending", "running", "done", "dead", "discarded", "deleted"
    }  # fmt: skip
    waiting = {each["waits_for"] for each in events}
    assert waiting == {None, "worker", "conversation", "retry", "pause"}
    of_handlers = {run["state"] for each in events for run in each["attempts"]}
    assert of_handlers == {"succeeded", "failed", "discarded"}
    assert {each["kind"] for each in made["overview"]["pauses"]} == {
        "endpoint", "handler", "type"
    }  # fmt: skip
    for name in ("unhandled", "redeliveries", "conflict_id", "emptied_at", "tenant"):
        assert any(each[name] for each in events), name
    text = text_of(made)
    assert json.loads(text) == json.loads(json.dumps(made))
    assert str(Path(__file__).parent.parent.parent) not in text
