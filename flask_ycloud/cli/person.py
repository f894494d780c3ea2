"""What is stored about a person: ``person``."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from flask import current_app

from ..actions import log_action, os_user
from ..errors import ConfigurationError
from ..formats import ago, counted
from ..runtime import runtime_of
from .group import ycloud_cli
from .output import echo, progress, table

if TYPE_CHECKING:
    from ..inbox import Erasure, Identity, Inbox

_NOT_SEARCHED = "not searched, since a key is not in YCLOUD_BODY_KEYS"


@ycloud_cli.command()
@click.argument("who")
@click.option("--show", is_flag=True, help="List the events.")
@click.option("--export", type=click.Path(), help="Write them into a new file.")
@click.option("--erase", is_flag=True, help="Delete the events for good.")
@click.option("--yes", is_flag=True, help="With --erase: do not ask.")
def person(who: str, show: bool, export: str | None, erase: bool, yes: bool) -> None:
    """Show, export or erase what is stored about a person.

    WHO is a telephone number, a user id or an e-mail address. The command finds every event
    that has it anywhere in its body, but not as a part of a longer number.

    \b
    Examples:
      flask ycloud person +447901614024 --export person.jsonl
      flask ycloud person +447901614024 --erase
    """
    if [show, export is not None, erase].count(True) != 1:
        raise click.UsageError("Say what to do: --show, --export FILE or --erase.")
    if yes and not erase:
        raise click.UsageError("--yes goes with --erase.")
    inbox = runtime_of(current_app).inbox
    try:
        if show:
            _show(inbox, who)
        elif export is not None:
            _export(inbox, who, export)
        else:
            _erase(inbox, who, yes)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _show(inbox: Inbox, who: str) -> None:
    with progress("Searching") as on_progress:
        found = inbox.person(who, on_progress=on_progress)
    rows = [
        (each.id, each.type or "(not understood)", each.state, ago(each.received_at),
         each.endpoint, each.tenant or "")
        for each in found
    ]  # fmt: skip
    if rows:
        table(("ID", "TYPE", "STATE", "RECEIVED", "ENDPOINT", "TENANT"), rows)
    log_action(os_user(), "show of a person", count=len(rows))
    name = "names" if len(rows) == 1 else "name"
    echo(f"{counted(len(rows), 'event')} {name} this person.")
    _fail_if(found.unreadable, _NOT_SEARCHED)


def _export(inbox: Inbox, who: str, file: str) -> None:
    with progress("Searching") as on_progress:
        found = inbox.export_person(who, on_progress=on_progress)
    try:
        # Nobody else may read it, from the first byte on.
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be created: {error.strerror}. Name a new file."
        ) from None
    with open(opened, "w", encoding="utf-8") as out:
        for each in found:
            out.write(json.dumps(each) + "\n")
    log_action(os_user(), "export of a person", count=len(found))
    echo(f"Wrote {counted(len(found), 'event')} to {file}.")


def _erase(inbox: Inbox, who: str, yes: bool) -> None:
    if not yes:
        click.confirm("Delete every event that names this person, for good?", abort=True)
    with progress("Erasing") as on_progress:
        erasure = inbox.erase_person(who, on_progress=on_progress)
    log_action(os_user(), "erasure of a person", erasure.erased)
    _print_receipt(erasure)
    _fail_if(erasure.running, "not erased, since a handler was running: erase again")
    _fail_if(
        erasure.new,
        "not erased, since the delivery arrived during the erasure: erase again",
    )
    _fail_if(erasure.unreadable, _NOT_SEARCHED)


def _print_receipt(erasure: Erasure) -> None:
    erased = counted(len(erasure.erased), "event")
    echo(f"Erased {erased} at {erasure.at.isoformat()}.")
    echo(f"The person, as a keyed hash: {erasure.person}")
    for each in erasure.erased:
        echo(f"  {each.id} ({each})")


def _fail_if(left: Sequence[Identity], what: str) -> None:
    """Name the events that were left out, and end with status 1.

    :param what: why they were left out, such as ``"not searched"``.
    """
    if not left:
        return
    was = "was" if len(left) == 1 else "were"
    echo(f"{counted(len(left), 'event')} {was} {what}.", err=True)
    for each in left:
        echo(f"  {each.id} ({each})", err=True)
    raise click.exceptions.Exit(1)
