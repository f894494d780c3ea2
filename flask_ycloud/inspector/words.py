"""Texts of the pages for ids, errors and runs of handlers."""

from __future__ import annotations

from collections.abc import Sequence

from ..formats import without_message
from ..inbox import Attempt, HandlerState, StoredEvent

#: How the error of a handler that raised ``Retry`` begins in the inbox.
_RETRY = "flask_ycloud.errors.Retry at "


def is_asked_for(run: HandlerState | Attempt) -> bool:
    """Whether a handler raised ``Retry``."""
    return run.state == "failed" and (run.error or "").startswith(_RETRY)


def handler_and_error(event: StoredEvent) -> tuple[str | None, str]:
    """Return the handler that made an event a dead letter, if any, and the reason."""
    handler = event.failed_handler
    reason = event.reason or ""
    return handler, reason.removeprefix(f"{handler}: ") if handler else reason


def reasons(event: StoredEvent) -> Sequence[str]:
    """Return why an event is in its state, with a reason for each handler that failed.

    :attr:`StoredEvent.reason` names only the first of them.
    """
    failed = [each for each in event.handlers if each.state == "failed"]
    if event.state != "dead" or len(failed) < 2:
        return [event.reason] if event.reason else []
    failed.sort(key=lambda each: not each.is_why(event.reason))
    return [f"{each.handler}: {without_message(each.error or '')}" for each in failed]
