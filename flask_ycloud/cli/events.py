"""The inbox: ``list``, ``show``, ``replay``, ``stats`` and ``init-db``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import current_app

from ..errors import AmbiguousEvent
from ..formats import ago, ahead, in_one_line, short, without_message
from ..inbox import HandlerState, StoredEvent
from ..runtime import runtime_of
from .group import ycloud_cli
from .output import event_of, fields, table
from .places import where_options

_STATES = ("pending", "running", "done", "dead", "deleted")


@ycloud_cli.command("list")
@click.option("--state", type=click.Choice(_STATES))
@click.option("--type", "event_type", help="An exact event type.")
@click.option("--endpoint", help="The name of a WebhookBlueprint.")
@click.option("--tenant", help="Of an endpoint that serves many accounts.")
@click.option("--unhandled", is_flag=True, help="That no handler was subscribed to.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1))
@click.option("--before", type=int, help="For the next page: the last # of this one.")
def list_events(
    state: str | None,
    event_type: str | None,
    endpoint: str | None,
    tenant: str | None,
    unhandled: bool,
    limit: int,
    before: int,
) -> None:
    """Events, the newest first."""
    found = runtime_of(current_app).inbox.list(
        state=state,
        type=event_type,
        endpoint=endpoint,
        tenant=tenant,
        unhandled=unhandled or None,
        limit=limit,
        before=before,
    )
    if not found:
        click.echo("No events.")
        return
    rows = [
        (
            str(each.position),
            each.id,
            each.type or "(not understood)",
            _state(each),
            ago(each.received_at),
            each.endpoint,
            each.tenant or "",
        )
        for each in found
    ]
    head = ("#", "ID", "TYPE", "STATE", "RECEIVED", "ENDPOINT", "TENANT")
    shown = len(head) if any(each.tenant for each in found) else len(head) - 1
    table(head[:shown], [row[:shown] for row in rows])


@ycloud_cli.command()
@click.argument("event_id")
@where_options
@click.option("--payload", is_flag=True, help="Show the body, and messages of errors.")
def show(event_id: str, endpoint: str | None, tenant: str | None, payload: bool) -> None:
    """One event, and how each handler fared."""
    event = _get(event_id, endpoint, tenant)
    other = event.conflict_id
    lines = {
        "id": event.id,
        "type": event.type or "(not understood)",
        "endpoint": event.endpoint,
        "tenant": event.tenant,
        "endpoint id": event.endpoint_id,
        "state": _state(event),
        "reason": event.reason,
        "conflict": other and f"another body came under this id: {other}",
        "handler": event.running_handler,
        "running": event.running_since and f"since {ago(event.running_since)}",
        "received": event.received_at.isoformat(timespec="milliseconds"),
        "next look": event.due_at and ahead(event.due_at),
        "settled": event.settled_at and event.settled_at.isoformat(timespec="milliseconds"),
        "origin": event.origin,
        "emptied": event.emptied_at and event.emptied_at.isoformat(timespec="milliseconds"),
    }
    fields(lines, 13)
    if event.handlers:
        click.echo()
        table(
            ("HANDLER", "STATE", "ATTEMPTS", "ERROR"),
            [
                (each.handler, each.state, str(each.attempts), _error(each, payload))
                for each in event.handlers
            ],
        )
    if payload:
        click.echo()
        click.echo(_body(event))


@ycloud_cli.command()
@click.argument("event_ids", nargs=-1)
@where_options
@click.option("--all", "succeeded_too", is_flag=True, help="Also run those that succeeded.")
@click.option("--unhandled", is_flag=True, help="All that no handler was subscribed to.")
@click.option("--type", "event_type", help="With --unhandled: only this event type.")
def replay(
    event_ids: tuple[str, ...],
    endpoint: str | None,
    tenant: str | None,
    succeeded_too: bool,
    unhandled: bool,
    event_type: str | None,
) -> None:
    """Have events handled again: the handlers that have not succeeded."""
    if bool(event_ids) == unhandled:
        raise click.UsageError("Name the events by their ids, or give --unhandled.")
    if event_type is not None and not unhandled:
        raise click.UsageError("--type goes with --unhandled.")
    if succeeded_too and unhandled:
        raise click.UsageError("--all is for events that some handler succeeded with.")
    inbox = runtime_of(current_app).inbox
    if unhandled:
        count = inbox.replay_unhandled(type=event_type, endpoint=endpoint, tenant=tenant)
        click.echo(f"{count} events are due again.")
    for event_id in event_ids:
        with _telling_how():
            inbox.replay(
                event_id, endpoint=endpoint, tenant=tenant, succeeded_too=succeeded_too
            )
        click.echo(f"{event_id} is due again.")


@ycloud_cli.command()
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def stats(as_json: bool) -> None:
    """How many events wait, run, or are dead letters."""
    found = runtime_of(current_app).inbox.stats()
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found)))
        return
    age = found.oldest_pending_seconds
    oldest = "" if age is None else f" (the oldest for {short(age)})"
    unhandled = f", {found.unhandled} unhandled" if found.unhandled else ""
    click.echo(
        f"{found.pending} pending{oldest}, {found.running} running, {found.dead} dead"
        f"{unhandled}."
    )
    for run in found.running_handlers:
        time = short(run.seconds)
        click.echo(f"{run.handler} has been running for {time} with {event_of(run)}.")
    rows = [
        (name or "(not understood)", *(str(counts[each]) for each in counts))
        for name, counts in sorted(found.by_type.items(), key=lambda item: item[0] or "")
    ]
    if rows:
        click.echo()
        table(("TYPE", "PENDING", "RUNNING", "DEAD"), rows)


@ycloud_cli.command("init-db")
def init_db() -> None:
    """Make the inbox's tables, or bring them up to date.

    The app does so by itself at its first use; this is for those who deploy with a
    database role of its own.
    """
    version = runtime_of(current_app).inbox.database.init()
    click.echo(f"The inbox's tables are there, version {version}.")


def _state(event: StoredEvent) -> str:
    return f"{event.state} (unhandled)" if event.unhandled else event.state


def _body(event: StoredEvent) -> str:
    if event.emptied_at is not None:
        return "It has no body any more."
    return event.body.decode("utf-8", "backslashreplace")


def _error(run: HandlerState, message: bool) -> str:
    """Its error; with its message, if that is kept, where the payload is shown, too."""
    if run.error is None or run.state != "failed":
        return run.error or ""
    return in_one_line(run.error if message else without_message(run.error))


def _get(event_id: str, endpoint: str | None, tenant: str | None) -> StoredEvent:
    with _telling_how():
        inbox = runtime_of(current_app).inbox
        event = inbox.get(event_id, endpoint=endpoint, tenant=tenant)
    if event is None:
        raise click.ClickException(f"The inbox has no event {event_id!r}.")
    return event


@contextmanager
def _telling_how() -> Iterator[None]:
    """Where an id is not enough, say which options are missing."""
    try:
        yield
    except AmbiguousEvent as error:
        raise click.ClickException(f"{error} Use --endpoint and --tenant.") from None
