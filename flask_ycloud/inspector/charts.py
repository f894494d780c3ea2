"""Small charts, as shapes for an SVG that is one unit wide for each interval."""

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

    :param kinds: what is charted.
    :param top: the value at the top of the axis.
    :param lines: of each kind the points of its line, and its dots.
    """

    kinds: Sequence[str]
    top: float
    width: int
    bars: Sequence[Bar] = ()
    lines: Sequence[tuple[str, str, str]] = ()


def bars(intervals: Sequence[Interval], *kinds: str) -> Chart:
    """Bars of counts, of several kinds upon each other."""
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
    """Lines of seconds; an interval without any is left out."""
    values = [getattr(each, kind) or 0.0 for each in intervals for kind in kinds]
    top = rounded_up(max([0.001, *values]))
    made = []
    for kind in kinds:
        points = [
            f"{x + 0.5:g},{HEIGHT * (1 - getattr(interval, kind) / top):.2f}"
            for x, interval in enumerate(intervals)
            if getattr(interval, kind) is not None
        ]
        # A line of one point could not be seen: so each has a dot.
        dots = "".join(f"M{point}h0" for point in points)
        made.append((kind, " ".join(points), dots))
    return Chart(kinds, top, len(intervals), lines=made)


def rounded_up(value: float) -> float:
    """The next number such as 1, 2, 5, 10, 20, for the top of an axis."""
    size = 10.0 ** math.floor(math.log10(value))
    step = next(each for each in (1, 2, 5, 10) if value <= each * size * 1.000001)
    return round(step * size, 9)


def marks(intervals: Sequence[Interval]) -> list[int]:
    """The times below a chart: some of the intervals' starts, evenly apart."""
    each = max(1, math.ceil(len(intervals) / _MOST_MARKS))
    return [interval.start for interval in intervals[::each]]
