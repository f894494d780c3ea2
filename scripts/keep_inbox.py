"""Keep an inbox that this version has written, for the tests of later versions.

    make inbox

It sends deliveries to an app, once on SQLite and once on PostgreSQL. It writes the tables
to ``tests/data/inbox-<version>.<dialect>.json``: the statements that created them, their
rows, and what this version reads from them. ``tests/inbox/test_compatibility.py`` reads
each file with the present code.

A file that exists is not replaced, because a released one must not change. ``--replace`` is
for a version that is not released yet.
"""

from __future__ import annotations

import argparse
import base64
import configparser
import hashlib
import json
import logging
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from flask import Flask

from flask_ycloud import Discard, WebhookBlueprint, on_event, sign
from flask_ycloud.inbox import (
    TABLES,
    Identity,
    Inbox,
    StoredEvent,
    heartbeats,
    open_engine,
    rejected,
)
from flask_ycloud.runtime import runtime_of
from flask_ycloud.testing import FakeYCloud, isolated_handlers, sample_event

ROOT = Path(__file__).parent.parent
SERVER = "postgresql+psycopg://postgres@127.0.0.1/test"

SECRET = "whsec_of_the_fixture"  # noqa: S105
OLD_KEY, NEW_KEY = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2))
#: The path of each endpoint's blueprint.
PREFIXES = {"ycloud": "/ycloud", "eu": "/eu", "shops": "/shops/<tenant>"}

SMS, INBOUND = "sms.message.updated", "whatsapp.inbound_message.received"
CONTACT, EMAIL = "contact.created", "email.delivery.updated"
#: The event type of each handler.
HANDLERS = {
    "track": SMS, "bill": SMS, "reply": INBOUND, "notify": INBOUND, "greet": CONTACT,
}  # fmt: skip

CUSTOMER, ERASED = "+15550100123", "+15550100999"
STARTS = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
_DAY = 86_400.0
_TICK = 1 / 1024  # seconds


class Clock:
    """Unix seconds that only the script changes. No two readings are the same."""

    def __init__(self) -> None:
        self.now = STARTS.timestamp()

    def __call__(self) -> float:
        self.now += _TICK
        return self.now


class Writer:
    """An app with an inbox, and the YCloud that sends deliveries to it.

    :param sent: gets the body of each delivery.
    """

    def __init__(
        self, url: str, clock: Clock, sent: dict[Identity, bytes], **config: Any
    ) -> None:
        self.app = Flask("kept")
        self.engine = open_engine(url)
        self.app.config.update(
            TESTING=True,
            YCLOUD_WEBHOOK_SECRET=SECRET,
            YCLOUD_INBOX_URL=self.engine,
            YCLOUD_DISPATCH="manual",
            **config,
        )
        for name, prefix in PREFIXES.items():
            many: Any = {"secrets": lambda *_: SECRET} if "<tenant>" in prefix else {}
            blueprint = WebhookBlueprint(name, url_prefix=prefix, **many)
            self.app.register_blueprint(blueprint)
        self._sent = sent
        self.inbox = runtime_of(self.app).inbox
        self.inbox.clock = clock

    def send(
        self,
        event: str | bytes,
        event_id: str = "",
        *,
        endpoint: str = "ycloud",
        tenant: str = "",
        **changes: Any,
    ) -> None:
        """Send a delivery and do not handle its event."""
        whole: Any = event
        if isinstance(event, str):
            own = {"event.id": event_id, "event.createTime": STARTS.isoformat()}
            whole = sample_event(event, **own, **changes)
        ycloud = FakeYCloud(self.app, endpoint=endpoint, tenant=tenant or None)
        delivery = ycloud.send(whole)
        assert delivery.status == 200
        stored = delivery.stored
        assert stored is not None
        self._sent.setdefault(stored.identity, delivery.body)

    def reject(self) -> None:
        """Send a delivery with a wrong signature, and have it counted."""
        headers = {"YCloud-Signature": sign(b"{}", "whsec_of_another")}
        answer = self.app.test_client().post("/eu/webhook", data=b"{}", headers=headers)
        assert answer.status_code == 401
        runtime_of(self.app).rejections.write()

    def run(self) -> None:
        """Handle every event that is due."""
        FakeYCloud(self.app, endpoint="ycloud", raises=False).run_due()

    def close(self) -> None:
        """End its threads, and close its connections."""
        runtime_of(self.app).dispatcher.stop()
        self.engine.dispose()


