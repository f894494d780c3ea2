"""``event.join(session)``: a session's rows and the handler's success are one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from flask_ycloud import (
    ConfigurationError,
    Event,
    InboxUnavailable,
    handler_succeeded,
    on_event,
)
from flask_ycloud.dispatch.processing import process

from ..conftest import Clock, MakeApp
from ..support import body_of, deliver, id_of
from .support import TYPE, Bench

db: Any = SQLAlchemy()


class Note(db.Model):  # type: ignore[misc]
    __table_args__ = (sa.CheckConstraint("text <> 'bad'"),)
    text = sa.Column(sa.Text, primary_key=True)


INSERT = sa.insert(Note)

Write = Callable[[Any], None]


class Shop(Bench):
    """An app with Flask-SQLAlchemy, whose inbox is in its database."""

    def __init__(self, app: Flask, clock: Clock) -> None:
        db.init_app(app)  # after the blueprint was registered
        with app.app_context():
            db.create_all()
            self.engine = db.engine
        super().__init__(app, clock)

    def notes(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.scalars(sa.select(Note.text).order_by(Note.text)))

    def run(self) -> str:
        """One event through its handlers; the state that it is in then."""
        event_id = self.accept()
        self.handle()
        return self.look(event_id).state

    def error(self) -> str:
        [event, *_] = self.inbox.list()
        return str(self.look(event.id).handlers[0].error)


@pytest.fixture
def shop(
    no_jitter: None, make_app: MakeApp, inbox_url: str, clock: Clock
) -> Iterator[Shop]:
    app = make_app(
        SQLALCHEMY_DATABASE_URI=inbox_url,
        YCLOUD_INBOX_URL=lambda: db.engine,
        YCLOUD_DISPATCH="manual",
        YCLOUD_RETRY_DELAYS=[10, 30],
    )
    made = Shop(app, clock)
    yield made
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def add(session: Any) -> None:
    session.add(Note(text="a"))


def core(session: Any) -> None:
    session.execute(INSERT, {"text": "a"})


def then(write: Write, method: str) -> Write:
    """Write, and call a method of the session."""

    def both(session: Any) -> None:
        write(session)
        getattr(session, method)()

    return both


def nested(session: Any) -> None:
    with session.begin_nested():
        add(session)
    with suppress(LookupError), session.begin_nested():
        session.add(Note(text="b"))
        session.flush()
        raise LookupError


def rolled_back(session: Any) -> None:
    session.add(Note(text="b"))
    session.flush()
    session.rollback()
    add(session)
    session.commit()


def error_caught(session: Any) -> None:
    add(session)
    session.commit()
    session.execute(INSERT, {"text": "b"})
    with pytest.raises(sa.exc.IntegrityError):
        core(session)
    session.rollback()


WRITES: dict[str, Write] = {
    "neither": add,
    "flush": then(add, "flush"),
    "commit": then(add, "commit"),
    "closed": then(add, "close"),
    "core": core,
    "core, commit": then(core, "commit"),
    "nested": nested,
    "rolled back before": rolled_back,
    "error caught": error_caught,
}


@pytest.mark.parametrize("how", WRITES)
def test_rows_and_success_are_one_commit(shop: Shop, how: str) -> None:
    """Whatever the handler calls: it fails once, and has written nothing."""

    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        event.join(db.session)
        WRITES[how](db.session)
        if event.attempt == 1:
            raise LookupError

    assert shop.run() == "pending"
    assert shop.notes() == []
    shop.clock.now += 10
    shop.handle()
    assert shop.notes() == ["a"]
    assert shop.inbox.stats().pending == 0


@pytest.mark.parametrize("how", WRITES)
@pytest.mark.parametrize("kind", ["session", "scoped", "with"])
def test_plain_sessions_of_sqlalchemy_join_too(shop: Shop, how: str, kind: str) -> None:
    scoped = scoped_session(sessionmaker(shop.engine))
    plain = Session(shop.engine)

    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        if kind == "with":
            with Session(shop.engine) as session:
                event.join(session)
                WRITES[how](session)
        else:
            own = plain if kind == "session" else scoped
            event.join(own)
            WRITES[how](own)
        if event.attempt == 1:
            raise LookupError

    assert shop.run() == "pending"
    assert shop.notes() == []
    shop.clock.now += 10
    shop.handle()
    assert shop.notes() == ["a"]
    for each in (plain, scoped()):  # they are the app's again, and tied to nothing
        each.add(Note(text="later"))
        each.rollback()
        assert each.get_bind() is shop.engine
        assert each.get(Note, "a") is not None
        each.close()


def test_the_session_is_given_back(shop: Shop) -> None:
    """And it keeps what it is: its class, its listeners, the app's events."""
    flushed = []
    sa.event.listen(db.session, "before_flush", lambda *_: flushed.append(1))
    kept = []

    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        event.join(db.session)
        event.join(db.session)  # again is no harm
        kept.append(db.session())
        assert Note.query.count() == 0
        add(db.session)

    with shop.app.app_context():
        assert shop.run() == "done"
        assert flushed == [1]
        [session] = kept
        own = {"get_bind", "close"} & set(vars(session))
        assert (own, session.join_transaction_mode) == (set(), "conditional_savepoint")
        assert db.session() is not session
        db.session.add(Note(text="b"))
        db.session.commit()
        assert db.session.connection().engine is db.engine
    assert shop.notes() == ["a", "b"]


