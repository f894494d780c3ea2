"""``backup``: a copy of the inbox, made while it is in use."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app

from ..formats import counted
from ..runtime import runtime_of
from .group import ycloud_cli
from .output import echo

_POSTGRESQL = """\
The inbox is on PostgreSQL, which has its own tool for backups:
pg_dump --format=custom --table='ycloud_*' --file=FILE DATABASE_URL"""


@ycloud_cli.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def backup(file: Path, force: bool) -> None:
    """Copy an SQLite inbox into a file while it is in use.

    \b
    Example:
      flask ycloud backup /backups/inbox.db
    """
    database = runtime_of(current_app).inbox.database
    if database.dialect != "sqlite":
        raise click.ClickException(_POSTGRESQL)
    if file.exists() and not force:
        raise click.ClickException(f"{file} exists. Name another file, or give --force.")
    try:
        count = database.back_up(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.ClickException(f"No backup was made: {file}: {reason}") from None
    events = counted(count, "event")
    echo(f"Backed up {events} to {file}. The copy passed the integrity check.")
