"""The doctor's check of the processes that handle events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..formats import counted, short
from ..runtime import Runtime
from .finding import Finding, Subject, error, ok, warning

_NONE = "No process handles events: none has started, or the last has stopped."
_TAKEN_OVER = (
    "Was a process killed or suspended? Was the database unavailable for longer than"
    " YCLOUD_LEASE_SECONDS?"
)
_CUT_SHORT = (
    "Their handlers run again from the start. Give the process longer to stop, or raise"
    " YCLOUD_DRAIN_SECONDS."
)


def live_workers(runtime: Runtime) -> int:
    """How many processes handle events.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    from ..inbox import heartbeats  # here, since it needs SQLAlchemy

    ages = heartbeats.workers(runtime.inbox).values()
    return sum(age < heartbeats.SILENT_SECONDS for age in ages)


def workers(subject: Subject) -> Iterator[Finding]:
    """Which processes are alive, and which ended unexpectedly.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    from ..inbox import heartbeats  # here, since it needs SQLAlchemy

    runtime = subject.runtime
    if runtime.dispatch in ("worker", "manual"):
        for trouble in heartbeats.troubles(runtime.inbox):
            yield error("workers", trouble, "Fix this; then restart the server.")
        yield from _heartbeats(runtime)
    yield from _endings(runtime)


def _heartbeats(runtime: Runtime) -> Iterator[Finding]:
    from ..inbox import heartbeats  # here, since it needs SQLAlchemy

    start = (
        "Start one: flask ycloud worker"
        if runtime.dispatch == "manual"
        else "Start the server, and send a request: the first request starts its threads."
    )
    ages = heartbeats.workers(runtime.inbox).values()
    silent = [age for age in ages if age >= heartbeats.SILENT_SECONDS]
    alive = len(ages) - len(silent)
    if alive:
        handle = "handles" if alive == 1 else "handle"
        yield ok("workers", f"{_processes(alive)} {handle} events.")
    elif silent:
        text = "No process handles events; the last heartbeat was"
        yield error("workers", f"{text} {short(min(silent))} ago.", start)
    else:
        yield warning("workers", _NONE, start)
    if alive and silent:
        text = f"{_processes(len(silent))} ended in the last day without signing off, the"
        text += f" last {short(min(silent))} ago."
        remedy = "Was it killed? Others take its events over. The server's log may say why."
        yield warning("workers", text, remedy)


def _endings(runtime: Runtime) -> Iterator[Finding]:
    """Events whose process did not end their handlers."""
    from ..inbox import last_day  # here, since it needs SQLAlchemy

    found = last_day(runtime.inbox)
    for endpoint, count in found.taken_over.items():
        lost = "lost its lease" if count == 1 else "lost their leases"
        text = (
            f"{endpoint}: in the last day, {counted(count, 'event')} {lost} and ran again."
        )
        yield warning("workers", text, _TAKEN_OVER)
    for endpoint, count in found.cut_short.items():
        whose = "its" if count == 1 else "their"
        text = f"{endpoint}: in the last day, {counted(count, 'event')} still ran when"
        yield warning("workers", f"{text} {whose} process ended.", _CUT_SHORT)


def _processes(number: int) -> str:
    return counted(number, "process", "processes")


def celery(subject: Subject) -> Iterator[Finding]:
    """Whether the broker and a worker answer."""
    if subject.runtime.dispatch != "celery":
        return
    app: Any = subject.runtime.app.extensions.get("celery")
    if app is None:
        text = "There is no Celery at app.extensions['celery']."
        yield error("celery", text, "See the page on Celery: a few lines add it.")
        return
    try:
        with app.connection_for_write(connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
            answers = app.control.ping(timeout=1, connection=connection)
    except Exception as wrong:  # each transport has errors of its own
        text = f"The broker does not answer ({type(wrong).__name__})."
        yield error("celery", text, "Is it running, and is its URL right?")
        return
    if answers:
        yield ok("celery", f"{counted(len(answers), 'worker')} answered.")
    else:
        text = "The broker answers, but no worker does."
        yield error("celery", text, "Start one: celery -A your_module worker")
