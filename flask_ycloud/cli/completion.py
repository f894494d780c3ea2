"""What a shell offers for arguments and options, with click's completion."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import wraps

import click
from flask.cli import ScriptInfo

from ..handlers import all_handlers
from ..protocol import EVENT_TYPES, KNOWN_SUBSCRIPTIONS, variants
from ..runtime import Runtime, runtime_of

#: How many of the newest events are read.
MOST_EVENTS = 200
_SECONDS = 1.0  # for reading the inbox: the user has pressed TAB and waits

_Complete = Callable[[click.Context, click.Parameter, str], list[str]]

STATES = ("pending", "running", "done", "dead", "discarded", "deleted")


def event_types(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The documented event types."""
    return _matching(EVENT_TYPES, incomplete)


def subscriptions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The documented event types, and the patterns."""
    return _matching(sorted(KNOWN_SUBSCRIPTIONS), incomplete)


def variants_of_type(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    """The variants of the event type that is on the command line already."""
    # click leaves arguments unread where the last option has no value yet.
    words = (ctx.params.get("event_type"), *ctx.args)
    named = next((each for each in words if each in EVENT_TYPES), None)
    return _matching(variants(named), incomplete) if named else []


def states(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The states of an event."""
    return _matching(STATES, incomplete)


def _of_app(find: Callable[[Runtime], Iterable[str]]) -> _Complete:
    """Complete with what ``find`` returns for the app; with nothing if it fails."""

    @wraps(find)
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        with suppress(Exception):  # an error would be printed into the command line
            app = ctx.ensure_object(ScriptInfo).load_app()
            with app.app_context():
                return _matching(find(runtime_of(app)), incomplete)
        return []

    return complete


def _of_inbox(find: Callable[[Runtime], Iterable[str]]) -> _Complete:
    """The same for the inbox, within a second. It creates no inbox."""

    @wraps(find)
    def soon(runtime: Runtime) -> list[str]:
        found: list[str] = []

        def read() -> None:
            with suppress(Exception):
                if not runtime.inbox.database.is_missing():
                    found.extend(find(runtime))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        thread.join(_SECONDS)
        return found if not thread.is_alive() else []

    return _of_app(soon)


@_of_app
def endpoints(runtime: Runtime) -> Iterable[str]:
    """The names of the app's endpoints."""
    return runtime.endpoints


@_of_app
def handlers(runtime: Runtime) -> Iterator[str]:
    """The names of the app's handlers."""
    return names_of_handlers(runtime)


def names_of_handlers(runtime: Runtime) -> Iterator[str]:
    """The names of an app's handlers, some of them more than once."""
    for name in runtime.endpoints:
        for each in all_handlers(runtime.app, *runtime.scopes(name)):
            yield each.name


@_of_inbox
def event_ids(runtime: Runtime) -> list[str]:
    """The ids of the newest events."""
    return [each.id for each in runtime.inbox.list(limit=MOST_EVENTS)]


@_of_inbox
def tenants(runtime: Runtime) -> list[str]:
    """The tenants of the newest events."""
    newest = runtime.inbox.list(limit=MOST_EVENTS)
    return sorted({each.tenant for each in newest if each.tenant})


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    return [each for each in dict.fromkeys(names) if each.startswith(incomplete)]
