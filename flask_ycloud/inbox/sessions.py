"""SQLAlchemy sessions that write in a handler's transaction."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.orm import Session, scoped_session

from ..errors import ConfigurationError
from .engine import same_database, shown

AnySession = Session | scoped_session[Any]


def session_in(session: AnySession) -> Session:
    """The session itself, for a session or a ``scoped_session``.

    :raises ConfigurationError: if it is neither.
    """
    found = session() if isinstance(session, scoped_session) else session
    if not isinstance(found, Session):
        raise ConfigurationError(
            "event.join takes a Session or a scoped_session of SQLAlchemy, such as"
            f" db.session; got a {type(found).__name__}."
        )
    return found


class JoinedSession:
    """A session that writes on a handler's connection, until :meth:`end` or :meth:`undo`.

    Its own commits and rollbacks work on a savepoint. Closing it keeps its writes.

    :param session: a session that has no transaction yet.
    :param connect: returns the connection; called when the session is used.
    :param engine: the engine of that connection.
    :param handled: the error that was being handled when the handler began.
    :raises ConfigurationError: if the session has a transaction, or another database.
    """

    def __init__(
        self,
        session: Session,
        connect: Callable[[], Connection],
        engine: Engine,
        handled: BaseException | None = None,
    ) -> None:
        _check_fresh(session)
        with suppress(UnboundExecutionError):  # the session has a database for each model
            _check_database(session.get_bind(), engine)
        self.session = session
        self._connect = connect
        self._engine = engine
        self._get_own_bind = session.get_bind
        self._close_it = session.close
        self._old_errors = (None, handled, sys.exc_info()[1])
        self._error: Exception | None = None
        ours = {
            "get_bind": self._get_bind,
            "close": self._close,
            "join_transaction_mode": "create_savepoint",
        }
        attributes = vars(session)
        self._before = {name: attributes.get(name, _UNSET) for name in ours}
        attributes.update(ours)

    def end(self) -> None:
        """Keep the session's writes, and restore the session.

        :raises Exception: the error of a flush, now or when the session was closed.
        """
        self._close()
        self._restore()
        if self._error is not None:
            raise self._error

    def undo(self) -> None:
        """Drop the session's writes, and restore the session."""
        with suppress(Exception):
            self._close_it()
        self._restore()

    def _get_bind(self, *args: Any, **kwargs: Any) -> Connection:
        _check_database(self._get_own_bind(*args, **kwargs), self._engine)
        return self._connect()

    def _close(self) -> None:
        """Keep the session's writes, unless an error is being raised.

        Flask-SQLAlchemy closes the session before we know the handler's outcome, and then
        closes other sessions. So :meth:`end` raises the errors later.
        """
        try:
            try:
                if sys.exc_info()[1] in self._old_errors:
                    self.session.commit()
            finally:
                self._close_it()
        except Exception as error:
            self._error = self._error or error

    def _restore(self) -> None:
        attributes = vars(self.session)
        for name, value in self._before.items():
            attributes[name] = value
            if value is _UNSET:
                del attributes[name]


_UNSET = object()


def _check_fresh(session: Session) -> None:
    if session.in_transaction():
        raise ConfigurationError(
            "event.join: the session is in a transaction of its own already, which cannot"
            " be committed together with the handler's success. Join it before its first"
            " use in the handler, or call its commit() or rollback() before."
        )


def _check_database(bind: Engine | Connection, engine: Engine) -> None:
    if not same_database(bind.engine, engine):
        theirs, ours = map(shown, (bind.engine, engine))
        raise ConfigurationError(
            f"event.join: the session's database is {theirs}, and the inbox is in {ours}."
            " Only writes to one database are committed together. Put the inbox there:"
            ' app.config["YCLOUD_INBOX_URL"] = lambda: db.engine. For another database'
            " use a session of its own."
        )
