"""Tables for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from ..inbox import RunningHandler


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a head, in columns."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def fields(values: Mapping[str, object], width: int) -> None:
    """Print names and values, those that there are, with the values at a column."""
    for name, value in values.items():
        if value:
            click.echo(f"{name:<{width}}{value}")


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, for what is told how much is done, and of how much."""
    shown: Any = click.progressbar  # its overloads take sequences only
    with shown(length=1, label=label, file=sys.stderr) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.length = max(1, total)
            bar.update(max(0, done - bar.pos))

        yield on_progress


def event_of(run: RunningHandler) -> str:
    """The event that a handler runs with, in words."""
    return f"event {run.event_id}" + (f" of {run.tenant}" if run.tenant else "")
