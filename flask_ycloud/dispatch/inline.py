"""``"inline"``: an event is handled before its delivery is answered."""

from __future__ import annotations

from ..inbox import Identity
from ..runtime import Runtime
from .processing import process

_MOST_OVERDUE = 10


class InlineDispatcher:
    """Handles in the thread of the request: for tests, and where no thread may stay.

    A request also takes up a few events that fell due since, such as retries. Between
    requests nothing runs; ``flask ycloud worker --once`` can be called by the clock.

    Under ``app.testing`` the first error of a handler is raised to the test client, after
    it was kept.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def start(self) -> None:
        """There is nothing to start."""

    def wake(self, event: Identity) -> None:
        """Handle that event now, then some that are overdue."""
        errors = self._handle(event)
        if errors and self._runtime.app.testing:
            raise errors[0]
        for _ in range(_MOST_OVERDUE):
            if self._handle(None) is None:
                return

    def stop(self) -> None:
        """There is nothing to stop."""

    def _handle(self, event: Identity | None) -> list[BaseException] | None:
        claim = self._runtime.inbox.claim(event)
        return None if claim is None else process(self._runtime, claim).errors
