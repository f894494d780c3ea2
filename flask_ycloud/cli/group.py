"""The group that the commands are in."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from ..errors import YCloudError
from ..formats import visible
from .encoding import replace_what_cannot_be_shown


class _Group(AppGroup):
    """Commands whose expected errors are a line, not a traceback."""

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
def ycloud_cli() -> None:
    """Receive, look at and send YCloud events."""
