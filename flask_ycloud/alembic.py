"""Exclude the inbox's tables from the migrations of Alembic and Flask-Migrate.

If a table is in the database but not in the app's models, Alembic assumes that it was
removed: ``flask db migrate`` would write a migration that drops the inbox.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


def include_name(name: str | None, type_: str, parent_names: Any = None) -> bool:
    """Exclude the inbox's tables and their indexes from Alembic's autogenerate.

    Pass it in ``env.py``: ``context.configure(…, include_name=include_name)``. In an app
    with an endpoint, Flask-Migrate already has it.

    :param name: the name that Alembic has found in the database.
    :param type_: the type of its object, such as ``"table"``.
    :param parent_names: the names of the objects to which it belongs.
    :returns: ``False`` for a table of the inbox.
    """
    from .inbox import TABLES  # imported here, since it needs SQLAlchemy

    return type_ != "table" or name not in TABLES


def cover_migrations(app: Flask) -> None:
    """Exclude the inbox's tables from the migrations of the app's Flask-Migrate.

    Flask-Migrate may be set up before or after this. The app's own ``include_name`` is used
    as well.
    """
    app.extensions = _Extensions(app.extensions)
    if "migrate" in app.extensions:
        _cover(app.extensions["migrate"])


class _Extensions(dict[str, Any]):
    """The extensions of an app, with ``include_name`` for a Flask-Migrate that is added."""

    def __setitem__(self, name: str, extension: Any) -> None:
        if name == "migrate":
            _cover(extension)
        super().__setitem__(name, extension)


@dataclass(frozen=True)
class _Both:
    """:func:`include_name` and one of the app's own."""

    own: Callable[[str | None, Any, Any], bool]

    def __call__(self, name: str | None, type_: Any, parent_names: Any) -> bool:
        return include_name(name, type_) and self.own(name, type_, parent_names)


def _cover(migrate: Any) -> None:
    """Set ``include_name`` in the arguments that Flask-Migrate's ``env.py`` uses."""
    arguments = getattr(migrate, "configure_args", None)
    if arguments is not None:
        own = arguments.get("include_name")
        arguments["include_name"] = include_name if own is None else _Both(own)
