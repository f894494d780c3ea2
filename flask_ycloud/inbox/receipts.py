"""Results for a person: the events found, and the receipt of an erasure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from .records import Identity, StoredEvent


@dataclass(frozen=True)
class PersonEvents:
    """The events that name a person, in order of arrival.

    :param unreadable: events that could not be searched, since they are encrypted with a
        key that is missing.
    """

    events: tuple[StoredEvent, ...]
    unreadable: tuple[Identity, ...] = ()

    def __iter__(self) -> Iterator[StoredEvent]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)


@dataclass(frozen=True)
class Erasure:
    """The receipt of an erasure. It does not say who was erased.

    :param person: a keyed hash of the number, user id or e-mail address. It is the same if
        the same person is erased again.
    :param at: when it was done; aware, in UTC.
    :param erased: the events that were erased.
    :param running: events that were being handled all the time, and were not erased.
    :param new: events that arrived during the erasure, and were not erased.
    :param unreadable: events that could not be searched, since they are encrypted with a
        key that is missing.
    """

    person: str
    at: datetime
    erased: tuple[Identity, ...]
    running: tuple[Identity, ...] = ()
    new: tuple[Identity, ...] = ()
    unreadable: tuple[Identity, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all events of the person were erased."""
        return not (self.running or self.new or self.unreadable)
