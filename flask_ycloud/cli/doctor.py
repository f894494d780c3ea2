"""What is wrong, and what to do about it: ``doctor``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterator

import click
from flask import current_app

from ..errors import YCloudError
from ..runtime import runtime_of
from . import completion
from .account import account
from .arrivals import clock, conflicts, guesses, rejections, silent
from .backlog import backlog, dead, paused, running, unhandled
from .configuration import handlers, password, settings, signing_secrets
from .encryption import body_keys
from .finding import Check, Finding, Subject, skipped
from .group import ycloud_cli
from .migrations import migrations
from .output import echo, in_line
from .processes import celery, workers
from .storage import away, inbox, is_readable

#: Every check in order, by its name. The findings of a check have the same name.
CHECKS: dict[str, Check] = {
    "settings": settings,
    "password": password,
    "secret": signing_secrets,
    "handlers": handlers,
    "inbox": inbox,
    "keys": body_keys,
    "migrations": migrations,
    "rejected": rejections,
    "silence": silent,
    "conflicts": conflicts,
    "guesses": guesses,
    "clock": clock,
    "backlog": backlog,
    "running": running,
    "paused": paused,
    "unhandled": unhandled,
    "dead": dead,
    "workers": workers,
    "celery": celery,
    "account": account,
}

_NEED_NO_INBOX = frozenset(
    ("settings", "password", "secret", "handlers", "celery", "account")
)
_COLOURS = {"ok": "green", "warning": "yellow", "error": "red", "skipped": "bright_black"}


@ycloud_cli.command()
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    shell_complete=completion.tenants,
    help="Check this tenant, too.",
)
@click.option("--endpoint-id", help="The endpoint's id at YCloud, for a function secrets=.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(CHECKS)),
    metavar="NAME",
    help=f"Only this check; may be repeated. One of {', '.join(CHECKS)}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a list, for scripts.")
def doctor(
    tenants: tuple[str, ...], endpoint_id: str | None, only: tuple[str, ...], as_json: bool
) -> None:
    """Check the whole installation, and say what to do.

    The exit status is 1 if there is an error: something is broken. A warning leaves it 0.

    \b
    Examples:
      flask ycloud doctor
      flask ycloud doctor --only silence --json
    """
    runtime = runtime_of(current_app)
    if tenants and not any(map(runtime.serves_many, runtime.endpoints)):
        raise click.UsageError("--tenant: no endpoint has <tenant> in its path.")
    found = []
    for each in examine(Subject(runtime, tenants, endpoint_id), only or CHECKS):
        found.append(each)
        if not as_json:
            text = f"{each.about:<12}{in_line(each.text)}"
            echo(text, f"{each.level:<9}", _COLOURS[each.level])
            if each.remedy:
                echo(f"{'':<21}→ {in_line(each.remedy)}")
    if as_json:
        echo(json.dumps([dataclasses.asdict(each) for each in found]))
    if any(each.level == "error" for each in found):
        raise click.exceptions.Exit(1)


def examine(subject: Subject, names: Collection[str]) -> Iterator[Finding]:
    """The findings of some checks, as they are found.

    If the inbox cannot be used, that is one finding. The checks that need it are skipped.
    """
    readable = True
    for name, check in CHECKS.items():
        if name not in names:
            continue
        if not readable and name not in _NEED_NO_INBOX:
            yield skipped(name, "This was not checked, since the inbox cannot be read.")
            continue
        try:
            yield from check(subject)
        except YCloudError as reason:
            yield away(subject.runtime, reason)
            readable = is_readable(subject.runtime)
