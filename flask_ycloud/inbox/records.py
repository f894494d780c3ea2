"""What the inbox gives and takes: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class HandlerState:
    """What the inbox knows of one handler of an event.

    :param handler: its name.
    :param state: ``"succeeded"``, ``"failed"`` or ``"discarded"``.
    :param attempts: how often it ran.
    :param next_at: when it runs again, in unix seconds; ``None`` if it does not.
    :param error: the last error's type and place, or why it was discarded.
    :param seconds: how long its last run took.
    """

    handler: str
    state: str
    attempts: int
    next_at: float | None = None
    error: str | None = None
    seconds: float | None = None

    @property
    def ended(self) -> bool:
        """Whether this handler will not run again by itself."""
        return self.next_at is None


@dataclass(frozen=True)
class Attempt:
    """One run of a handler.

    :param number: 1 for the first since the event came or was replayed.
    :param state: ``"succeeded"``, ``"failed"`` or ``"discarded"``.
    :param ended_at: aware, in UTC.
    :param seconds: how long it took; ``None`` if its process died.
    :param error: its error's type and place, or why it was discarded.
    """

    handler: str
    number: int
    state: str
    ended_at: datetime
    seconds: float | None
    error: str | None


@dataclass(frozen=True)
class StoredEvent:
    """An event in the inbox. Its ``repr`` shows no payload.

    :param id: YCloud's id, or ``sha256:…`` of a body that was not understood.
    :param type: its type; ``None`` if it was not understood.
    :param received_at: when it was accepted; aware, in UTC, as all times here.
    :param signed_at: when YCloud signed it, by YCloud's clock.
    :param state: ``"pending"``, ``"running"``, ``"done"`` or ``"dead"``.
    :param due_at: when it is looked at next; ``None`` if it is settled.
    :param settled_at: when it became done or dead.
    :param reason: why it is a dead letter.
    :param body: the raw bytes as they arrived.
    :param redeliveries: how often it came again.
    :param redelivered_at: when it came the last time, if it came again.
    :param handlers: the outcomes so far; empty in a list.
    :param attempts: every run of a handler, in order of their ends; empty in a list.
    :param position: its place in the order of arrival; ``list(before=…)`` takes it.
    """

    id: str
    type: str | None
    endpoint: str
    state: str
    received_at: datetime
    signed_at: datetime | None
    due_at: datetime | None
    settled_at: datetime | None
    reason: str | None
    position: int
    body: bytes = field(repr=False)
    redeliveries: int = 0
    redelivered_at: datetime | None = None
    handlers: tuple[HandlerState, ...] = ()
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class Claim:
    """The right to handle an event, until its lease ends or is renewed.

    ``attempt`` is the fencing token: a later claim has a higher one, and what an earlier
    one still writes is refused.
    """

    seq: int
    attempt: int
    id: str
    endpoint: str
    key: str | None
    received_at: float
    crashes: int
    traceparent: str | None
    body: bytes = field(repr=False)
    handlers: dict[str, HandlerState] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """How a claim ends: ``"done"``, ``"dead"``, or ``"pending"`` until ``due_at``."""

    state: str
    due_at: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Stats:
    """The inbox at a glance.

    :param pending: events that wait, for a first try or for another.
    :param running: events that are being handled.
    :param dead: dead letters.
    :param oldest_pending_seconds: age of the oldest that waits; ``None`` if none does.
    :param by_type: the same three counts by event type.
    """

    pending: int
    running: int
    dead: int
    oldest_pending_seconds: float | None
    by_type: dict[str | None, dict[str, int]]
