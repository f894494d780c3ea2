"""Log records that change nothing but the log, and do not flood it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass


def log(
    logger: logging.Logger, level: int, message: str, *args: object, **extra: object
) -> None:
    """Log, with what it is about as attributes of the record.

    A record factory that sets one of these attributes itself, or a handler or filter
    that raises, must not change an answer or an outcome: then it is logged again without
    the attributes, or not at all.
    """
    try:
        logger.log(level, message, *args, extra=extra)
    except Exception:
        with suppress(Exception):
            logger.log(level, message, *args)


@dataclass
class _Kind:
    """What was logged of one kind of event, and what was left out since."""

    logged_at: float
    clock: str
    left_out: int = 0


class LogLimit:
    """Logs one line of a kind in some seconds, and then how many were left out.

    The first is logged at once. Those that follow too soon are counted, and a timer logs
    their number. So the last ones of a flood are in the log, too.

    :param seconds: how long no other line of that kind is logged.
    :param clock: seconds that only grow.
    """

    def __init__(
        self, seconds: float = 1.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[Hashable, _Kind] = {}

    def log(self, kind: Hashable, write: Callable[[str], None]) -> None:
        """Log one, or count it.

        :param kind: what it is about; there must be a bounded number of kinds.
        :param write: logs it. It is called with a text for the end of the line, which says
            how many were left out, or is empty.
        """
        now = self._clock()
        with self._lock:
            known = self._kinds.get(kind)
            if known is not None and now - known.logged_at < self._seconds:
                known.left_out += 1
                if known.left_out == 1:
                    self._start_timer(known.logged_at + self._seconds - now, kind, write)
                return
            # What a timer did not come to log, as in a process that was forked meanwhile.
            end = self._end_of_line(known)
            self._kinds[kind] = _Kind(now, _time_of_day())
        write(end)

    def _start_timer(
        self, seconds: float, kind: Hashable, write: Callable[[str], None]
    ) -> None:
        timer = threading.Timer(seconds, self._log_left_out, (kind, write))
        timer.daemon = True
        timer.start()

    def _log_left_out(self, kind: Hashable, write: Callable[[str], None]) -> None:
        with self._lock:
            end = self._end_of_line(self._kinds[kind])
            if end:
                self._kinds[kind] = _Kind(self._clock(), _time_of_day())
        if end:
            write(end)

    def _end_of_line(self, known: _Kind | None) -> str:
        if known is None or not known.left_out:
            return ""
        return f" … and {known.left_out:,} more since {known.clock}"


def _time_of_day() -> str:
    """As the log has it, unless it was set up otherwise."""
    return time.strftime("%H:%M:%S")
