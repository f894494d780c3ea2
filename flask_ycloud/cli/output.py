"""Tables and times for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import click


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


def ago(then: datetime) -> str:
    """How long ago a time is, such as ``2 h ago``."""
    return short((datetime.now(then.tzinfo) - then).total_seconds()) + " ago"


def ahead(then: datetime) -> str:
    """In how long a time is, such as ``in 10 s``."""
    seconds = (then - datetime.now(then.tzinfo)).total_seconds()
    return f"in {short(seconds)}" if seconds > 0 else "now"


def short(seconds: float) -> str:
    """Seconds as people say them, such as ``2 h``."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
