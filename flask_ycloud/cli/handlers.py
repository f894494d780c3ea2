"""Which handlers the app has: ``handlers``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import click
from flask import current_app

from ..handlers import Handler, Subscribed, all_handlers, everywhere, function_of, is_async
from ..runtime import Runtime, runtime_of
from . import completion
from .group import ycloud_cli
from .output import echo, table


class _Row(NamedTuple):
    """One subscription."""

    type: str
    handler: str
    module: str | None
    endpoint: str | None
    asynchronous: bool
    timeout: float | None
    retry_delays: tuple[float, ...] | None

    def plain(self) -> dict[str, Any]:
        """As JSON has it, where ``async`` is not a word of Python."""
        return {
            "async" if name == "asynchronous" else name: each
            for name, each in self._asdict().items()
        }


@ycloud_cli.command("handlers")
@click.option(
    "--endpoint",
    shell_complete=completion.endpoints,
    help="Only the handlers of this endpoint.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--ids", is_flag=True, help="Print the handlers' names only, one in a line.")
def list_handlers(endpoint: str | None, as_json: bool, ids: bool) -> None:
    """List the app's handlers, as flask routes lists its routes.

    \b
    Examples:
      flask ycloud handlers
      flask ycloud handlers --endpoint ycloud --json
    """
    runtime = runtime_of(current_app)
    names = [runtime.endpoint_named(endpoint)] if endpoint else list(runtime.endpoints)
    rows = list(_rows(runtime, names))
    if as_json:
        echo(json.dumps([each.plain() for each in rows]))
    elif ids:
        for name in dict.fromkeys(each.handler for each in rows):
            echo(name)
    elif rows:
        head = ("TYPE", "HANDLER", "MODULE", "ENDPOINT", "ASYNC", "TIMEOUT", "RETRIES")
        table(head, list(map(_cells, rows)))
    else:
        echo("No handlers. Is the module with @on_event imported?")


def _rows(runtime: Runtime, endpoints: list[str]) -> Iterator[_Row]:
    """The handlers of every endpoint, then those of each."""
    for each in all_handlers(runtime.app, everywhere):
        yield _row(each, None)
    for name in endpoints:
        for each in all_handlers(runtime.app, runtime.endpoints[name].handlers):
            yield _row(each, name)


def _row(found: Subscribed, endpoint: str | None) -> _Row:
    function = function_of(found.receiver)
    handler = found.receiver if isinstance(found.receiver, Handler) else None
    return _Row(
        found.subscription,
        found.name,
        getattr(function, "__module__", None),
        endpoint,
        is_async(function),
        None if handler is None else handler.timeout,
        None if handler is None else handler.retry_delays,
    )


def _cells(row: _Row) -> tuple[str, ...]:
    delays = row.retry_delays
    return (
        row.type,
        row.handler,
        row.module or "",
        row.endpoint or "(all)",
        "yes" if row.asynchronous else "no",
        "" if row.timeout is None else f"{row.timeout:g} s",
        "" if delays is None else " ".join(f"{each:g}" for each in delays) or "none",
    )
