"""Pauses: ``pause`` and ``resume``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from flask import current_app

from ..actions import log_action, os_user
from ..formats import elapsed
from ..protocol import KNOWN_SUBSCRIPTIONS, closest_hint
from ..runtime import Runtime, runtime_of
from . import completion
from .group import ycloud_cli
from .output import echo

if TYPE_CHECKING:
    from ..inbox import Inbox, Pause

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _what_options(command: _Command) -> _Command:
    for option in (
        click.option("--json", "json_too", is_flag=True, help="For scripts."),
        click.option(
            "--handler", help="The name of a handler.", shell_complete=completion.handlers
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
    ):
        command = option(command)
    return command


@ycloud_cli.command()
@_what_options
def pause(json_too: bool, **what: str | None) -> None:
    """Stop handling: of an endpoint, of a type, with a handler, or of everything.

    Deliveries are still accepted, and their events wait. The pause takes effect in all
    processes within a few seconds. Running handlers finish.

    \b
    Example:
      flask ycloud pause --handler shop.crm:update
    """
    runtime = runtime_of(current_app)
    began = _call(runtime.inbox.pause, what)
    said = "Paused" if began else "It was paused already"
    _finish(runtime.inbox, said, what, json_too)
    _warn_about(runtime, what)


@ycloud_cli.command()
@_what_options
def resume(json_too: bool, **what: str | None) -> None:
    """End a pause. The events that it held are handled, in order of arrival.

    Without an option it ends the pause of everything, and no other pause.

    \b
    Example:
      flask ycloud resume --handler shop.crm:update
    """
    inbox = runtime_of(current_app).inbox
    ended = _call(inbox.resume, what)
    if ended or json_too or any(what.values()):
        _finish(inbox, "Resumed" if ended else "It was not paused", what, json_too)
    else:
        _print_how_to_resume(inbox.pauses())
    if not ended:
        click.get_current_context().exit(1)


def _warn_about(runtime: Runtime, what: dict[str, str | None]) -> None:
    """Warn of a name that nothing has, since it may be misspelt."""
    known = sorted(set(completion.names_of_handlers(runtime)))
    if what["handler"] is not None and what["handler"] not in known:
        names = ", ".join(known) or "none"
        echo(f"This app has no handler of that name. It has: {names}.", err=True)
    subscription = what["type"]
    if subscription is not None and subscription not in KNOWN_SUBSCRIPTIONS:
        hint = closest_hint(subscription)
        echo(
            f"{subscription!r} is not a documented event type or pattern: {hint}", err=True
        )


def _call(do: Callable[..., bool], what: dict[str, str | None]) -> bool:
    try:
        done = do(**what)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    log_action(os_user(), do.__name__, (), count=0, **what)
    return done


def _finish(inbox: Inbox, said: str, what: dict[str, str | None], json_too: bool) -> None:
    """Report what is paused now. Each action of these commands ends here, once."""
    pauses = inbox.pauses()
    if json_too:
        echo(json.dumps([pause_as_json(each) for each in pauses]))
        return
    name = next((f"{kind} {name}" for kind, name in what.items() if name), "everything")
    echo(f"{said}: {name}.")
    for each in pauses:
        echo(paused_line(each))


def _print_how_to_resume(pauses: Sequence[Pause]) -> None:
    """Say what is paused where not everything is, and how to end each pause."""
    if not pauses:
        echo("Nothing is paused.")
        return
    echo(f"Not everything is paused. Paused: {', '.join(map(str, pauses))}.")
    for each in pauses:
        echo(resume_command(each))


def resume_command(each: Pause) -> str:
    """The command that ends a pause."""
    what = f" --{each.kind} {shlex.quote(each.name)}" if each.name else ""
    return f"flask ycloud resume{what}"


def paused_line(each: Pause) -> str:
    """What is paused, in a line."""
    return f"Paused {elapsed(each.since)}: {each}."


def pause_as_json(each: Pause) -> dict[str, str]:
    """A pause as JSON has it."""
    return {"kind": each.kind, "name": each.name, "since": each.since.isoformat()}
