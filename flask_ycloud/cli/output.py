"""Text, fields and tables for a terminal, without characters that control it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from ..formats import visible
from ..inbox import RunningHandler


def echo(
    text: object = "", mark: str = "", colour: str | None = None, *, err: bool = False
) -> None:
    """Print a text. All that a command prints is printed by this.

    Stored text comes from outside: control characters and bidirectional overrides in
    it are replaced by their numbers. Line breaks stay.

    :param mark: a text that is printed before it.
    :param colour: the colour of the mark.
    :param err: whether it is printed to stderr.
    """
    click.echo(click.style(visible(mark), fg=colour) + visible(str(text)), err=err)


def echo_body(body: bytes) -> None:
    """Print a body byte for byte into a file or pipe; on a terminal as harmless text."""
    if sys.stdout.isatty():
        echo(body.decode("utf-8", "backslashreplace"))
    else:
        click.echo(body, nl=False)


def in_line(text: object) -> str:
    """A text for one line of the output: its line breaks are replaced, too."""
    return visible(str(text), keep="")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a head, in columns."""
    rows = [tuple(map(in_line, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        echo("  ".join(cells).rstrip())


def fields(values: Mapping[str, object], width: int) -> None:
    """Print names and values, those that there are, with the values at a column.

    A list is printed in several lines.
    """
    for name, value in values.items():
        if value:
            lines = value if isinstance(value, list) else [value]
            echo(f"{name:<{width}}" + f"\n{'':<{width}}".join(map(in_line, lines)))


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal. Gives a function that takes done and total."""
    shown: Any = click.progressbar  # its overloads take sequences only
    with shown(length=1, label=label, file=sys.stderr) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.length = max(1, total)
            bar.update(max(0, done - bar.pos))

        yield on_progress


def event_of(run: RunningHandler) -> str:
    """The event that a handler runs with, in words."""
    return f"event {run.event_id}" + (f" of {run.tenant}" if run.tenant else "")
