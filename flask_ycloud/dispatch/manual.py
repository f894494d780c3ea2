"""``"manual"``: this process handles nothing; ``flask ycloud worker`` does."""

from __future__ import annotations

from ..inbox import Identity
from ..runtime import Runtime
from .notifying import Notifying


class ManualDispatcher:
    """Leaves every event to other processes."""

    def __init__(self, runtime: Runtime) -> None:
        self._notifying = Notifying(runtime.inbox.database)

    def start(self) -> None:
        """There is nothing to start."""

    def wake(self, event: Identity) -> None:
        """Notify the other processes."""
        self._notifying.notify()

    def stop(self) -> None:
        """Stop notifying."""
        self._notifying.stop()
