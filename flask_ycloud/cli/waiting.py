"""How events in the inbox end, for ``send --wait``."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from ..formats import in_one_line
from ..waiting import waits_for
from .output import echo, table

if TYPE_CHECKING:
    from ..inbox import StoredEvent
    from .targets import To

_POLL_SECONDS = 0.05
_ENDED = ("done", "dead")


def wait_for(to: To, event_id: str, deadline: float) -> StoredEvent | None:
    """The event once it is settled, or as it is at the deadline; ``None`` if unknown.

    It does not wait for the end of a pause, or for an attempt after the deadline.

    :param deadline: by ``time.monotonic()``.
    """
    endpoint, tenant = to.place
    while True:
        event = to.runtime.inbox.get(event_id, endpoint=endpoint, tenant=tenant)
        left = deadline - time.monotonic()
        if left <= 0 or (event is not None and _is_over(event, left)):
            return event
        time.sleep(min(_POLL_SECONDS, left))


def _is_over(event: StoredEvent, left: float) -> bool:
    if event.waits_for == "pause":
        return True
    if event.state == "pending" and event.due_at is not None:
        return event.due_at.timestamp() > time.time() + left
    return event.state in _ENDED


def show_end(to: To, event: StoredEvent | None, seconds: float) -> bool:
    """Print which handlers ran and how it ended.

    :returns: whether it is done.
    """
    if event is None:
        raise click.ClickException(
            "The inbox of this app does not have the event. Does the server use the same"
            " YCLOUD_INBOX_URL?"
        )
    echo(f"After {seconds:.1f} s: {_ending(to, event)}.")
    if event.handlers:
        rows = [
            (
                each.handler,
                each.state,
                str(each.attempts),
                "" if each.seconds is None else f"{each.seconds:.3f}",
                in_one_line(each.error or ""),
            )
            for each in event.handlers
        ]
        table(("HANDLER", "STATE", "ATTEMPTS", "SECONDS", "ERROR"), rows)
    return event.state == "done"


def _ending(to: To, event: StoredEvent) -> str:
    if event.unhandled:
        return "done, unhandled: no handler is subscribed to it"
    if event.state == "dead":
        return f"dead, {event.reason}"
    waits = waits_for(to.runtime, event)
    return f"{event.state} ({waits})" if waits else event.state


def show_ends(to: To, event_ids: Iterable[str], seconds: float) -> bool:
    """Print how many of many events ended how.

    :returns: whether all are done.
    """
    deadline = time.monotonic() + seconds
    counts: Counter[str] = Counter()
    for event_id in event_ids:
        event = wait_for(to, event_id, deadline)
        counts["unknown here" if event is None else _state(to, event)] += 1
    for state, count in counts.most_common():
        echo(f"{count:>8}  {state}")
    return set(counts) <= {"done"}


def _state(to: To, event: StoredEvent) -> str:
    return _ending(to, event) if event.waits_for == "pause" else event.state