def test_without_a_use_nothing_is_opened(shop: Shop) -> None:
    """So the events of others are accepted meanwhile, on SQLite too."""

    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        event.join(db.session)
        if event.raw.get("apiVersion") == "v2":
            assert deliver(shop.app, body_of(TYPE, apiVersion="v3")).status_code == 200

    assert shop.run() == "done"
    assert shop.handle()
    assert not shop.handle()


def test_a_handler_that_was_taken_over_has_written_nothing(shop: Shop) -> None:
    @on_event(TYPE, name="one")
    def late(event: Event[Any]) -> None:
        event.join(db.session)
        add(db.session)
        db.session.commit()
        db.session.execute(sa.text("UPDATE ycloud_events SET attempt = attempt + 1"))

    assert shop.run() == "running"
    assert shop.notes() == []


def test_what_cannot_be_flushed_is_a_failure(shop: Shop) -> None:
    @on_event(TYPE, name="one")
    def twice(event: Event[Any]) -> None:
        event.join(db.session)
        add(db.session)
        db.session.commit()
        if event.attempt == 1:
            assert db.session.get(Note, "a") is not None
            db.session.add(Note(text="bad"))

    assert shop.run() == "pending"
    assert "IntegrityError" in shop.error()
    assert shop.notes() == []
    shop.clock.now += 10
    shop.handle()
    assert shop.notes() == ["a"]


def test_an_error_that_was_swallowed_is_a_failure(shop: Shop) -> None:
    """Without a rollback the session knows no further."""

    @on_event(TYPE, name="one")
    def swallow(event: Event[Any]) -> None:
        event.join(db.session)
        db.session.add(Note(text="bad"))
        with pytest.raises(sa.exc.IntegrityError):
            db.session.flush()
        db.session.execute(sa.select(1))

    assert shop.run() == "pending"
    assert "PendingRollbackError" in shop.error()


def test_a_with_block_that_raises_keeps_nothing(shop: Shop) -> None:
    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        try:
            raise KeyError
        except KeyError:  # being handled already, so no error of the block below
            with Session(shop.engine) as session:
                event.join(session)
                session.add(Note(text="kept"))
        with suppress(LookupError), Session(shop.engine) as session:
            event.join(session)
            session.add(Note(text="lost"))
            session.flush()
            raise LookupError

    try:
        raise OSError
    except OSError:
        assert shop.run() == "done"
    assert shop.notes() == ["kept"]


def test_a_lost_connection_undoes_it(shop: Shop) -> None:
    @on_event(TYPE, name="one")
    def cut(event: Event[Any]) -> None:
        event.join(db.session)
        add(db.session)
        db.session.flush()
        if event.attempt == 1:
            connection = db.session.connection().connection
            connection.driver_connection.close()

    assert shop.run() == "pending"
    assert shop.notes() == []
    shop.clock.now += 10
    shop.handle()
    assert shop.notes() == ["a"]


def test_core_on_the_connection_and_the_session_are_one(shop: Shop) -> None:
    @on_event(TYPE, name="one")
    def both(event: Event[Any]) -> None:
        event.connection.execute(INSERT, {"text": "core"})
        event.join(db.session)
        assert db.session.get(Note, "core") is not None
        assert db.session.connection() is event.connection
        add(db.session)

    assert shop.run() == "done"
    assert shop.notes() == ["a", "core"]


def test_a_session_on_the_connection_needs_a_begin(shop: Shop) -> None:
    """Without it SQLAlchemy throws away at the end of the block what was not flushed."""

    @on_event(TYPE, name="one")
    def documented(event: Event[Any]) -> None:
        with Session(event.connection) as session, session.begin():
            add(session)
        if event.attempt == 1:
            raise LookupError

    assert shop.run() == "pending"
    assert shop.notes() == []
    shop.clock.now += 10
    shop.handle()
    assert shop.notes() == ["a"]


