"""Times, as the pages show them."""

from __future__ import annotations

from datetime import datetime, timezone

from ..cli.output import short


def ago(then: datetime) -> str:
    """How long ago, or in how long, in one unit."""
    seconds = (datetime.now(timezone.utc) - then).total_seconds()
    return f"{short(seconds)} ago" if seconds >= 0 else f"in {short(-seconds)}"


def exact(then: datetime) -> str:
    """To the millisecond, in UTC."""
    return then.strftime("%Y-%m-%d %H:%M:%S.") + f"{then.microsecond // 1000:03} UTC"
