"""The commands: ``flask ycloud …``."""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from .dispatch import tasks
from .dispatch.worker import WorkerDispatcher
from .errors import YCloudError
from .event_types import EVENT_TYPES, closest_hint, fresh_sample, variants
from .records import StoredEvent
from .runtime import Runtime, runtime_of
from .sending import post


class _Group(AppGroup):
    """Commands whose expected errors are a line, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except YCloudError as error:
            raise click.ClickException(str(error)) from None


@click.group("ycloud", cls=_Group)
def ycloud_cli() -> None:
    """The inbox of YCloud events."""


@ycloud_cli.command("list")
@click.option("--state", type=click.Choice(["pending", "running", "done", "dead"]))
@click.option("--type", "event_type", help="An exact event type.")
@click.option("--endpoint", help="The name of a WebhookBlueprint.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1))
@click.option("--before", type=int, help="For the next page: the last # of this one.")
def list_events(
    state: str | None, event_type: str | None, endpoint: str | None, limit: int, before: int
) -> None:
    """Events, the newest first."""
    found = _runtime().inbox.list(
        state=state, type=event_type, endpoint=endpoint, limit=limit, before=before
    )
    if not found:
        click.echo("No events.")
        return
    rows = [
        (
            str(each.position),
            each.id,
            each.type or "(not understood)",
            each.state,
            _ago(each.received_at),
            each.endpoint,
        )
        for each in found
    ]
    _table(("#", "ID", "TYPE", "STATE", "RECEIVED", "ENDPOINT"), rows)


@ycloud_cli.command()
@click.argument("event_id")
@click.option("--payload", is_flag=True, help="Show the body too: it is personal data.")
def show(event_id: str, payload: bool) -> None:
    """One event, and how each handler fared."""
    event = _get(event_id)
    lines = {
        "id": event.id,
        "type": event.type or "(not understood)",
        "endpoint": event.endpoint,
        "state": event.state,
        "reason": event.reason,
        "received": event.received_at.isoformat(timespec="milliseconds"),
        "next look": event.due_at and _ahead(event.due_at),
        "settled": event.settled_at and event.settled_at.isoformat(timespec="milliseconds"),
    }
    for name, value in lines.items():
        if value:
            click.echo(f"{name:<10}{value}")
    if event.handlers:
        click.echo()
        _table(
            ("HANDLER", "STATE", "ATTEMPTS", "ERROR"),
            [(h.handler, h.state, str(h.attempts), h.error or "") for h in event.handlers],
        )
    if payload:
        click.echo()
        click.echo(event.body.decode("utf-8", "backslashreplace"))


@ycloud_cli.command()
@click.argument("event_ids", nargs=-1, required=True)
@click.option("--all", "succeeded_too", is_flag=True, help="Run even what has succeeded.")
def replay(event_ids: tuple[str, ...], succeeded_too: bool) -> None:
    """Have events handled again: the handlers that have not succeeded."""
    for event_id in event_ids:
        _runtime().inbox.replay(event_id, succeeded_too=succeeded_too)
        click.echo(f"{event_id} is due again.")


@ycloud_cli.command()
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def stats(as_json: bool) -> None:
    """How many events wait, run, or are dead letters."""
    found = _runtime().inbox.stats()
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found)))
        return
    age = found.oldest_pending_seconds
    oldest = "" if age is None else f" (the oldest for {_seconds(age)})"
    click.echo(
        f"{found.pending} pending{oldest}, {found.running} running, {found.dead} dead."
    )
    rows = [
        (name or "(not understood)", *(str(counts[each]) for each in counts))
        for name, counts in sorted(found.by_type.items(), key=lambda item: item[0] or "")
    ]
    if rows:
        click.echo()
        _table(("TYPE", "PENDING", "RUNNING", "DEAD"), rows)


@ycloud_cli.command()
@click.option("--days", type=click.FloatRange(0), help="Default: YCLOUD_RETENTION_DAYS.")
def prune(days: float | None) -> None:
    """Delete events that were done long ago; dead letters stay."""
    click.echo(f"Deleted {_runtime().inbox.prune(days=days)} events.")


@ycloud_cli.command()
def sweep() -> None:
    """Send again the tasks of events that are overdue: for Celery and other queues."""
    try:
        click.echo(f"Sent {tasks.sweep()} tasks.")
    except OSError as error:  # what Celery raises without a broker is one
        name = type(error).__name__
        raise click.ClickException(f"The broker takes no tasks: {name}.") from None


@ycloud_cli.command("init-db")
def init_db() -> None:
    """Make the inbox's tables, or bring them up to date.

    The app does so by itself at its first use; this is for those who deploy with a
    database role of its own.
    """
    version = _runtime().inbox.database.init()
    click.echo(f"The inbox's tables are there, version {version}.")


@ycloud_cli.command()
@click.option("--threads", type=click.IntRange(1), help="Default: YCLOUD_WORKER_THREADS.")
@click.option("--once", is_flag=True, help="Handle what is due now, and end.")
def worker(threads: int | None, once: bool) -> None:
    """Handle events until SIGTERM or Ctrl-C; handlers that run may finish."""
    runtime = _runtime()
    working = WorkerDispatcher(runtime, threads=threads or runtime.settings.worker_threads)
    if once:
        click.echo(f"Handled {working.drain()} events.")
        return
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    working.start()
    click.echo("Handling events. Ctrl-C ends it.")
    stop.wait()
    click.echo("Ending; handlers that run may finish.")
    working.stop()


@ycloud_cli.command("types")
@click.argument("text", default="")
def list_types(text: str) -> None:
    """The documented event types, or those with TEXT in their name."""
    rows = [
        (each.name, each.meaning, ", ".join(variants(each.name)))
        for each in EVENT_TYPES.values()
        if text.lower() in each.name
    ]
    if not rows:
        raise click.ClickException(
            f"No documented event type has {text!r} in its name: {closest_hint(text)}"
        )
    _table(("TYPE", "MEANING", "VARIANTS"), rows)


@ycloud_cli.command()
@click.argument("event_type")
@click.option("--url", help="Where to; the app's own endpoint on port 5000 if left out.")
@click.option("--endpoint", help="Whose secret and path; the first one if left out.")
@click.option("--variant", help="Another sample of that type, such as image.")
def send(
    event_type: str, url: str | None, endpoint: str | None, variant: str | None
) -> None:
    """Send a signed sample of an event type to a running app."""
    if event_type not in EVENT_TYPES:
        raise click.UsageError(
            f"{event_type!r} is no documented event type: {closest_hint(event_type)}"
        )
    if variant is not None and variant not in variants(event_type):
        known = ", ".join(variants(event_type)) or "none"
        raise click.UsageError(f"{event_type!r} has these variants: {known}.")
    runtime = _runtime()
    name = endpoint or next(iter(runtime.endpoints))
    if name not in runtime.endpoints:
        raise click.UsageError(
            f"No endpoint {name!r}; there is {', '.join(runtime.endpoints)}."
        )
    url = url or "http://127.0.0.1:5000" + runtime.path_of(name)
    event = fresh_sample(event_type, variant)
    body = json.dumps(event).encode()
    try:
        answer = post(url, body, runtime.endpoints[name].secrets()[0])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise click.ClickException(
            f"No answer from {url}: {reason}. Is it running?"
        ) from None
    click.echo(f"{event['id']} {event_type} → {answer.status} {answer.text}")
    if not answer.acknowledged:
        raise click.exceptions.Exit(1)


def _get(event_id: str) -> StoredEvent:
    event = _runtime().inbox.get(event_id)
    if event is None:
        raise click.ClickException(f"The inbox has no event {event_id!r}.")
    return event


def _runtime() -> Runtime:
    return runtime_of(current_app)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _ago(then: datetime) -> str:
    return _seconds((datetime.now(then.tzinfo) - then).total_seconds()) + " ago"


def _ahead(then: datetime) -> str:
    seconds = (then - datetime.now(then.tzinfo)).total_seconds()
    return f"in {_seconds(seconds)}" if seconds > 0 else "now"


def _seconds(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