def test_a_session_that_would_commit_early_fails(shop: Shop) -> None:
    """A rollback of such a session ends our transaction; the next commit would be real."""

    @on_event(TYPE, name="one")
    def early(event: Event[Any]) -> None:
        session = Session(event.connection)
        session.rollback()
        session.execute(sa.select(1))
        session.rollback()
        add(session)
        session.commit()

    assert shop.run() == "pending"
    assert "ConfigurationError" in shop.error()
    assert shop.notes() == []


def test_a_coroutine_joins_and_its_threads_cannot(shop: Shop) -> None:
    @on_event(TYPE, name="one")
    async def handler(event: Event[Any]) -> None:
        await asyncio.sleep(0)
        event.join(db.session)
        add(db.session)
        db.session.flush()
        for work in (lambda: event.connection, lambda: db.session.execute(sa.select(1))):
            with pytest.raises(InboxUnavailable, match="in its own thread"):
                await asyncio.to_thread(work)

    async def beside_a_loop() -> str:
        return shop.run()

    assert shop.run() == "done"
    assert shop.notes() == ["a"]
    with shop.engine.begin() as connection:
        connection.execute(sa.delete(Note))
    assert asyncio.run(beside_a_loop()) == "done"
    assert shop.notes() == ["a"]


def test_it_is_refused_where_no_handler_runs(shop: Shop) -> None:
    kept: list[Event[Any]] = []
    on_event(TYPE, name="one")(kept.append)
    heard = []

    def listener(app: Flask, event: Event[Any], **_: Any) -> None:
        with pytest.raises(InboxUnavailable, match="in a handler only"):
            event.join(db.session)
        heard.append(event)

    with handler_succeeded.connected_to(listener), shop.app.app_context():
        assert shop.run() == "done"
        with pytest.raises(InboxUnavailable, match="in a handler only"):
            kept[0].join(db.session)
    assert heard == kept
    assert shop.run() == "done"


def refusal(shop: Shop, join: Callable[[Event[Any]], None]) -> str:
    """What a handler is told when it joins something."""
    told = []

    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        with pytest.raises(ConfigurationError) as refused:
            join(event)
        told.append(str(refused.value))

    assert shop.run() == "done"
    assert shop.notes() == []
    return told[0]


def test_another_database_is_refused(shop: Shop) -> None:
    other = sa.create_engine("postgresql+psycopg://someone:secret@elsewhere/shop")
    told = refusal(shop, lambda event: event.join(Session(other)))
    assert "postgresql+psycopg://elsewhere/shop, and the inbox is in" in told
    assert 'app.config["YCLOUD_INBOX_URL"] = lambda: db.engine' in told


def test_a_further_database_of_a_session_is_refused_when_it_is_used(shop: Shop) -> None:
    other = sa.create_engine("sqlite://")
    session = Session(binds={Note: shop.engine, db.Model: other})

    def use(event: Event[Any]) -> None:
        event.join(session)
        assert session.get(Note, "a") is None
        session.execute(sa.select(1), bind_arguments={"bind": other})

    assert "use a session of its own" in refusal(shop, use)


def test_an_engine_of_the_same_database_is_none_other(shop: Shop) -> None:
    own = sa.create_engine(shop.engine.url)

    @on_event(TYPE, name="one")
    def handler(event: Event[Any]) -> None:
        session = Session(own)
        event.join(session)
        add(session)

    assert shop.run() == "done"
    assert shop.notes() == ["a"]
    own.dispose()


def test_a_session_in_a_transaction_is_refused(shop: Shop) -> None:
    def join(event: Event[Any]) -> None:
        db.session.execute(sa.select(1))
        try:
            event.join(db.session)
        finally:
            db.session.rollback()
            event.join(db.session)

    assert "before its first use in the handler" in refusal(shop, join)


def test_what_is_no_session_is_refused(shop: Shop) -> None:
    assert "got a SQLAlchemy" in refusal(shop, lambda event: event.join(db))


def test_two_handlers_of_an_event_each_have_their_own(shop: Shop) -> None:
    @on_event(TYPE, name="a")
    def one(event: Event[Any]) -> None:
        event.join(db.session)
        add(db.session)

    @on_event(TYPE, name="b")
    def other(event: Event[Any]) -> None:
        event.join(db.session)
        db.session.add(Note(text="b"))
        raise LookupError

    body = body_of(TYPE)
    deliver(shop.app, body)
    claim = shop.inbox.claim()
    assert claim is not None
    process(shop.runtime, claim)
    assert shop.notes() == ["a"]
    states = {each.handler: each.state for each in shop.look(id_of(body)).handlers}
    assert states == {"a": "succeeded", "b": "failed"}
