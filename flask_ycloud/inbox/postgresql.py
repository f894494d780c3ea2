"""Connections to PostgreSQL: checked, limited in time, and safe behind a pooler."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from ..errors import InboxUnavailable

#: Seconds that a new connection may take, and an answer to one of our statements. A
#: delivery may wait for the commit before its own, and YCloud recommends an answer within
#: six seconds.
CONNECT_SECONDS = 2
ANSWER_SECONDS = 2.5
_IDLE_SECONDS = 5.0
_LATE = "the server gave no answer"
_STEP_SECONDS = 0.25

# With a stricter isolation, statements fail if another process writes at the same time.
_STRICT = ("repeatable read", "serializable")

#: SQLSTATEs after which a connection is unusable: the server is read-only, or shuts down.
_LOST = ("25006", "57P01", "57P02", "57P03", "57P05")


def with_driver(url: URL) -> URL:
    """Add psycopg 3 to a plain ``postgresql://`` or ``postgres://``, as hosters give it."""
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    return url


def engine_options(url: URL) -> dict[str, Any]:
    """The options for ``create_engine``: a connection for each thread, and a timeout.

    Handlers keep connections for as long as they run. Accepting must not wait for these.
    An idle process uses one connection for all its polls, so it need not ping.
    """
    ours: dict[str, Any] = {}
    if url.get_driver_name() in ("psycopg", "psycopg2"):
        # The role or the environment may have another encoding.
        ours["client_encoding"] = "utf8"
    if url.get_driver_name() == "psycopg" and "connect_timeout" not in url.query:
        ours["connect_timeout"] = CONNECT_SECONDS
    return {"max_overflow": -1, "pool_use_lifo": True, "connect_args": ours}


def prepare(engine: Engine) -> None:
    """Check each connection of our engine when it is opened, and after it was idle."""
    event.listen(engine, "connect", _set_up)
    _ping_what_was_idle(engine)


def mind_the_loss(engine: Engine) -> None:
    """Close connections that are unusable, for our engines and those of the app."""

    def failed(context: ExceptionContext) -> None:
        if is_lost(context.original_exception):
            context.is_disconnect = True

    event.listen(engine, "handle_error", failed)


def is_lost(error: BaseException | None) -> bool:
    """Whether a connection is unusable after this error."""
    return getattr(error, "sqlstate", None) in _LOST


def check_settings(connection: Connection) -> None:
    """Check that every body can be stored, and that statements need no transaction.

    :raises InboxUnavailable: if a setting of the database, role or connection is wrong.
    """
    of_server, of_client, conforming, isolation = _shown(
        connection,
        "server_encoding",
        "client_encoding",
        "standard_conforming_strings",
        "default_transaction_isolation",
    )
    if of_server != "UTF8":
        raise InboxUnavailable(
            f"The inbox's database has the encoding {of_server}, which cannot store every"
            " character. Use a database with UTF8: CREATE DATABASE … ENCODING 'UTF8'"
            " TEMPLATE template0."
        )
    if of_client != "UTF8":
        raise InboxUnavailable(
            f"Connections to the inbox's database have client_encoding {of_client}, which"
            " cannot send every character. Set it to utf8."
        )
    if conforming == "off":
        raise InboxUnavailable(
            "The inbox's database has standard_conforming_strings=off, with which drivers"
            " change the bytes of a body. Set it to on."
        )
    if isolation in _STRICT:
        raise InboxUnavailable(
            "Connections to the inbox's database have default_transaction_isolation"
            f" {isolation!r}. Set it to 'read committed' for this role, or in the options"
            " of the engine: -c default_transaction_isolation=read\\ committed."
        )


def what_may_be_lost(connection: Connection) -> list[str]:
    """The settings with which a crash of the server loses committed events."""
    names = "fsync", "synchronous_commit"
    values = zip(names, _shown(connection, *names), strict=True)
    return [f"{name}={value}" for name, value in values if value == "off"]


def _shown(connection: Connection, *settings: str) -> list[str]:
    columns = ", ".join(f"current_setting('{each}')" for each in settings)
    row = connection.exec_driver_sql(f"SELECT {columns}").one()
    return list(row)


_this_thread = threading.local()


@contextmanager
def pinging(always: bool) -> Iterator[None]:
    """Ping each connection that is used in a ``with`` block, or none of them.

    :param always: ``False`` for a caller that tries again with another connection if this
        one is lost, and ``True`` for that second try.
    """
    _this_thread.pings = always
    try:
        yield
    finally:
        _this_thread.pings = None


@contextmanager
def answering(connection: Connection) -> Iterator[None]:
    """Limit the wait for each answer in a ``with`` block. It is possible with psycopg only.

    A server that does not answer, or that waits for a lock, would block the thread without
    limit. The connection is closed after the limit.
    """
    driver: Any = connection.connection.driver_connection
    if type(driver).__module__.partition(".")[0] != "psycopg":
        yield
        return
    wait = driver.wait

    def bounded(generator: Generator[Any, Any, Any], *_: Any, **__: Any) -> Any:
        until = time.monotonic() + ANSWER_SECONDS
        return wait(_until(generator, until, driver), _STEP_SECONDS)

    driver.wait = bounded
    try:
        yield
    finally:
        del driver.wait


def _until(
    generator: Generator[Any, Any, Any], until: float, driver: Any
) -> Generator[Any, Any, Any]:
    """Run psycopg's generator, and raise an error if it takes too long."""
    ready = None
    while True:
        try:
            state = generator.send(ready)
        except StopIteration as end:  # there may be nothing to wait for
            return end.value
        ready = yield state
        if not ready and time.monotonic() >= until:
            driver.close()
            raise _no_answer()


def _no_answer() -> Exception:
    from psycopg import OperationalError  # the app may use another driver

    return OperationalError(f"{_LATE} within {ANSWER_SECONDS:g} s")


def is_late(error: BaseException) -> bool:
    """Whether no answer came in time. Another try would take as long."""
    return str(error).startswith(_LATE)


def _set_up(connection: Any, _: Any) -> None:
    """Prepare a new connection of psycopg: isolation, and statements behind a pooler.

    A pooler invents the process id that it sends to a client. Behind it, the next statement
    may run on another connection, so none is prepared, and nothing is set.
    """
    info = getattr(connection, "info", None)
    if not hasattr(connection, "prepare_threshold") or info is None:
        return
    query = "SELECT pg_backend_pid(), current_setting('default_transaction_isolation')"
    ((pid, isolation),) = connection.execute(query).fetchall()
    if pid != info.backend_pid:
        connection.prepare_threshold = None
    elif isolation in _STRICT:
        connection.execute(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED"
        )
    connection.commit()


def _ping_what_was_idle(engine: Engine) -> None:
    """Check before its use that a connection still works, if it was idle for some seconds.

    SQLAlchemy's pre-ping would add a round trip to each statement of a busy process.
    """

    def came_back(_: Any, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    def goes_out(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
        since = record.info.get("idle_since")
        if since is None:
            return  # it is new
        pings = getattr(_this_thread, "pings", None)
        if pings is None:
            pings = time.monotonic() - since >= _IDLE_SECONDS
        if not pings:
            return
        try:
            alive = engine.dialect.do_ping(connection)  # SQLAlchemy 2.0.0 returns False
        except engine.dialect.loaded_dbapi.Error:
            alive = False
        if not alive:
            raise InvalidatePoolError  # the pool opens another connection

    event.listen(engine, "checkin", came_back)
    event.listen(engine, "checkout", goes_out)
