"""What the pages say of ids, errors and runs of handlers."""

from __future__ import annotations

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
