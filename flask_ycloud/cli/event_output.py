"""Events and causes, as JSON and as the columns of a table."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..formats import without_message
from ..runtime import Runtime
from ..waiting import waits_for

if TYPE_CHECKING:
    from ..inbox import DeadCause, StoredEvent


def as_json(
    event: StoredEvent, *, payload: bool = False, whole: bool = False
) -> dict[str, Any]:
    """An event as JSON has it.

    :param payload: with its body, and with the messages of errors.
    :param whole: with its handlers and their runs.
    """
    found: dict[str, Any] = plain(dataclasses.asdict(event))
    del found["opens"]
    if not whole:
        del found["handlers"], found["attempts"]
    found["handler"] = event.failed_handler
    if payload:
        found["body"] = None if event.emptied_at else text_of(event)
    else:
        for run in (*found.get("handlers", ()), *found.get("attempts", ())):
            run["error"] = run["error"] and without_message(run["error"])
    return found


def text_of(event: StoredEvent) -> str:
    """Its body as text, or a sentence if it has none.

    :raises BodyUnreadable: if it is encrypted with a key that is missing.
    """
    if event.emptied_at is not None:
        return "It has no body any more."
    return event.body.decode("utf-8", "backslashreplace")


def cause_as_json(cause: DeadCause) -> dict[str, Any]:
    """A cause of dead letters as JSON has it. Without a tenant, ``tenant`` is null."""
    example = cause.example._asdict() | {"tenant": cause.example.tenant or None}
    found = dataclasses.asdict(cause) | {"example": example}
    return {name: plain(value) for name, value in found.items()}


def state_of(event: StoredEvent) -> str:
    """Its state in words."""
    return f"{event.state} (unhandled)" if event.unhandled else event.state


def reason_of(runtime: Runtime, event: StoredEvent) -> str:
    """Why it is a dead letter or was discarded, or what it waits for; in a row."""
    if event.reason is None:
        new = event.waits_for == "worker"  # most events are
        return "" if new else waits_for(runtime, event) or ""
    reason = event.reason.removeprefix(f"{event.failed_handler}: ")
    return " ".join(reason.split())


def plain(value: Any) -> Any:
    """The same value, with times in ISO 8601."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value
