"""The log of actions on events: one record of ``flask_ycloud.actions`` for each."""

from __future__ import annotations

import getpass
import logging
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from .errors import (
    AmbiguousEvent,
    EventEmptied,
    EventNotFound,
    EventRunning,
    EventSettled,
)
from .formats import counted, visible
from .logs import log

if TYPE_CHECKING:
    from .inbox import Identity

_logger = logging.getLogger(__name__)

#: Why an action skips an event that the user named, by the error.
WHY_SKIPPED: dict[type[Exception], str] = {
    EventNotFound: "not in the inbox",
    EventRunning: "being handled now",
    EventEmptied: "without a body",
    EventSettled: "done or discarded already",
    AmbiguousEvent: "several events have this id",
}

_MOST_NAMED = 30
_LONGEST_NAME = 100  # characters, of who did it


def log_action(
    who: str,
    what: str,
    identities: Iterable[Identity] = (),
    *,
    count: int | None = None,
    **more: object,
) -> None:
    """Log at ``INFO`` that somebody did something to events.

    The record has ``actor``, ``action``, ``count`` and ``events`` as attributes.

    :param who: a name. Line breaks and characters that control a terminal are replaced.
    :param what: the action, such as ``"replay"``.
    :param identities: the events. The first 30 are logged by id.
    :param count: the number of events, if not all of them are given.
    :param more: the options of the action. ``None``, ``False`` and ``""`` are left out.
    """
    each = iter(identities)
    named = [_text_of(identity) for identity in islice(each, _MOST_NAMED)]
    known = len(named) + sum(1 for _ in each)
    count = known if count is None else count
    who = visible(who, keep="")[:_LONGEST_NAME] or "somebody"
    given = {name: value for name, value in more.items() if not _is_empty(value)}
    how = "".join(
        f", {name} {visible(str(value), keep='')}" for name, value in given.items()
    )
    others = [f"{count - len(named):,} more"] if named and count > len(named) else []
    which = ", ".join(named + others)
    events = counted(count, "event")
    about = {"actor": who, "action": what, "count": count, "events": named}
    text = f"{what} of {events}{how}{which and f': {which}'}"
    log(_logger, logging.INFO, "%s: %s", who, text, **about)


def os_user() -> str:
    """The name of the user who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may have only a number
        return "the operating system's user"


def _is_empty(value: object) -> bool:
    return value is None or value is False or value == ""


def _text_of(identity: Identity) -> str:
    return visible(f"{identity.id} ({identity})", keep="")
