"""Events in a terminal: ``list``, ``show`` and ``dead``."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from flask import current_app

from ..formats import ago, ahead, elapsed, in_one_line, short_id, without_message
from ..runtime import Runtime, runtime_of
from ..waiting import waits_for
from . import completion
from .event_output import as_json, cause_as_json, reason_of, state_of, text_of
from .group import ycloud_cli
from .output import echo, echo_body, fields, in_line, table
from .places import telling_how, where_options
from .selecting import selection_options

if TYPE_CHECKING:
    from ..inbox import (
        Attempt,
        DeadCause,
        HandlerState,
        SelectedEvents,
        Selection,
        StoredEvent,
    )

_MOST = 2**63 - 1  # that a database can count to

#: Seconds between two reads of ``list --follow``.
FOLLOW_SECONDS = 1.0

# So many positions are read again: an event may be committed after a later one.
_LOOKED_AT_AGAIN = 200

_HEAD = (
    "#", "ID", "TYPE", "STATE", "RECEIVED", "ENDPOINT", "TENANT", "HANDLER", "REASON",
)  # fmt: skip


@ycloud_cli.command("list")
@selection_options
@click.option(
    "--limit",
    "-n",
    default=20,
    show_default=True,
    type=click.IntRange(1, _MOST),
    help="How many events at most.",
)
@click.option(
    "--before",
    type=click.IntRange(1, _MOST),
    help="For the next page: the last # of this one.",
)
@click.option("--follow", "-f", is_flag=True, help="Print new events until Ctrl-C.")
@click.option("--json", "json_too", is_flag=True, help="For scripts.")
@click.option("--ids", "only_ids", is_flag=True, help="Only the ids, in full.")
def list_events(
    selection: Selection,
    limit: int,
    before: int | None,
    follow: bool,
    json_too: bool,
    only_ids: bool,
) -> None:
    """List events, the newest first; with --follow the newest last.

    \b
    Examples:
      flask ycloud list --state dead --since 2h
      flask ycloud list --follow --type 'whatsapp.*'
    """
    runtime = runtime_of(current_app)
    selected = runtime.inbox.select(selection)
    if follow:
        _follow(runtime, selected, limit, json_too, only_ids)
        return
    found = selected.newest(limit + 1, before=before)
    shown = found[:limit]
    if json_too:
        echo(json.dumps([as_json(each) for each in shown]))
    elif only_ids:
        for each in shown:
            echo(each.id)
    elif not found:
        echo("No events.")
    else:
        _print_table(runtime, shown)
    if len(found) > limit:
        hint = f"There are more: --before {shown[-1].position}, or a larger -n."
        echo(hint, err=True)


def _print_table(runtime: Runtime, events: Sequence[StoredEvent]) -> None:
    rows = []
    for each in events:
        position, event_id, *rest = _row(runtime, each)
        rows.append((position, short_id(event_id), *rest))
    always = _HEAD.index("ENDPOINT")
    shown = [n for n in range(len(_HEAD)) if n <= always or any(row[n] for row in rows)]
    table(tuple(_HEAD[n] for n in shown), [tuple(row[n] for n in shown) for row in rows])
    if any(short_id(each.id) != each.id for each in events):
        echo("An id that ends with … is shortened: --ids prints it in full.", err=True)


def _row(runtime: Runtime, event: StoredEvent) -> tuple[str, ...]:
    return (
        str(event.position),
        event.id,
        event.type or "(not understood)",
        state_of(event),
        ago(event.received_at),
        event.endpoint,
        event.tenant or "",
        event.failed_handler or "",
        reason_of(runtime, event),
    )


def _follow(
    runtime: Runtime, selected: SelectedEvents, limit: int, json_too: bool, only_ids: bool
) -> None:
    try:
        for event in _arriving(selected, limit):  # pragma: no branch  (it has no end)
            if json_too:
                echo(json.dumps(as_json(event)))
            elif only_ids:
                echo(event.id)
            else:
                _, event_id, *rest = _row(runtime, event)
                received = event.received_at.isoformat(" ", "seconds")
                parts = (received, event_id, *rest[:2], *rest[3:])
                echo("  ".join(filter(None, parts)))
    except KeyboardInterrupt:
        return


def _arriving(selected: SelectedEvents, limit: int) -> Iterator[StoredEvent]:
    """The newest events, in order of arrival, and then each event that arrives."""
    known = selected.newest(max(limit, _LOOKED_AT_AGAIN))
    yield from reversed(known[:limit])
    seen = {each.position for each in known}
    while True:
        time.sleep(FOLLOW_SECONDS)
        last = max(seen, default=0)
        for event in reversed(_after(selected, last - _LOOKED_AT_AGAIN)):
            if event.position not in seen:
                seen.add(event.position)
                yield event
        seen = set(sorted(seen)[-2 * _LOOKED_AT_AGAIN :])


def _after(selected: SelectedEvents, position: int) -> list[StoredEvent]:
    """The events behind a position, the newest first."""
    found: list[StoredEvent] = []
    before = None
    while True:
        page = selected.newest(_LOOKED_AT_AGAIN, before=before)
        found += itertools.takewhile(lambda each: each.position > position, page)
        if len(page) < _LOOKED_AT_AGAIN or page[-1].position <= position:
            return found
        before = page[-1].position


@ycloud_cli.command()
@click.argument("event_id", shell_complete=completion.event_ids)
@where_options
@click.option("--payload", is_flag=True, help="Show the body, and messages of errors.")
@click.option("--body", "only_body", is_flag=True, help="Only the body, byte for byte.")
@click.option("--json", "json_too", is_flag=True, help="For scripts.")
def show(
    event_id: str,
    endpoint: str | None,
    tenant: str | None,
    payload: bool,
    only_body: bool,
    json_too: bool,
) -> None:
    """Show one event, and each run of its handlers.

    \b
    Example:
      flask ycloud show evt_0f2ae3c2
    """
    runtime = runtime_of(current_app)
    with telling_how():
        event = runtime.inbox.get(event_id, endpoint=endpoint, tenant=tenant)
    if event is None:
        raise click.ClickException(f"The inbox has no event {event_id!r}.")
    if only_body and event.emptied_at is not None:
        raise click.ClickException(text_of(event))
    if only_body:
        echo_body(event.body)
        return
    if json_too:
        echo(json.dumps(as_json(event, payload=payload, whole=True)))
        return
    _print_event(runtime, event)
    if event.handlers:
        echo()
        table(
            ("HANDLER", "STATE", "ATTEMPTS", "ERROR"),
            [
                (each.handler, each.state, str(each.attempts), _error(each, payload))
                for each in event.handlers
            ],
        )
    if event.attempts:
        echo()
        table(
            ("RUN OF", "ENDED", "SECONDS", "STATE", "ERROR"),
            [_run(each, payload) for each in event.attempts],
        )
    if payload:
        echo()
        echo(text_of(event))


def _print_event(runtime: Runtime, event: StoredEvent) -> None:
    other = event.conflict_id
    due = event.due_at and ahead(event.due_at)
    next_attempt = due if event.waits_for in ("worker", "retry") else None
    lease_end = due if event.state == "running" else None
    lines = {
        "id": event.id,
        "type": event.type or "(not understood)",
        "endpoint": event.endpoint,
        "tenant": event.tenant,
        "endpoint id": event.endpoint_id,
        "state": state_of(event),
        "waits": waits_for(runtime, event),
        "reason": event.reason,
        "conflict": other and f"another body came under this id: {other}",
        "handler": event.running_handler,
        "running": event.running_since and elapsed(event.running_since),
        "received": event.received_at.isoformat(timespec="milliseconds"),
        "next attempt": next_attempt,
        "lease ends": lease_end,
        "origin": event.origin,
        "emptied": event.emptied_at and event.emptied_at.isoformat(timespec="milliseconds"),
        "settled": event.settled_at and event.settled_at.isoformat(timespec="milliseconds"),
    }
    fields(lines, 13)


def _run(attempt: Attempt, message: bool) -> tuple[str, ...]:
    seconds = "" if attempt.seconds is None else f"{attempt.seconds:.3f}"
    ended = attempt.ended_at.isoformat(" ", "milliseconds")
    error = _error(attempt, message)
    return attempt.handler, ended, seconds, attempt.state, error


def _error(run: HandlerState | Attempt, message: bool) -> str:
    """The error of a run.

    :param message: whether to show the message of the error, if it is stored.
    """
    if run.error is None or run.state != "failed":
        return run.error or ""
    return in_one_line(run.error if message else without_message(run.error))


@ycloud_cli.command()
@selection_options
@click.option("--json", "json_too", is_flag=True, help="For scripts.")
@click.option("--ids", "only_ids", is_flag=True, help="Only the ids of the causes.")
def dead(selection: Selection, json_too: bool, only_ids: bool) -> None:
    """Dead letters by their cause: the handler, the error and its place.

    'replay' and 'discard' take a cause with --cause. An event that several handlers failed
    is counted once, and the other handlers are named below the table. A replay runs all its
    failed handlers again. A discard ends the event for all of them.

    \b
    Example:
      flask ycloud dead --since 24h
    """
    if selection.state not in (None, "dead"):
        raise click.UsageError("Only dead letters have a cause: leave out --state.")
    chosen = replace(selection, state="dead")
    found = runtime_of(current_app).inbox.dead_by_cause(chosen)
    if json_too:
        echo(json.dumps([cause_as_json(each) for each in found]))
    elif only_ids:
        for each in found:
            echo(each.id)
    elif not found:
        echo("No dead letters.")
    else:
        head = ("CAUSE", "COUNT", "NEWEST", "OLDEST", "HANDLER", "ERROR", "EXAMPLE")
        table(head, [_cause_row(each) for each in found])
        _print_also_failed(found)


def _cause_row(cause: DeadCause) -> tuple[str, ...]:
    handler = cause.handler or f"({cause.kind})"
    times = ago(cause.newest), ago(cause.oldest)
    return cause.id, str(cause.count), *times, handler, cause.error, cause.example.id


def _print_also_failed(causes: Sequence[DeadCause]) -> None:
    """Name the handlers that failed an event which is counted under another handler."""
    found = [each for each in causes if each.also_failed]
    if not found:
        return
    echo()
    for each in found:
        also = ", ".join(f"{name} ({count:,})" for name, count in each.also_failed.items())
        echo(f"Events of {each.id} that other handlers failed too: {in_line(also)}.")
    echo("A replay runs all of their failed handlers; a discard ends the whole event.")
