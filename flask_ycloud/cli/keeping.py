"""What is kept no longer: ``prune`` and ``delete``."""

from __future__ import annotations

import click
from flask import current_app

from ..errors import YCloudError
from ..runtime import runtime_of
from .group import ycloud_cli
from .places import where_options


@ycloud_cli.command()
@click.option("--days", type=click.FloatRange(0), help="Default: YCLOUD_RETENTION_DAYS.")
def prune(days: float | None) -> None:
    """Delete events and dead letters that are old, and empty bodies that are."""
    pruned = runtime_of(current_app).inbox.prune(days=days)
    click.echo(f"Deleted or emptied {pruned} events.")


@ycloud_cli.command()
@click.argument("event_ids", nargs=-1, required=True)
@where_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(
    event_ids: tuple[str, ...], endpoint: str | None, tenant: str | None, yes: bool
) -> None:
    """Delete events for good; only their ids stay known for a while."""
    inbox = runtime_of(current_app).inbox
    if not yes:
        click.confirm(f"Delete {len(event_ids)} events for good?", abort=True)
    deleted = 0
    for event_id in event_ids:
        try:
            inbox.delete(event_id, endpoint=endpoint, tenant=tenant)
            deleted += 1
        except YCloudError as error:
            click.echo(f"Error: {error}", err=True)
    click.echo(f"Deleted {deleted} of {len(event_ids)} events.")
    if deleted < len(event_ids):
        raise click.exceptions.Exit(1)
