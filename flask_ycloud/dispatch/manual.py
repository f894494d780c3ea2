"""``"manual"``: this process handles nothing; ``flask ycloud worker`` does."""

from __future__ import annotations


class ManualDispatcher:
    """Leaves every event to the processes that look for due ones by themselves."""

    def start(self) -> None:
        """There is nothing to start."""

    def wake(self, event_id: str) -> None:
        """The other processes find it."""

    def stop(self) -> None:
        """There is nothing to stop."""
