"""Times as people read them, in a terminal or on a page."""

from __future__ import annotations

from datetime import datetime


def ago(then: datetime) -> str:
    """How long ago a time is, or in how long, in one unit: ``2 h ago``, ``in 10 s``."""
    seconds = (datetime.now(then.tzinfo) - then).total_seconds()
    return f"{short(seconds)} ago" if seconds >= 0 else f"in {short(-seconds)}"


def ahead(then: datetime) -> str:
    """In how long a time is, such as ``in 10 s``; ``now`` if it has passed."""
    seconds = (then - datetime.now(then.tzinfo)).total_seconds()
    return f"in {short(seconds)}" if seconds > 0 else "now"


def short(seconds: float) -> str:
    """Seconds in one unit, such as ``2 h``."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def exact(then: datetime) -> str:
    """A time to the millisecond, in UTC."""
    return then.strftime("%Y-%m-%d %H:%M:%S.") + f"{then.microsecond // 1000:03} UTC"
