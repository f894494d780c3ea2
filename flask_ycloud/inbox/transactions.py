"""A handler's transaction: its writes, and the outcome that is committed with them."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ..errors import ConfigurationError, InboxUnavailable
from ..protocol import OUTSIDE_A_HANDLER

if TYPE_CHECKING:
    from .sessions import AnySession, JoinedSession

_current: ContextVar[Transaction | None] = ContextVar("ycloud_transaction", default=None)

_OPTION = "ycloud_transaction"  # of a connection

_COMMITTED = (
    "The handler commits event.connection, so its writes are undone. The inbox commits them"
    " together with the handler's success: leave out commit(), or use event.join(session)."
)
_CLOSED = (
    "The handler has closed event.connection, so its writes are undone. The inbox closes it"
    " after the handler: leave out close() and `with`."
)


class Transaction:
    """A transaction for a handler's writes, and for our write at its end.

    It can be used inside its ``with`` block, in the thread of that block. Writes that were
    not committed at the end of the block are rolled back.

    :param ready_to_use: turns the driver's errors into ours.
    :param engine: the engine for the connection.
    :param before_open: called before the connection is opened.
    """

    def __init__(
        self,
        ready_to_use: Callable[[], AbstractContextManager[None]],
        engine: Engine,
        before_open: Callable[[], None] = lambda: None,
    ) -> None:
        self._ready_to_use = ready_to_use
        self._engine = engine
        self._before_open = before_open
        self._connection: Connection | None = None
        self._sessions: list[JoinedSession] = []
        self._thread: int | None = None
        self._beside_loop = False
        self._finishing = self._committed_early = False

    def __enter__(self) -> Transaction:
        self._thread = threading.get_ident()
        self._beside_loop = _runs_loop()
        self._handled = sys.exc_info()[1]
        self._token: Token[Transaction | None] = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
        for each in self._sessions:
            each.undo()
        if self._connection is not None:
            with suppress(SQLAlchemyError):  # a lost connection is rolled back already
                self._connection.close()
        self._thread, self._beside_loop = None, False

    @property
    def opened(self) -> bool:
        """Whether the connection was opened."""
        return self._connection is not None

    @property
    def joined(self) -> bool:
        """Whether a session writes in it."""
        return bool(self._sessions)

    def open(self) -> Connection:
        """The connection, in its transaction.

        :raises InboxUnavailable: if the database cannot be reached, or if this is not the
            thread of the ``with`` block.
        :raises ConfigurationError: if the handler has closed it, or tried to commit.
        """
        self._check_thread()
        if self._connection is None:
            self._before_open()
        connection = self._connection = self._connection or self._begin()
        if self._committed_early:
            raise ConfigurationError(_COMMITTED)
        if connection.closed:
            raise ConfigurationError(_CLOSED)
        return connection

    def join(self, session: AnySession) -> None:
        """Let a session write on the connection, which opens at the session's first use.

        :raises InboxUnavailable: if this is not the thread of the ``with`` block.
        :raises ConfigurationError: if that session cannot write in this transaction.
        """
        from .sessions import JoinedSession, session_in  # not every app has the ORM

        self._check_thread()
        real = session_in(session)
        if not any(each.session is real for each in self._sessions):
            joined = JoinedSession(real, self.open, self._engine, self._handled)
            self._sessions.append(joined)

    def end_sessions(self) -> None:
        """Flush the sessions, and restore them.

        :raises Exception: the error of a flush, now or when the session was closed.
        """
        while self._sessions:
            self._sessions.pop().end()

    def finish(self, work: Callable[[Connection], bool]) -> bool:
        """Run a last write and commit. If it returns ``False``, everything is rolled back.

        :raises InboxUnavailable: if nothing was stored.
        """
        connection = self.open()
        with self._ready_to_use():
            if not connection.in_transaction():
                connection.begin()  # the handler has rolled back
            done = work(connection)
            if done:
                self._finishing = True
                connection.commit()
            return done

    def _begin(self) -> Connection:
        with self._ready_to_use():
            connection = self._engine.connect()
            connection.execution_options(**{_OPTION: self})
            try:
                connection.begin()
            except BaseException:
                connection.close()
                raise
        return connection

    def before_commit(self, connection: Connection) -> None:
        """Check that the commit is ours.

        :raises ConfigurationError: if it is the handler's.
        """
        if not self._finishing:
            # SQLAlchemy assumes that a failed commit is rolled back.
            connection.dialect.do_rollback(connection.connection)
            self._committed_early = True
            raise ConfigurationError(_COMMITTED)

    def _check_thread(self) -> None:
        if self._thread == threading.get_ident():
            return
        # If the thread already runs an event loop, a coroutine runs in a second thread.
        if not (self._beside_loop and _current.get() is self and _runs_loop()):
            raise InboxUnavailable(OUTSIDE_A_HANDLER)


def refuse_early_commits(engine: Engine) -> None:
    """Make the transactions on an engine reject commits by their handlers."""

    def before_commit(connection: Connection) -> None:
        transaction = connection.get_execution_options().get(_OPTION)
        if transaction is not None:
            transaction.before_commit(connection)

    event.listen(engine, "commit", before_commit)


def _runs_loop() -> bool:
    """Whether code of an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
