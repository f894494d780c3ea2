"""Small charts: shapes for an SVG in which each interval is one unit wide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..inbox import Interval

HEIGHT = 20.0
_MOST_MARKS = 4  # below a chart


@dataclass(frozen=True)
class Bar:
    """One part of an interval's bar."""

    x: int
    y: float
    height: float
    kind: str
    count: int


@dataclass(frozen=True)
class Chart:
    """Bars, or lines by kind.

    :param kinds: the names of the charted values.
    :param top: the value at the top of the axis.
    :param lines: for each kind its name, the points of its line, and its dots.
    """

    kinds: Sequence[str]
    top: float
    width: int
    bars: Sequence[Bar] = ()
    lines: Sequence[tuple[str, str, str]] = ()


def bars(intervals: Sequence[Interval], *kinds: str) -> Chart:
    """Return stacked bars of counts."""
    totals = [sum(getattr(each, kind) for kind in kinds) for each in intervals]
    top = rounded_up(max([1, *totals]))
    made = []
    for x, interval in enumerate(intervals):
        y = HEIGHT
        for kind in kinds:
            count = getattr(interval, kind)
            if count:
                height = HEIGHT * count / top
                y -= height
                made.append(Bar(x, y, height, kind, count))
    return Chart(kinds, top, len(intervals), bars=made)


def lines(intervals: Sequence[Interval], *kinds: str) -> Chart:
    """Return lines of seconds. Intervals without a value are left out."""
    values = [getattr(each, kind) or 0.0 for each in intervals for kind in kinds]
    top = rounded_up(max([0.001, *values]))
    made = []
    for kind in kinds:
        points = [
            f"{x + 0.5:g},{HEIGHT * (1 - getattr(interval, kind) / top):.2f}"
            for x, interval in enumerate(intervals)
            if getattr(interval, kind) is not None
        ]
        # A line with one point is invisible, so each point has a dot.
        dots = "".join(f"M{point}h0" for point in points)
        made.append((kind, " ".join(points), dots))
    return Chart(kinds, top, len(intervals), lines=made)


def rounded_up(value: float) -> float:
    """Round up to a number such as 1, 2, 5, 10 or 20, for the top of an axis."""
    size = 10.0 ** math.floor(math.log10(value))
    step = next(each for each in (1, 2, 5, 10) if value <= each * size * 1.000001)
    return round(step * size, 9)


def marks(intervals: Sequence[Interval]) -> list[int]:
    """Return the times below a chart: the starts of some intervals, evenly spaced."""
    each = max(1, math.ceil(len(intervals) / _MOST_MARKS))
    return [interval.start for interval in intervals[::each]]