def _register_handlers() -> None:
    @on_event(HANDLERS["track"], name="track")
    def track(event: Any) -> None: ...

    @on_event(HANDLERS["bill"], name="bill", retry_delays=(10,))
    def bill(event: Any) -> None:
        status = event.data["status"]
        if status == "sent":
            raise Discard("it is not billed")
        if status == "failed" or (status == "undelivered" and event.attempt == 1):
            raise LookupError(f"no price for {event.data['to']}")

    @on_event(HANDLERS["reply"], name="reply")
    def reply(event: Any) -> None: ...

    @on_event(HANDLERS["notify"], name="notify")
    def notify(event: Any) -> None: ...

    @on_event(HANDLERS["greet"], name="greet")
    def greet(event: Any) -> None: ...


def _fill(url: str, clock: Clock, sent: dict[Identity, bytes]) -> Writer:
    """Bring events into each state.

    :returns: the last app, which is still open.
    """
    first = Writer(url, clock, sent, YCLOUD_BODY_RETENTION_DAYS=1)
    first.send(SMS, "evt_emptied")
    first.send(SMS, "evt_emptied_of_discard", status="sent")
    first.run()
    clock.now += 2 * _DAY
    assert first.inbox.prune() == 2
    first.close()

    plain = Writer(url, clock, sent)
    _settle(plain, clock, "plain")
    _forget(plain)
    _repeat(plain)
    _crash(plain, clock)
    plain.reject()
    plain.close()

    # The last one has another key, and reads what this one has encrypted.
    own = {"YCLOUD_BODY_KEYS": [OLD_KEY], "YCLOUD_ERROR_MESSAGES": True}
    sealed = Writer(url, clock, sent, **own)
    _settle(sealed, clock, "sealed")
    sealed.close()

    last = Writer(url, clock, sent, YCLOUD_BODY_KEYS=[NEW_KEY, OLD_KEY])
    _settle(last, clock, "rotated")
    _wait(last, clock)
    heartbeats.beat(last.inbox, "worker 1 a")
    return last


def _settle(writer: Writer, clock: Clock, how: str) -> None:
    """Events that end in each way."""
    writer.send(SMS, f"evt_{how}_done")
    writer.send(SMS, f"evt_{how}_retried", status="undelivered")
    writer.send(SMS, f"evt_{how}_dead", status="failed")
    writer.send(SMS, f"evt_{how}_replayed", status="failed")
    writer.send(SMS, f"evt_{how}_given_up", status="sent")
    writer.send(EMAIL, f"evt_{how}_unhandled")
    writer.send(f"no JSON of {how}: \xff".encode("latin-1"))
    for tenant in ("acme", "beta"):
        writer.send(SMS, f"evt_{how}_of_shops", endpoint="shops", tenant=tenant)
    writer.run()
    writer.send(SMS, f"evt_{how}_discarded")
    writer.inbox.discard(f"evt_{how}_discarded", "the order was cancelled")
    clock.now += 11
    writer.run()


def _forget(writer: Writer) -> None:
    """A person who is erased: one event was handled, and two wait."""
    writer.send(INBOUND, "evt_erased", **{"from": ERASED})
    writer.run()
    writer.send(INBOUND, "evt_erased_pending", **{"from": ERASED})
    writer.send(INBOUND, "evt_erased_parked", **{"from": ERASED})
    assert len(writer.inbox.erase_person(ERASED).erased) == 3


def _repeat(writer: Writer) -> None:
    """A redelivery, and a delivery with a known id and another body."""
    writer.send(SMS, "evt_redelivered")
    writer.run()
    writer.send(SMS, "evt_redelivered")
    writer.send(SMS, "evt_conflicted")
    writer.run()
    writer.send(SMS, "evt_conflicted", status="failed")


