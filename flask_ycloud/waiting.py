"""What a pending event waits for, in words, for a terminal or a page."""

from __future__ import annotations

from datetime import datetime, timezone

from .formats import ahead
from .handlers import Handler, handlers_for
from .inbox import HandlerState, StoredEvent
from .runtime import Runtime


def waits_for(runtime: Runtime, event: StoredEvent) -> str | None:
    """Why an event waits, such as ``attempt 2 of 8 in 5 min`` or ``behind evt_1``.

    :param event: from ``get``. An event from a list has less information.
    :returns: ``None`` if it waits for nothing.
    """
    if event.waits_for == "worker":
        return "for a worker"
    if event.waits_for == "conversation":
        return f"behind {event.behind or 'another event of its conversation'}"
    if event.waits_for == "pause":
        return f"{', '.join(event.paused_handlers) or 'its endpoint or type'} is paused"
    return _retry(runtime, event) if event.waits_for == "retry" else None


def most_attempts(runtime: Runtime, event: StoredEvent, handler: str) -> int | None:
    """The most attempts of a handler; ``None`` if this process does not have it."""
    found = handlers_for(runtime.app, event.type or "", *runtime.scopes(event.endpoint))
    if handler not in found:
        return None
    receiver = found[handler]
    own = receiver.retry_delays if isinstance(receiver, Handler) else None
    return len(runtime.settings.retry_delays if own is None else own) + 1


def _retry(runtime: Runtime, event: StoredEvent) -> str:
    state = event.next_handler
    if state is None:  # it was replayed, or comes from a list
        return f"due {ahead(event.due_at)}" if event.due_at else "due now"
    return f"attempt {_number(runtime, event, state)} {_when(state)}"


def _number(runtime: Runtime, event: StoredEvent, state: HandlerState) -> str:
    most = most_attempts(runtime, event, state.handler)
    return f"{state.attempts + 1}" + (f" of {most}" if most is not None else "")


def _when(state: HandlerState) -> str:
    return ahead(datetime.fromtimestamp(state.next_at or 0.0, timezone.utc))
