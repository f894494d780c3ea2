"""Statements that SQLAlchemy compiles once and the driver executes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from .postgresql import is_lost

Row = tuple[Any, ...]


class Statement:
    """A statement that is executed for each event, and must be fast.

    SQLAlchemy compiles it once for each kind of driver. An execution by SQLAlchemy would
    take several times as long as the statement itself.

    :param statement: a statement of SQLAlchemy, with named parameters.
    """

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[tuple[str, str, str], _Compiled] = {}

    def run(self, tx: Connection, values: Mapping[str, Any]) -> list[Row]:
        """Execute the statement, and return its rows.

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
        """Execute the statement for each of several rows, on SQLite.

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
    """A statement that is compiled for one kind of driver."""

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
