"""Statements that SQLAlchemy builds once and the driver executes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from .postgresql import is_lost

Row = tuple[Any, ...]


class Statement:
    """A statement for the way of an event, where each microsecond counts.

    SQLAlchemy compiles it once for each kind of driver. What SQLAlchemy does at each
    execution, beside the driver's own work, costs several times the statement itself.

    :param statement: what SQLAlchemy built. Its parameters are named.
    """

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[tuple[str, str, str], _Compiled] = {}

    def run(self, tx: Connection, values: Mapping[str, Any]) -> list[Row]:
        """Execute it, and give the rows that it returns.

        :raises Exception: the driver's own errors, for :class:`Database` to translate.
        """
        dialect = tx.dialect
        compiled = self._for(dialect)
        connection: Any = tx.connection
        cursor = connection.cursor()
        try:
            cursor.execute(compiled.text, compiled.parameters(values))
            return cursor.fetchall() if cursor.description else []
        except dialect.loaded_dbapi.Error as error:
            driver = connection.driver_connection
            if is_lost(error) or dialect.is_disconnect(error, driver, cursor):
                tx.invalidate(error)
            raise
        finally:
            cursor.close()

    def run_each(self, tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for each of several rows, on SQLite. It returns nothing.

        :raises Exception: the driver's own errors, for :class:`Database` to translate.
        """
        compiled = self._for(tx.dialect)
        connection: Any = tx.connection
        connection.driver_connection.executemany(
            compiled.text, [compiled.parameters(row) for row in rows]
        )

    def _for(self, dialect: Any) -> _Compiled:
        kind = (dialect.name, dialect.driver, dialect.paramstyle)
        compiled = self._compiled.get(kind)
        if compiled is None:
            compiled = self._compiled[kind] = _Compiled(self._statement, dialect)
        return compiled


class _Compiled:
    """A statement as one kind of driver takes it."""

    def __init__(self, statement: Any, dialect: Any) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text: str = compiled.string
        self._names: list[str] | None = (
            compiled.positiontup if compiled.positional else None
        )
        self._defaults = {
            name: bind.value for name, bind in compiled.binds.items() if not bind.required
        }

    def parameters(self, values: Mapping[str, Any]) -> Any:
        known = {**self._defaults, **values}
        if self._names is None:
            return known
        return [known[name] for name in self._names]
