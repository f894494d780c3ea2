"""Times, numbers, errors and text from outside, for a terminal or a page."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timezone

_LONGEST_ID = 36  # characters
_SHORT_ID = 18


def ago(then: datetime) -> str:
    """How long ago a time is, or in how long, in one unit: ``2 h ago``, ``in 10 s``."""
    seconds = (datetime.now(then.tzinfo) - then).total_seconds()
    return f"{short(seconds)} ago" if seconds >= 0 else f"in {short(-seconds)}"


def elapsed(since: datetime) -> str:
    """How long something has lasted, in one unit: ``for 2 h``."""
    return f"for {short((datetime.now(since.tzinfo) - since).total_seconds())}"


def ahead(then: datetime) -> str:
    """In how long a time is, such as ``in 10 s``; ``now`` if it has passed."""
    seconds = (then - datetime.now(then.tzinfo)).total_seconds()
    return f"in {short(seconds)}" if seconds > 0 else "now"


def clock_time(then: float) -> str:
    """A time of day in unix seconds, such as ``09:00 UTC``."""
    return datetime.fromtimestamp(then, timezone.utc).strftime("%H:%M UTC")


def short(seconds: float) -> str:
    """Seconds in one unit, such as ``2 h``."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun, such as ``1 event`` or ``1,200 deliveries``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def exact(then: datetime) -> str:
    """A time to the millisecond, in UTC."""
    return then.strftime("%Y-%m-%d %H:%M:%S.") + f"{then.microsecond // 1000:03} UTC"


def short_id(event_id: str) -> str:
    """An event's id for a table. An id that is longer than YCloud's own is shortened."""
    return event_id if len(event_id) <= _LONGEST_ID else f"{event_id[:_SHORT_ID]}…"


def with_message(error: str, message: str) -> str:
    """An outcome's error with its message, as it is stored: the message is below line 1."""
    return error if not message or message in error else f"{error}\n{message}"


def without_message(error: str) -> str:
    """An outcome's error without its message: its type and place."""
    return error.partition("\n")[0]


def in_one_line(error: str) -> str:
    """An outcome's error with its message."""
    place, _, message = error.partition("\n")
    return f"{place}: {' '.join(message.split())}" if message else place


def rejection(reason: str) -> str:
    """Why a delivery was rejected, for people. Metrics, logs and JSON have the reason."""
    return "no signature header" if reason == "missing" else reason


#: Invisible characters that only join the characters around them, in emojis and in some
#: scripts.
_HARMLESS = frozenset("\u200c\u200d")
#: The Unicode categories of controls, of formats such as bidirectional overrides, of
#: surrogates, and of Unicode's own line breaks.
_ACTIVE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def visible(text: str, keep: str = "\n") -> str:
    """A text whose characters that could control a terminal are replaced by numbers.

    :param keep: control characters that stay; by default line breaks.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each in keep or not _acts(each) else _number(each) for each in text
    )


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _ACTIVE and character not in _HARMLESS


def _number(character: str) -> str:
    return ascii(character)[1:-1]
