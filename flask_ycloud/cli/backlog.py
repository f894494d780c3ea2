"""The doctor's checks of pending, running, paused, unhandled and dead events."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..formats import counted, short
from ..handlers import handlers_for
from ..runtime import Runtime
from .finding import Finding, Subject, error, ok, warning
from .output import event_of
from .pausing import resume_command
from .processes import live_workers

if TYPE_CHECKING:
    from ..inbox import DeadCause

_OVERDUE = 60.0  # seconds
_HUNG = 3_600.0
_MOST_CAUSES = 3
_STUCK = "Its thread and its conversation wait. Do its calls have a time limit?"


def backlog(subject: Subject) -> Iterator[Finding]:
    """Whether events have been due for too long.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    runtime = subject.runtime
    stats = runtime.inbox.stats()
    counts = f"{stats.pending:,} pending, {stats.running:,} running"
    if not runtime.inbox.overdue(_OVERDUE, limit=1):
        yield ok("backlog", f"{counts}; none is overdue.")
        return
    text = f"Events have been due for more than {_OVERDUE:g} s; {counts}."
    if live_workers(runtime):
        remedy = "Raise YCLOUD_WORKER_THREADS, or start another worker: flask ycloud worker"
        yield warning("backlog", text, remedy)
    else:
        yield error("backlog", text, "Is a worker running? Start one: flask ycloud worker")


def running(subject: Subject) -> Iterator[Finding]:
    """Handlers that have been running for long.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    runtime = subject.runtime
    slow = runtime.settings.slow_handler_seconds
    found = runtime.inbox.stats().running_handlers
    long = [each for each in found if each.seconds >= slow]
    for each in long:
        text = f"{each.handler} has been running for {short(each.seconds)}"
        text += f" with {event_of(each)}."
        if each.seconds >= _HUNG:
            remedy = f"It seems to hang. Restart its process. {_STUCK}"
            yield error("running", text, remedy)
        else:
            yield warning("running", text, _STUCK)
    if not long:
        yield ok("running", f"No handler has been running for {short(slow)}.")


def paused(subject: Subject) -> Iterator[Finding]:
    """Pauses, and how many events they hold up.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    inbox = subject.runtime.inbox
    stats = inbox.stats()
    held = stats.waiting.get("pause", 0)
    waiting = counted(held, "event") + (" waits" if held == 1 else " wait")
    for each in stats.pauses:
        age = short(inbox.clock() - each.since.timestamp())
        text = f"Paused for {age}: {each}. In all, {waiting} because of pauses."
        yield warning("paused", text, resume_command(each))
    if not stats.pauses:
        yield ok("paused", "Nothing is paused.")


def unhandled(subject: Subject) -> Iterator[Finding]:
    """Events that were done without a handler, by type.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    from ..inbox import unhandled_types  # here, since it needs SQLAlchemy

    runtime = subject.runtime
    types = unhandled_types(runtime.inbox)
    for endpoint, event_type, count in types:
        was = "was" if count == 1 else "were"
        text = f"{endpoint}: {counted(count, 'event')} of {event_type} {was} done without"
        replay = f"flask ycloud replay --unhandled --endpoint {shlex.quote(endpoint)}"
        replay += f" --type {shlex.quote(event_type)}"
        if _has_handler(runtime, endpoint, event_type):
            remedy = f"There is a handler now: {replay}"
        else:
            remedy = f"Import the module of its handler; then: {replay}"
        yield warning("unhandled", f"{text} any handler.", remedy)
    if not types:
        yield ok("unhandled", "No event was done without any handler.")


def _has_handler(runtime: Runtime, endpoint: str, event_type: str) -> bool:
    scopes = runtime.scopes(endpoint)
    return bool(handlers_for(runtime.app, event_type, *scopes))


def _remedy(cause: DeadCause) -> str:
    replay = f"flask ycloud replay --cause {cause.id}"
    if cause.kind != "not understood":
        return f"See: flask ycloud dead; then: {replay}"
    return (
        f"Replay them after an upgrade: {replay}; or discard them: flask ycloud discard"
        f" --cause {cause.id} --reason TEXT"
    )


def dead(subject: Subject) -> Iterator[Finding]:
    """Dead letters, with their most frequent causes.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    causes = subject.runtime.inbox.dead_by_cause()
    for each in causes[:_MOST_CAUSES]:
        why = f"{each.handler}: {each.error}" if each.handler else each.error
        text = f"{counted(each.count, 'dead letter')}: {why} ({each.kind})."
        yield warning("dead", text, _remedy(each))
    if not causes:
        yield ok("dead", "There is no dead letter.")
    if more := causes[_MOST_CAUSES:]:
        total = sum(each.count for each in more)
        text = f"{counted(total, 'dead letter')} of {counted(len(more), 'other cause')}."
        yield warning("dead", text, "See: flask ycloud dead")
