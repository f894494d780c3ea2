"""Deliveries of the fake YCloud: what is sent, and what was answered."""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..protocol import Answer, find


@dataclass
class Delivery:
    """An event on its way, and what was answered to each attempt.

    :param body: the bytes that are sent.
    :param answers: one per attempt, in order; none if it was never sent.
    """

    body: bytes = field(repr=False)
    answers: list[Answer] = field(default_factory=list)

    @classmethod
    def of(cls, event: Mapping[str, Any] | bytes) -> Delivery:
        """A delivery of an event, or of raw bytes, that is not yet sent."""
        return cls(event if isinstance(event, bytes) else json.dumps(event).encode())

    @property
    def event(self) -> Any:
        """The event, read from its body."""
        return json.loads(self.body)

    @property
    def sent(self) -> bool:
        """Whether it was sent at all. A suspended or pending endpoint is sent nothing."""
        return bool(self.answers)

    @property
    def status(self) -> int:
        """The HTTP status of the last answer; 0 if there was none."""
        return self.answers[-1].status if self.answers else 0

    @property
    def acknowledged(self) -> bool:
        """Whether the last answer was a 2xx."""
        return self.sent and self.answers[-1].acknowledged

    @property
    def failures(self) -> int:
        """How many attempts were not answered with a 2xx."""
        return sum(not answer.acknowledged for answer in self.answers)

    def changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The event with changes, as in :func:`sample_event`.

        :raises LookupError: if its type is not documented, or a path leads nowhere.
        """
        event: dict[str, Any] = self.event
        for path, value in changes.items():
            holder, key = find(event["type"], event, path)
            holder[key] = value
        return event


class Agenda:
    """Deliveries by the times at which they are due."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Delivery]] = []
        self._count = itertools.count()

    def __bool__(self) -> bool:
        return bool(self._due)

    def add(self, at: float, delivery: Delivery) -> None:
        """Note when a delivery is due. Those due at one time keep their order."""
        heapq.heappush(self._due, (at, next(self._count), delivery))

    def take(self) -> tuple[float, Delivery]:
        """The time and the delivery that is due first."""
        at, _, delivery = heapq.heappop(self._due)
        return at, delivery
