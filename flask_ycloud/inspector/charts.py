"""Small charts, as shapes for an SVG of 60 by 20 units: one unit wide for each minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..inbox import Minute

HEIGHT = 20.0


@dataclass(frozen=True)
class Bar:
    """One part of a minute's bar."""

    x: int
    y: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Chart:
    """Bars, or the points of lines by kind, and the value at the top."""

    kinds: Sequence[str]
    top: float
    bars: Sequence[Bar] = ()
    lines: Sequence[tuple[str, str]] = ()


def bars(minutes: Sequence[Minute], *kinds: str) -> Chart:
    """Bars of counts, of several kinds upon each other."""
    totals = [sum(getattr(minute, kind) for kind in kinds) for minute in minutes]
    top = max([1, *totals])
    made = []
    for x, minute in enumerate(minutes):
        y = HEIGHT
        for kind in kinds:
            count = getattr(minute, kind)
            if count:
                height = HEIGHT * count / top
                y -= height
                made.append(Bar(x, y, height, kind, f"{clock(minute)} {count} {kind}"))
    return Chart(kinds, top, bars=made)


def lines(minutes: Sequence[Minute], *kinds: str) -> Chart:
    """Lines of seconds; a minute without any is left out."""
    values = [getattr(minute, kind) or 0.0 for minute in minutes for kind in kinds]
    top = max([0.001, *values])
    made = []
    for kind in kinds:
        points = [
            f"{x + 0.5:g},{HEIGHT * (1 - getattr(minute, kind) / top):.2f}"
            for x, minute in enumerate(minutes)
            if getattr(minute, kind) is not None
        ]
        # Each twice: a line of one point alone would not be seen.
        made.append((kind, " ".join(f"{point} {point}" for point in points)))
    return Chart(kinds, top, lines=made)


def clock(minute: Minute) -> str:
    """The time of day, in UTC."""
    return f"{minute.start // 3600 % 24:02}:{minute.start // 60 % 60:02}"