def _crash(writer: Writer, clock: Clock) -> None:
    """A process dies while it handles an event, and another one takes the event over."""
    writer.send(SMS, "evt_crashed")
    assert writer.inbox.claim() is not None
    clock.now += 61
    writer.run()


def _wait(writer: Writer, clock: Clock) -> None:
    """Events that are paused, that wait, and that are being handled."""
    inbox = writer.inbox
    customer = {"from": CUSTOMER, "fromUserId": "US.1234567"}
    inbox.pause(endpoint="eu")
    inbox.pause(type="contact.*")
    inbox.pause(handler="notify")
    writer.send(SMS, "evt_paused_endpoint", endpoint="eu")
    writer.send(CONTACT, "evt_paused_type")
    writer.send(INBOUND, "evt_paused_handler", **customer)
    writer.send(SMS, "evt_retry", status="undelivered")
    writer.run()
    clock.now += 1
    for how in ("plain", "sealed", "rotated"):
        inbox.replay(f"evt_{how}_replayed")
    writer.send(INBOUND, "evt_running", **{"from": "+15550100777"})
    assert inbox.claim(Identity("evt_running", "ycloud")) is not None
    writer.send(INBOUND, "evt_behind_running", **{"from": "+15550100777"})
    writer.send(INBOUND, "evt_new", **customer)
    writer.send(INBOUND, "evt_behind_new", **customer)
    writer.send(SMS, "evt_new_of_shops", endpoint="shops", tenant="acme")


def view(event: StoredEvent) -> dict[str, Any]:
    """An event as the inbox shows it, as values for JSON."""
    names = [each.name for each in fields(event) if each.name != "opens"]
    shown = {name: _plain(getattr(event, name)) for name in names}
    return {**shown, "body": cell(event.body)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(each) for name, each in asdict(value).items()}
    return value


def whole(inbox: Inbox) -> list[StoredEvent]:
    """Every event of an inbox, in order of arrival."""
    heads = [*inbox.list(limit=1000), *inbox.list(state="deleted", limit=1000)]
    found = [
        inbox.get(each.id, endpoint=each.endpoint, tenant=each.tenant or "")
        for each in sorted(heads, key=lambda each: each.position)
    ]
    return [each for each in found if each is not None]


def overview(inbox: Inbox) -> dict[str, Any]:
    """What an inbox shows beside its events, as values for JSON."""
    stats = asdict(inbox.stats())
    for name in ("by_type", "running_handlers", "pauses"):
        del stats[name]
    return {
        "stats": stats,
        "pauses": [_plain(each) for each in inbox.pauses()],
        "rejected": [[*key, number] for key, number in rejected(inbox).items()],
        "workers": heartbeats.workers(inbox),
        "persons": {
            who: [each.id for each in inbox.person(who)] for who in (CUSTOMER, ERASED)
        },
        "about": {
            name: [each.id for each in inbox.list(about=name)]
            for name in (CUSTOMER, ERASED, "US.1234567", "tom@example.com")
        },
    }


def cell(value: Any) -> Any:
    """A value of a row, as one for JSON."""
    if not isinstance(value, bytes):
        return value
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _tables(connection: sa.Connection) -> dict[str, Any]:
    """The rows of each table, in the order of the primary key."""
    found = {}
    inspector = sa.inspect(connection)
    for name in sorted(TABLES):
        result = connection.exec_driver_sql(f"SELECT * FROM {name}")  # noqa: S608
        columns = list(result.keys())
        key = inspector.get_pk_constraint(name)["constrained_columns"]
        places = [columns.index(each) for each in key]
        rows = sorted(result.all(), key=lambda row: [row[n] for n in places])
        found[name] = {
            "columns": columns,
            "rows": [[cell(each) for each in row] for row in rows],
        }
    return found


def _sequences(connection: sa.Connection) -> list[str]:
    """Statements that set PostgreSQL's sequences to where they are."""
    if connection.dialect.name == "sqlite":
        return []
    rows = connection.exec_driver_sql(
        "SELECT sequencename, last_value FROM pg_sequences"
        " WHERE schemaname = current_schema() AND last_value IS NOT NULL ORDER BY 1"
    )
    return [f"SELECT setval('{name}', {last})" for name, last in rows]


