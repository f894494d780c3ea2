"""When YCloud suspends a URL that fails.

Source: helpdocs.ycloud.com/help-center/integrations/webhook
"""

from __future__ import annotations

from collections import deque

#: Failed attempts within a minute after which YCloud suspends a URL.
SUSPENDED_AFTER_FAILURES = 200
#: It also does so if the failed attempts within a minute took this many seconds in total.
SUSPENDED_AFTER_FAILING_SECONDS = 600.0
#: Seconds for which nothing is sent to a suspended URL.
SUSPENDED_SECONDS = 180.0

_MINUTE = 60.0


class Suspensions:
    """The suspensions of one URL. All times are in YCloud's seconds."""

    def __init__(self) -> None:
        #: When the last suspension ends or ended.
        self.until = 0.0
        #: How many suspensions there were.
        self.count = 0
        self._failures: deque[tuple[float, float]] = deque()

    def note_failure(self, now: float, took: float) -> None:
        """Count a failed attempt, and suspend the URL if there were too many.

        :param took: seconds until the attempt had failed.
        """
        self._failures.append((now, took))
        while self._failures[0][0] < now - _MINUTE:
            self._failures.popleft()
        failing = sum(took for _, took in self._failures)
        many = len(self._failures) >= SUSPENDED_AFTER_FAILURES
        if many or failing >= SUSPENDED_AFTER_FAILING_SECONDS:
            self._failures.clear()
            self.until = now + SUSPENDED_SECONDS
            self.count += 1
