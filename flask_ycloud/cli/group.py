"""The group that the commands are in."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from ..errors import YCloudError
from .encoding import replace_what_cannot_be_shown


class _Group(AppGroup):
    """Commands whose expected errors are a line, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        replace_what_cannot_be_shown()
        try:
            return super().invoke(ctx)
        except YCloudError as error:
            raise click.ClickException(str(error)) from None


@click.group("ycloud", cls=_Group)
def ycloud_cli() -> None:
    """Receive, look at and send YCloud events."""
