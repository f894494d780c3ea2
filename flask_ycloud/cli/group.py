"""The group that the commands are in."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click
from flask.cli import AppGroup

from ..errors import YCloudError
from ..formats import visible
from .encoding import replace_what_cannot_be_shown

#: The module of each command. It is imported when the command is called.
MODULES = {
    "backup": "backups",
    "dead": "listing",
    "delete": "acting",
    "discard": "acting",
    "doctor": "doctor",
    "encrypt": "encryption",
    "endpoints": "endpoints",
    "handlers": "handlers",
    "init-db": "events",
    "list": "listing",
    "listen": "listen",
    "pause": "pausing",
    "person": "person",
    "prune": "keeping",
    "replay": "acting",
    "resume": "pausing",
    "send": "send",
    "show": "listing",
    "stats": "events",
    "sweep": "work",
    "types": "catalogue",
    "verify": "signatures",
    "worker": "work",
}


class _Group(AppGroup):
    """Commands whose expected errors are a line, not a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*MODULES, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in MODULES:
            import_module(f".{MODULES[cmd_name]}", __package__)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        replace_what_cannot_be_shown()
        try:
            return super().invoke(ctx)
        except YCloudError as error:
            raise click.ClickException(visible(str(error))) from None
        except click.ClickException as error:
            vars(error)["message"] = visible(error.message)
            raise


@click.group("ycloud", cls=_Group)
@click.version_option(package_name="flask-ycloud", message="%(package)s %(version)s")
def ycloud_cli() -> None:
    """Receive, inspect and send YCloud events.

    \b
    Examples:
      flask ycloud send sms.message.updated --wait
      flask ycloud list
    """
