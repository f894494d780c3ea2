"""Deliveries of the fake YCloud: what is sent, and the answers."""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import EventNotUnderstood
from ..inbox import HandlerState, Identity, StoredEvent
from ..protocol import Answer, body_id, parse_event
from .handling import AppInbox
from .samples import changed


@dataclass(frozen=True)
class Address:
    """The inbox, endpoint and tenant of a sender's events.

    :param tenant: empty if the endpoint has no tenants.
    """

    inbox: AppInbox
    endpoint: str
    tenant: str


@dataclass
class Delivery:
    """An event that is delivered, and the answer to each attempt.

    :param body: the bytes that are sent.
    :param answers: one per attempt, in order; none if it was never sent.
    :param errors: what handlers raised while it was sent, except ``Discard`` and ``Retry``.
        It is empty if the app under test handles events later.
    """

    body: bytes = field(repr=False)
    answers: list[Answer] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    address: Address | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(
        cls, event: Mapping[str, Any] | bytes, address: Address | None = None
    ) -> Delivery:
        """A delivery of an event, or of raw bytes, that is not yet sent."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return cls(body, address=address)

    @property
    def event(self) -> Any:
        """The event, read from its body."""
        return json.loads(self.body)

    @property
    def sent(self) -> bool:
        """Whether it was sent. Nothing is sent to a suspended or pending endpoint."""
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

    @property
    def stored(self) -> StoredEvent | None:
        """The event in the app's inbox, as it is now; ``None`` if it is not there.

        For a conflict it is the dead letter with the other body.

        :raises RuntimeError: if it was sent by HTTP, to another process.
        """
        if self.address is None:
            raise RuntimeError(
                "This delivery was sent by HTTP, so the inbox is in another process. Use"
                " FakeYCloud(app) to see the event, or current_inbox in that process."
            )
        identity = Identity(self._id, self.address.endpoint, self.address.tenant)
        return self.address.inbox.get(identity)

    @property
    def state(self) -> str | None:
        """``"pending"``, ``"running"``, ``"done"`` or ``"dead"``; ``None`` if not stored.

        :raises RuntimeError: as :attr:`stored`.
        """
        stored = self.stored
        return None if stored is None else stored.state

    @property
    def handlers(self) -> dict[str, HandlerState]:
        """How its handlers ended so far, by their names.

        :raises RuntimeError: as :attr:`stored`.
        """
        stored = self.stored
        return {each.handler: each for each in (stored.handlers if stored else ())}

    @property
    def _id(self) -> str:
        if self.answers and '"conflict"' in self.answers[-1].text:
            return body_id(self.body)
        try:
            return parse_event(self.body).id
        except EventNotUnderstood:
            return body_id(self.body)

    def changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The event with changes, as in :func:`sample_event`.

        :raises LookupError: if its type is not documented, there is no such field, or a
            path leads nowhere.
        """
        return changed(self.event, changes)


class Agenda:
    """Deliveries by the times at which they are due."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Delivery]] = []
        self._count = itertools.count()

    def __bool__(self) -> bool:
        return bool(self._due)

    def add(self, at: float, delivery: Delivery) -> None:
        """Note when a delivery is due. Deliveries due at the same time keep their order."""
        heapq.heappush(self._due, (at, next(self._count), delivery))

    def take(self) -> tuple[float, Delivery]:
        """The time and the delivery that is due first."""
        at, _, delivery = heapq.heappop(self._due)
        return at, delivery
