"""Which events a command is about: the same options for all of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import click

from . import completion

_Command = TypeVar("_Command", bound=Callable[..., Any])

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _time(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """A time such as ``2h`` or ``3d``, which is so long ago, or in ISO 8601.

    Without a time zone it is UTC.
    """
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|m|min|h|d|w)", value)
    try:
        if found is not None:
            ago = timedelta(seconds=float(found[1]) * _UNITS[found[2]])
            return datetime.now(timezone.utc) - ago
        time = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is not a time. Give how long ago, such as 90s, 30min, 2h or 3d,"
            " or a time such as 2026-05-31T09:30."
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


_OPTIONS = (
    click.option(
        "--state",
        type=click.Choice(completion.STATES),
        help="The state of the events.",
    ),
    click.option(
        "--type",
        shell_complete=completion.event_types,
        help="An event type, or a pattern such as 'whatsapp.*'.",
    ),
    click.option(
        "--endpoint",
        shell_complete=completion.endpoints,
        help="The name of a WebhookBlueprint.",
    ),
    click.option(
        "--tenant",
        shell_complete=completion.tenants,
        help="A tenant of an endpoint that serves many accounts.",
    ),
    click.option(
        "--handler",
        shell_complete=completion.handlers,
        help="A handler that has run; of dead letters, the one that failed.",
    ),
    click.option(
        "--about",
        metavar="WHO",
        help="A telephone number, a user id, an e-mail address, or the id of a message.",
    ),
    click.option(
        "--error", help="A text in the type or place of the last error, or in the reason."
    ),
    click.option("--cause", help="Dead letters of a cause that 'dead' shows."),
    click.option(
        "--unhandled", is_flag=True, help="Events that no handler was subscribed to."
    ),
    click.option("--since", callback=_time, help="Arrived since then: 2h, 3d, 2026-05-31."),
    click.option("--until", callback=_time, help="Arrived until then."),
)
_NAMES = (
    "state", "type", "endpoint", "tenant", "handler", "error", "cause", "unhandled",
    "since", "until", "about",
)  # fmt: skip


def selection_options(command: _Command) -> _Command:
    """The options that select events. The command gets them as ``selection``."""

    @functools.wraps(command)
    def selecting(*args: Any, **options: Any) -> Any:
        from ..inbox import Selection, check_pattern  # here, since they need SQLAlchemy

        given = {name: options.pop(name) for name in _NAMES}
        given["unhandled"] = given["unhandled"] or None
        try:
            check_pattern(given["type"] or "*")
            selection = Selection(**given)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return command(*args, selection=selection, **options)

    for option in reversed(_OPTIONS):
        selecting = option(selecting)
    return selecting  # type: ignore[return-value]
