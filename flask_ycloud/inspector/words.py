"""What the pages say of ids, errors and runs of handlers."""

from __future__ import annotations

from collections.abc import Sequence

from ..formats import without_message
from ..inbox import Attempt, HandlerState, StoredEvent

_LONGEST_ID = 36  # characters: YCloud's own are shorter
_SHORT_ID = 18

#: As the inbox keeps the error of a handler that has raised it.
_RETRY = "flask_ycloud.errors.Retry at "


def short_id(event_id: str) -> str:
    """An id that fits into a table: a long one is cut."""
    if len(event_id) <= _LONGEST_ID:
        return event_id
    return f"{event_id[:_SHORT_ID]}…"


def is_asked_for(run: HandlerState | Attempt) -> bool:
    """Whether a handler has raised ``Retry``: it asked for another run."""
    return run.state == "failed" and (run.error or "").startswith(_RETRY)


def handler_and_error(event: StoredEvent) -> tuple[str | None, str]:
    """Because of which handler an event is a dead letter or was discarded, and why."""
    handler = event.failed_handler
    reason = event.reason or ""
    return handler, reason.removeprefix(f"{handler}: ") if handler else reason


def reasons(event: StoredEvent) -> Sequence[str]:
    """Why an event is in its state. A dead letter has a reason for each failed handler.

    The inbox keeps only the reason that decided.
    """
    failed = [each for each in event.handlers if each.state == "failed"]
    if event.state != "dead" or len(failed) < 2:
        return [event.reason] if event.reason else []
    failed.sort(key=lambda each: not each.is_why(event.reason))
    return [f"{each.handler}: {without_message(each.error or '')}" for each in failed]