@contextmanager
def _the_same_each_time(clock: Clock) -> Iterator[None]:
    """Times and random bytes that are the same in each run."""
    numbers, steps = count(), count()

    def urandom(size: int) -> bytes:
        return hashlib.shake_256(str(next(numbers)).encode()).digest(size)

    with ExitStack() as patches:
        patches.enter_context(patch("os.urandom", urandom))
        # Other threads read this one.
        patches.enter_context(patch("time.time", lambda: clock.now))
        ticks = patch("time.perf_counter", lambda: next(steps) * _TICK)
        patches.enter_context(ticks)
        yield


@contextmanager
def _noting(statements: list[str]) -> Iterator[None]:
    """Note the statements that create something."""

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        text = " ".join(statement.split())
        if text.startswith("CREATE "):
            statements.append(text)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def keep(url: str) -> dict[str, Any]:
    """Fill an empty database with an inbox, and give what is kept of it.

    :param url: of the database.
    """
    clock, sent, created = Clock(), dict[Identity, bytes](), list[str]()
    with isolated_handlers(), _the_same_each_time(clock), _noting(created):
        _register_handlers()
        last = _fill(url, clock, sent)
        last.inbox.clock = lambda: clock.now
        with last.engine.connect() as connection:
            tables, sequences = _tables(connection), _sequences(connection)
        events = []
        for each in whole(last.inbox):
            body = sent.get(each.identity)
            lost = {"sent": cell(body)} if body and not each.body else {}
            events.append(view(each) | lost)
        shown = overview(last.inbox)
        receipt = last.inbox.erase_person(ERASED)
        last.close()
    return {
        "version": _version(),
        "dialect": last.engine.dialect.name,
        "now": clock.now,
        "secret": SECRET,
        "body_keys": [NEW_KEY, OLD_KEY],
        "prefixes": PREFIXES,
        "handlers": HANDLERS,
        "erased": {ERASED: receipt.person},
        "overview": shown,
        "events": events,
        "created": sorted(created, key=lambda each: (" INDEX " in each, each)),
        "tables": tables,
        "sequences": sequences,
    }


def _version() -> str:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser["metadata"]["version"]


def _lines(value: Any, depth: int, indent: str = "") -> str:
    """JSON, with a line for each value down to some depth."""
    if not depth or not value or not isinstance(value, (dict, list)):
        return json.dumps(value)
    inner = indent + " "
    if isinstance(value, dict):
        items = [
            f"{json.dumps(name)}: {_lines(each, depth - 1, inner)}"
            for name, each in value.items()
        ]
    else:
        items = [_lines(each, depth - 1, inner) for each in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    separator = ",\n" + inner
    return f"{opening}\n{inner}{separator.join(items)}\n{indent}{closing}"


def text_of(kept: dict[str, Any]) -> str:
    """The text of a fixture: one line for each event, statement and row."""
    parts = [
        f" {json.dumps(name)}: {_lines(value, 3 if name == 'tables' else 1, ' ')}"
        for name, value in kept.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


@contextmanager
def _databases() -> Iterator[list[str]]:
    """Empty databases of both kinds."""
    schema = f"ycloud_kept_{uuid.uuid4().hex}"
    engine = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with tempfile.TemporaryDirectory() as folder, engine.connect() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
        postgresql = f"{SERVER}?options=-csearch_path%3D{schema}"
        try:
            yield [f"sqlite:///{folder}/inbox.db", postgresql]
        finally:
            connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--replace", action="store_true", help="replace files that exist")
    replace = parser.parse_args(arguments).replace
    logging.disable()  # the handlers fail on purpose
    with _databases() as urls:
        for url in urls:
            kept = keep(url)
            name = f"inbox-{kept['version']}.{kept['dialect']}.json"
            path = ROOT / "tests" / "data" / name
            if path.exists() and not replace:
                print(f"{path.name} exists. If its version is not released: --replace")
                return 1
            path.write_text(text_of(kept), "utf-8")
            print(f"{name}: {len(kept['events'])} events, {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
