"""Alembic and Flask-Migrate leave the inbox's tables out.

Alembic takes tables that are in the database, and not in the app's models, for removed
ones: ``flask db migrate`` would write a migration that drops the inbox.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


def include_name(name: str | None, type_: str, parent_names: Any = None) -> bool:
    """Tell Alembic's autogenerate to leave the inbox's tables out, with their indexes.

    Pass it in ``env.py``: ``context.configure(…, include_name=include_name)``.
    Flask-Migrate has it already, in each app with an endpoint.

    :param name: what Alembic has found in the database.
    :param type_: what that is, such as ``"table"``.
    :param parent_names: what it belongs to.
    :returns: ``False`` for a table of the inbox.
    """
    from .inbox import TABLES  # here, since it needs SQLAlchemy

    return type_ != "table" or name not in TABLES


def cover_migrations(app: Flask) -> None:
    """Have the app's Flask-Migrate leave the inbox's tables out.

    Whether it is set up already, or later: what the app has passed as ``include_name``
    counts too.
    """
    app.extensions = _Extensions(app.extensions)
    if "migrate" in app.extensions:
        _cover(app.extensions["migrate"])


class _Extensions(dict[str, Any]):
    """The extensions of an app. A Flask-Migrate that joins them is covered."""

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
    """Set ``include_name`` where Flask-Migrate's ``env.py`` takes its arguments from."""
    arguments = getattr(migrate, "configure_args", None)
    if arguments is not None:
        own = arguments.get("include_name")
        arguments["include_name"] = include_name if own is None else _Both(own)
