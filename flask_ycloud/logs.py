"""Log without side effects, and without flooding the log."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass

from .forks import tell_child
from .timers import call_later


def log(
    logger: logging.Logger, level: int, message: str, *args: object, **extra: object
) -> None:
    """Log a message, with further attributes of the record.

    A record factory may set one of these attributes itself, and a handler or filter may
    raise. That must not change an answer or an outcome. So the message is then logged
    without the attributes, or not at all.
    """
    try:
        logger.log(level, message, *args, extra=extra)
    except Exception:
        with suppress(Exception):
            logger.log(level, message, *args)


@dataclass
class _Kind:
    """When a kind of event was last logged, and how many were left out since then."""

    logged_at: float
    clock: str
    left_out: int = 0
    timer: threading.Timer | None = None


class LogLimit:
    """Logs one line of a kind in some seconds, and then how many were left out.

    The first line is logged at once. Lines that follow too soon are counted, and a timer
    logs their number. So the log also covers the last lines of a flood.

    :param clock: a monotonic clock, in seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.after_fork()
        tell_child(self)

    def after_fork(self) -> None:
        """Forget the counts and timers of the parent process, which logs them itself."""
        self._lock = threading.Lock()
        self._kinds: dict[Hashable, _Kind] = {}

    def log(
        self, kind: Hashable, write: Callable[[str], None], seconds: float = 1.0
    ) -> None:
        """Log a line, or count it.

        :param kind: the kind of the line; the number of kinds must be bounded.
        :param write: logs the line. It is called with a text for the end of the line, which
            says how many were left out, or is empty.
        :param seconds: for how long no other line of that kind is logged.
        """
        now = self._clock()
        with self._lock:
            known = self._kinds.get(kind)
            if known is not None and now - known.logged_at < seconds:
                known.left_out += 1
                if known.timer is None:
                    args = known, kind, write
                    wait = known.logged_at + seconds - now
                    known.timer = call_later(wait, self._log_left_out, *args)
                return
        self._write(kind, write)

    def flush(self) -> None:
        """Log now how many were left out."""
        with self._lock:
            timers = [each.timer for each in self._kinds.values() if each.timer]
        for each in timers:
            each.cancel()
            each.function(*each.args)

    def _log_left_out(
        self, known: _Kind, kind: Hashable, write: Callable[[str], None]
    ) -> None:
        with self._lock:
            is_late = self._kinds[kind] is not known  # another thread has logged it
        if not is_late:
            self._write(kind, write)

    def _write(self, kind: Hashable, write: Callable[[str], None]) -> None:
        """Log a line, with the number of lines that were left out before it."""
        with self._lock:
            known = self._kinds.get(kind)
            self._kinds[kind] = _Kind(self._clock(), time.strftime("%H:%M:%S"))
        left_out = known.left_out if known is not None else 0
        since = known.clock if known is not None else ""
        write(f" … and {left_out:,} more since {since}" if left_out else "")
