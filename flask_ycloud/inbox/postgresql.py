"""What PostgreSQL needs: connections that work, behind a pooler or not, and in time."""

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

#: Seconds that a connection may take, and an answer to a statement of ours. A delivery may
#: wait for a commit before its own, and YCloud recommends an answer within six.
CONNECT_SECONDS = 2
ANSWER_SECONDS = 2.5
_IDLE_SECONDS = 5.0
_LATE = "the server gave no answer"
_STEP_SECONDS = 0.25

#: SQLSTATEs after which a connection is of no use: the server is read-only now, or ends.
_LOST = ("25006", "57P01", "57P02", "57P03", "57P05")


def with_driver(url: URL) -> URL:
    """A bare ``postgresql://`` or ``postgres://``, as hosts hand it out, with psycopg 3."""
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    return url


def engine_options(url: URL) -> dict[str, Any]:
    """What ``create_engine`` is told: each thread may have a connection, in time.

    Handlers hold connections for as long as they run, and no accept waits for theirs.
    """
    options: dict[str, Any] = {"max_overflow": -1}
    given = url.query
    if url.get_driver_name() == "psycopg" and "connect_timeout" not in given:
        options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    return options


def prepare(engine: Engine) -> None:
    """Have each connection of our engine checked: when it is opened, and after a pause."""
    event.listen(engine, "connect", _mind_the_pooler)
    _ping_what_was_idle(engine)


def mind_the_loss(engine: Engine) -> None:
    """Give up connections that are of no use any more, whoever made the engine."""

    def failed(context: ExceptionContext) -> None:
        if is_lost(context.original_exception):
            context.is_disconnect = True

    event.listen(engine, "handle_error", failed)


def is_lost(error: BaseException | None) -> bool:
    """Whether a connection that gave this error is of no use any more."""
    return getattr(error, "sqlstate", None) in _LOST


def check_encoding(connection: Connection) -> None:
    """See that the database takes every character.

    :raises InboxUnavailable: if it does not.
    """
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    encoding = encoding.decode() if isinstance(encoding, bytes) else encoding
    if encoding != "UTF8":
        raise InboxUnavailable(
            f"The inbox's database has the encoding {encoding}, which cannot hold every"
            " character. It takes one with UTF8: CREATE DATABASE … ENCODING 'UTF8'"
            " TEMPLATE template0."
        )


_this_thread = threading.local()


@contextmanager
def pinging(always: bool) -> Iterator[None]:
    """Ping each connection that is taken in a ``with`` block, or none.

    None is for who can try again with another one; and each is for that try.
    """
    _this_thread.pings = always
    try:
        yield
    finally:
        _this_thread.pings = None


@contextmanager
def answering(connection: Connection) -> Iterator[None]:
    """Bound the wait for each answer in a ``with`` block; only psycopg lets us.

    A server that takes the bytes and answers nothing, or that waits for a lock, would keep
    the thread for as long as it likes. After the time the connection is closed.
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
    """The same as psycopg's, which ends with an error when it is late."""
    ready = None
    while True:
        try:
            state = generator.send(ready)
        except StopIteration as end:  # it may have nothing to wait for
            return end.value
        ready = yield state
        if not ready and time.monotonic() >= until:
            driver.close()
            raise _no_answer()


def _no_answer() -> Exception:
    from psycopg import OperationalError  # who uses it has it

    return OperationalError(f"{_LATE} within {ANSWER_SECONDS:g} s")


def is_late(error: BaseException) -> bool:
    """Whether no answer came in time. To try again would take as long."""
    return str(error).startswith(_LATE)


def _mind_the_pooler(connection: Any, _: Any) -> None:
    """Prepare no statements behind a pooler, where the next one may meet another server.

    A pooler makes up the process id that it tells a client.
    """
    info = getattr(connection, "info", None)
    if not hasattr(connection, "prepare_threshold") or info is None:
        return
    ((pid,),) = connection.execute("SELECT pg_backend_pid()").fetchall()
    connection.rollback()
    if pid != info.backend_pid:
        connection.prepare_threshold = None


def _ping_what_was_idle(engine: Engine) -> None:
    """See that a connection is still there before its use, if it was not used of late.

    SQLAlchemy's pre-ping would cost each of the statements that follow one another in a
    busy process a round trip more.
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
            alive = engine.dialect.do_ping(connection)  # SQLAlchemy 2.0.0 says it so
        except engine.dialect.loaded_dbapi.Error:
            alive = False
        if not alive:
            raise InvalidatePoolError  # it opens another, and asks no more

    event.listen(engine, "checkin", came_back)
    event.listen(engine, "checkout", goes_out)
