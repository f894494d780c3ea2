"""Delete what is too old: ``prune``."""

from __future__ import annotations

import click
from flask import current_app

from ..actions import log_action, os_user
from ..formats import counted
from ..runtime import runtime_of
from .group import ycloud_cli
from .output import echo


@ycloud_cli.command()
@click.option(
    "--days",
    type=click.FloatRange(0),
    help="How long ago an event was done or discarded. Default: YCLOUD_RETENTION_DAYS.",
)
def prune(days: float | None) -> None:
    """Delete events and dead letters that are old, and bodies that are old.

    The id of an event stays for twice the signature tolerance, so that a copy of its
    delivery runs no handler.

    \b
    Example:
      flask ycloud prune --days 30
    """
    pruned = runtime_of(current_app).inbox.prune(days=days)
    log_action(os_user(), "prune", count=pruned, days=days)
    echo(f"Deleted or emptied {counted(pruned, 'event')}.")
