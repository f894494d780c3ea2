"""The inbox as a whole: ``stats`` and ``init-db``."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click
from flask import current_app

from ..formats import clock_time, rejection, short
from ..runtime import runtime_of
from .event_output import plain
from .group import ycloud_cli
from .output import echo, event_of, table
from .pausing import paused_line

if TYPE_CHECKING:
    from ..inbox import Stats

_WAITING = {
    "worker": "for a worker",
    "conversation": "behind another event of the same conversation",
    "retry": "for a retry",
    "pause": "paused",
}


@ycloud_cli.command()
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def stats(as_json: bool) -> None:
    """Count pending events, running events and dead letters, and those of the last hour.

    \b
    Example:
      flask ycloud stats --json
    """
    # Here, since these need SQLAlchemy.
    from ..inbox import lately, newest_arrivals, recently, throughput

    runtime = runtime_of(current_app)
    inbox = runtime.inbox
    found, last_hour = inbox.stats(), throughput(inbox)
    rejected, ages = lately(inbox).rejected, newest_arrivals(inbox, runtime.endpoints)
    if as_json:
        every = dataclasses.asdict(found) | {"last_hour": dataclasses.asdict(last_hour)}
        every["rejected"] = [
            {"endpoint": endpoint, "reason": reason, "count": count}
            for (endpoint, reason), count in rejected.items()
        ]
        every["newest_delivery_seconds"] = ages
        echo(json.dumps(plain(every)))
        return
    _print_counts(found)
    echo(f"Last hour: {last_hour.arrived:,} arrived, {last_hour.done:,} done.")
    for endpoint, age in ages.items():
        echo(f"{endpoint}: the newest delivery arrived {short(age)} ago.")
    for (endpoint, reason), count in rejected.items():
        since = clock_time(recently(inbox))
        why = rejection(reason)
        echo(f"{endpoint}: {count:,} rejected or answered 503 since {since} ({why}).")
    rows = [
        (name or "(not understood)", *(str(counts[each]) for each in counts))
        for name, counts in sorted(found.by_type.items(), key=lambda item: item[0] or "")
    ]
    if rows:
        echo()
        table(("TYPE", "PENDING", "RUNNING", "DEAD"), rows)
    ends = ("succeeded", "failed", "discarded")
    runs = [
        (handler, *(str(counts.get(each, 0)) for each in ends))
        for handler, counts in sorted(last_hour.by_handler.items())
    ]
    if runs:
        echo()
        table(("RUNS OF", "SUCCEEDED", "FAILED", "DISCARDED"), runs)


def _print_counts(found: Stats) -> None:
    age = found.oldest_pending_seconds
    oldest = "" if age is None else f" (the oldest for {short(age)})"
    more = "".join(
        f", {count} {name}"
        for name in ("unhandled", "discarded")
        if (count := getattr(found, name))
    )
    echo(
        f"{found.pending} pending{oldest}, {found.running} running, {found.dead} dead"
        f"{more}."
    )
    if found.waiting:
        waiting = (f"{count} {_WAITING[why]}" for why, count in found.waiting.items())
        echo(f"Pending: {', '.join(waiting)}.")
    for each in found.pauses:
        echo(paused_line(each))
    for run in found.running_handlers:
        time = short(run.seconds)
        echo(f"{run.handler} has been running for {time} with {event_of(run)}.")


@ycloud_cli.command("init-db")
def init_db() -> None:
    """Create the inbox's tables, or bring them up to date.

    The app does this automatically when it first uses the inbox. This command is for a
    deployment where another database role creates the tables. After an upgrade from tables
    of version 2, it also indexes older events for --about. Otherwise workers do that.

    \b
    Example:
      flask ycloud init-db
    """
    from ..inbox import index_some  # here, since it needs SQLAlchemy

    inbox = runtime_of(current_app).inbox
    version = inbox.database.init()
    while index_some(inbox):
        pass
    echo(f"The inbox's tables are up to date: version {version}.")
