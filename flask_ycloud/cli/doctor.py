"""What is wrong, and what to do about it: ``doctor``."""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click
from flask import current_app

from ..errors import InboxUnavailable
from ..formats import short
from ..handlers import types_handled
from ..protocol import KNOWN_SUBSCRIPTIONS
from ..runtime import Runtime, runtime_of
from . import completion
from .account import account
from .arrivals import clock, signing_secrets, troubles
from .configuration import password, without_effect
from .encryption import body_keys
from .finding import Finding
from .group import ycloud_cli
from .migrations import migrations
from .output import echo, event_of, in_line

_COLOURS = {"good": "green", "look": "yellow", "bad": "red", "skipped": "bright_black"}

# YCloud's own retries reach that far, perhaps with the signature of the first try.
_LAST_RETRY = 5 * 3600 + 36 * 60
_SLOW_WRITE = 0.1  # seconds
_OVERDUE = 60.0
_WORKER_SILENT = 60.0


@ycloud_cli.command()
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    shell_complete=completion.tenants,
    help="Look at this tenant, too.",
)
@click.option("--endpoint-id", help="What a function secrets= is asked with.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def doctor(tenants: tuple[str, ...], endpoint_id: str | None, as_json: bool) -> None:
    """Check the app, and say what to fix. The status is 1 if something is bad."""
    runtime = runtime_of(current_app)
    if tenants and not any(map(runtime.serves_many, runtime.endpoints)):
        raise click.UsageError("--tenant: no endpoint has <tenant> in its path.")
    found = []
    for each in examine(runtime, tenants, endpoint_id):
        found.append(each)
        if not as_json:
            text = f"{each.check:<12}{in_line(each.text)}"
            echo(text, f"{each.level:<8}", _COLOURS[each.level])
            if each.remedy:
                echo(f"{'':<20}→ {in_line(each.remedy)}")
    if as_json:
        echo(json.dumps([dataclasses.asdict(each) for each in found]))
    if any(each.level == "bad" for each in found):
        raise click.exceptions.Exit(1)


def examine(
    runtime: Runtime, tenants: Sequence[str] = (), endpoint_id: str | None = None
) -> Iterator[Finding]:
    """Every finding, as it is found."""
    yield from _settings(runtime)
    yield from without_effect(runtime)
    yield from password(runtime)
    yield from signing_secrets(runtime, tenants, endpoint_id)
    yield from _handlers(runtime)
    try:
        for look in (_inbox, body_keys, migrations, _backlog, troubles, clock, _workers):
            yield from look(runtime)
    except InboxUnavailable as error:
        remedy = "Is the database there, and may this app write to it?"
        yield Finding("inbox", "bad", str(error), remedy)
    yield from _celery(runtime)
    yield from account(runtime, tenants)


def _settings(runtime: Runtime) -> Iterator[Finding]:
    yield Finding("settings", "good", f"Events are handled by {runtime.dispatch!r}.")
    tolerance = runtime.settings.tolerance
    if tolerance < _LAST_RETRY:
        yield Finding(
            "settings",
            "look",
            f"YCLOUD_SIGNATURE_TOLERANCE is {tolerance:g} s; YCloud's last retry comes"
            f" {_LAST_RETRY} s after the first try.",
            "After a long outage late retries may be refused. The default is 21600.",
        )


def _handlers(runtime: Runtime) -> Iterator[Finding]:
    for name in runtime.endpoints:
        handled = types_handled(*runtime.scopes(name))
        unknown = [each for each in handled if each not in KNOWN_SUBSCRIPTIONS]
        if not handled:
            text = f"{name}: no handler is subscribed to anything that arrives."
            yield Finding("handlers", "bad", text, "Is the module with @on_event imported?")
        elif unknown:
            text = f"{name}: not documented by YCloud: {', '.join(unknown)}."
            yield Finding("handlers", "look", text, "Are they spelt right?")
        else:
            yield Finding(
                "handlers", "good", f"{name} has handlers for {len(handled)} event types."
            )


def _inbox(runtime: Runtime) -> Iterator[Finding]:
    database = runtime.inbox.database
    version = database.init()
    yield Finding("inbox", "good", f"{database}, tables of version {version}.")
    if found := database.readable_by_others():
        text = f"Every user of this machine may read {' and '.join(found)}."
        yield Finding("inbox", "look", text, f"chmod o-rwx {found[0]}*")
    times = []
    for _ in range(5):
        started = time.perf_counter()
        database.probe()
        times.append(time.perf_counter() - started)
    took = statistics.median(times)
    text = f"A durable write takes {1000 * took:.1f} ms."
    if took < _SLOW_WRITE:
        yield Finding("inbox", "good", text)
    else:
        remedy = "Each delivery waits for one. Is the disk slow, or the database far away?"
        yield Finding("inbox", "look", text, remedy)


def _backlog(runtime: Runtime) -> Iterator[Finding]:
    stats = runtime.inbox.stats()
    if runtime.inbox.overdue(_OVERDUE, limit=1):
        text = f"Events have been due for more than {_OVERDUE:g} s; {stats.pending} wait."
        remedy = "Do workers run? If so, raise YCLOUD_WORKER_THREADS or start more."
        yield Finding("backlog", "bad", text, remedy)
    else:
        text = f"{stats.pending} wait, {stats.running} run, none is overdue."
        yield Finding("backlog", "good", text)
    slow = [
        each
        for each in stats.running_handlers
        if each.seconds >= runtime.settings.slow_handler_seconds
    ]
    for each in slow:
        text = f"{each.handler} has been running for {short(each.seconds)}"
        text += f" with {event_of(each)}."
        remedy = "Its thread and its conversation wait: has what it calls a time limit?"
        yield Finding("handlers", "look", text, remedy)
    if stats.unhandled:
        text = f"{stats.unhandled} events were done without any handler."
        remedy = "See: flask ycloud list --unhandled; then: flask ycloud replay --unhandled"
        yield Finding("handlers", "look", text, remedy)
    if stats.dead:
        remedy = "See: flask ycloud list --state dead; then: flask ycloud replay ID"
        yield Finding("backlog", "look", f"{stats.dead} dead letters.", remedy)


def _workers(runtime: Runtime) -> Iterator[Finding]:
    if runtime.dispatch not in ("worker", "manual"):
        return
    from ..inbox import heartbeats  # here, since it needs SQLAlchemy

    for trouble in heartbeats.troubles(runtime.inbox):
        yield Finding("workers", "bad", trouble, "Then restart the server.")
    ages = heartbeats.workers(runtime.inbox)
    alive = [name for name, age in ages.items() if age < _WORKER_SILENT]
    silent = [age for age in ages.values() if age >= _WORKER_SILENT]
    if alive:
        yield Finding("workers", "good", f"{len(alive)} processes handle events.")
        if silent:
            text = f"{len(silent)} more ended in the last day without signing off, the last"
            text += f" {short(min(silent))} ago."
            remedy = "Were they killed? Their events were taken over by others."
            yield Finding("workers", "look", text, remedy)
        return
    last = "none has signed on"
    if ages:
        last = f"the last heartbeat was {short(min(ages.values()))} ago"
    remedy = (
        "Start: flask ycloud worker"
        if runtime.dispatch == "manual"
        else "Its threads start with the first request: is the app served?"
    )
    yield Finding("workers", "bad", f"No process handles events; {last}.", remedy)


def _celery(runtime: Runtime) -> Iterator[Finding]:
    if runtime.dispatch != "celery":
        return
    celery: Any = runtime.app.extensions.get("celery")
    if celery is None:
        text = "There is no Celery at app.extensions['celery']."
        yield Finding("celery", "bad", text, "See the page on Celery: a few lines add it.")
        return
    try:
        with celery.connection_for_write(connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
            answers = celery.control.ping(timeout=1, connection=connection)
    except Exception as error:  # each transport has errors of its own
        text = f"The broker does not answer ({type(error).__name__})."
        yield Finding("celery", "bad", text, "Is it running, and is its URL right?")
        return
    if answers:
        yield Finding("celery", "good", f"{len(answers)} workers answer.")
    else:
        text = "The broker is there, but no worker answers."
        yield Finding("celery", "bad", text, "Start: celery -A your_module worker")
