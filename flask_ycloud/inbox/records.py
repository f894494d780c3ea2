"""What the inbox gives and takes: plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

#: What became of a delivery: it is new; its id is known; or its id is known with another
#: body.
Arrival = Literal["accepted", "duplicate", "conflict"]

#: Why a delivery is answered 503, so that YCloud sends it again. Other reasons are the
#: sender's fault.
OUR_FAULTS = ("inbox unavailable", "secret unavailable", "dispatch unavailable")

#: A reason among the rejections, by the name of the blueprint whose pages were asked for.
WRONG_PASSWORD = "wrong password"  # noqa: S105
#: Other reasons among them: an event was taken over after its lease had run out; or it was
#: given back at the end of its process, while its handlers ran.
TAKEN_OVER, CUT_SHORT = "taken over", "cut short"
#: What can be paused.
PauseKind = Literal["all", "endpoint", "type", "handler"]

#: What a pending event waits for.
WaitsFor = Literal["worker", "conversation", "retry", "pause"]


#: Why another body under a known id is a dead letter.
CONFLICTS = "the event id {} is known with another body"


class Identity(NamedTuple):
    """What tells an event from all others. Each endpoint, and each tenant of one, has an id
    space of its own.

    :param id: YCloud's id of the event.
    :param endpoint: the name of the endpoint that it arrived at.
    :param tenant: whose it is; empty where the endpoint serves one account.
    """

    id: str
    endpoint: str
    tenant: str = ""

    @property
    def about(self) -> dict[str, str]:
        """What log records say of the event."""
        about = {"event_id": self.id, "endpoint": self.endpoint}
        return about | ({"tenant": self.tenant} if self.tenant else {})

    @property
    def conflict(self) -> str:
        """Why another body of the event is a dead letter."""
        return CONFLICTS.format(self.id)

    def __str__(self) -> str:
        return f"endpoint {self.endpoint!r}" + (self.tenant and f", tenant {self.tenant!r}")


class Found:
    """An event as a row has it."""

    id: str
    endpoint: str
    tenant: str | None

    @property
    def identity(self) -> Identity:
        """What tells it from all others."""
        return Identity(self.id, self.endpoint, self.tenant or "")

    @property
    def about(self) -> dict[str, str]:
        """What log records say of it."""
        return self.identity.about


@dataclass(frozen=True)
class HandlerState:
    """What the inbox knows of one handler of an event.

    :param handler: its name.
    :param state: ``"succeeded"``, ``"failed"`` or ``"discarded"``.
    :param attempts: how often it ran.
    :param next_at: when it runs again, in unix seconds; ``None`` if it does not.
    :param error: the last error's type and place, or why it was discarded. With
        ``YCLOUD_ERROR_MESSAGES`` the error's message is below, from the second line on.
    :param seconds: how long its last run took.
    :param updated_at: when that run ended, in unix seconds.
    """

    handler: str
    state: str
    attempts: int
    next_at: float | None = None
    error: str | None = None
    seconds: float | None = None
    updated_at: float | None = field(default=None, compare=False)

    @property
    def ended(self) -> bool:
        """Whether this handler will not run again by itself."""
        return self.next_at is None

    def is_why(self, reason: str | None) -> bool:
        """Whether a dead letter's reason names this handler."""
        return self.state == "failed" and (reason or "").startswith(f"{self.handler}: ")


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
class StoredEvent(Found):
    """An event in the inbox. Its ``repr`` shows no payload.

    :param id: YCloud's id, or ``sha256:…`` of a body that was not understood.
    :param type: its type; ``None`` if it was not understood.
    :param received_at: when it was accepted; aware, in UTC, as all times here.
    :param signed_at: when YCloud signed it, by YCloud's clock.
    :param state: ``"pending"``, ``"running"``, ``"done"``, ``"dead"``, ``"discarded"``; or
        ``"deleted"``: only the id is left, until no copy of the delivery could pass any
        more.
    :param due_at: when it is looked at next; ``None`` if it is settled.
    :param settled_at: when it became done or dead, or was discarded.
    :param reason: why it is a dead letter, or why it was discarded.
    :param unhandled: whether it is done because no handler was subscribed to it.
    :param running_handler: the handler that runs, once it has run for a second.
    :param running_since: since when it runs.
    :param opens: gives :attr:`body`.
    :param redeliveries: how often it was redelivered.
    :param redelivered_at: when it was redelivered the last time.
    :param handlers: the outcomes so far; empty in a list.
    :param attempts: every run of a handler, in order of their ends; empty in a list.
    :param position: its place in the order of arrival; ``list(before=…)`` takes it.
    :param tenant: whose it is; ``None`` where the endpoint serves one account.
    :param endpoint_id: YCloud's id of the endpoint it was sent to, if the delivery said so.
    :param conflict_id: the id of a dead letter that has the other body under which the same
        id came; ``None`` if none did.
    :param waits_for: of a pending event: ``"worker"`` if it is new; ``"conversation"`` if
        another event of its conversation is ahead; ``"retry"`` if it was tried or replayed;
        ``"pause"`` if its type, its endpoint or a handler is paused.
    :param behind: the id of the event ahead of it; ``None`` in a list.
    :param paused_handlers: the handlers that are paused, if it waits for these.
    :param origin: where the delivery came from: empty for YCloud, ``"inspector"`` for a
        sample that was sent from its page.
    :param emptied_at: since when it has no body; ``None`` if it has one.
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
    opens: Callable[[], bytes] = field(repr=False, compare=False)
    redeliveries: int = 0
    redelivered_at: datetime | None = None
    unhandled: bool = False
    running_handler: str | None = None
    running_since: datetime | None = None
    handlers: tuple[HandlerState, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    tenant: str | None = None
    endpoint_id: str | None = None
    conflict_id: str | None = None
    origin: str = ""
    emptied_at: datetime | None = None
    waits_for: WaitsFor | None = None
    behind: str | None = None
    paused_handlers: tuple[str, ...] = ()

    @property
    def next_handler(self) -> HandlerState | None:
        """The failed handler that is retried first; ``None`` if none is."""
        waiting = [each for each in self.handlers if each.next_at is not None]
        return min(waiting, key=lambda each: each.next_at or 0.0, default=None)

    @property
    def failed_handler(self) -> str | None:
        """The handler because of which it is a dead letter; ``None`` in a plain list."""
        why = (each.handler for each in self.handlers if each.is_why(self.reason))
        return next(why, None)

    @property
    def body(self) -> bytes:
        """The raw bytes as they arrived; none if it was emptied.

        :raises BodyUnreadable: if it is encrypted with a key that is missing.
        """
        return self.opens()


@dataclass(frozen=True)
class Claim(Found):
    """The right to handle an event, until its lease ends or is renewed.

    ``attempt`` is the fencing token: a later claim has a higher one, and what an earlier
    one still writes is refused.

    :param due_at: what it was due at before it was claimed; 0 if it was never tried.
    :param crashes: how many processes died while they handled it.
    :param body: as it is stored; ``Inbox.body_of`` decrypts it.
    :param body_key: which key encrypted it.
    :param taken_over: whether the lease of another claim has run out.
    """

    seq: int
    attempt: int
    id: str
    endpoint: str
    tenant: str | None
    endpoint_id: str | None
    key: str | None
    received_at: float
    crashes: int
    traceparent: str | None
    body: bytes = field(repr=False)
    body_key: str | None = None
    due_at: float = 0.0
    taken_over: bool = False
    handlers: dict[str, HandlerState] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """How a claim ends: ``"done"``, ``"dead"``, or ``"pending"`` until ``due_at``.

    :param due_at: of ``"pending"``; without it the event is held for paused handlers, and
        the reason is their names, one a line.
    :param unhandled: of ``"done"``, whether no handler was subscribed to the event.
    """

    state: str
    due_at: float | None = None
    reason: str | None = None
    unhandled: bool = False


@dataclass(frozen=True)
class Progress:
    """What is saved of a claim.

    :param runs: how handlers ran.
    :param verdict: how the claim ends; without one its lease is renewed.
    """

    claim: Claim
    runs: tuple[HandlerState, ...] = ()
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Pause:
    """Something that is not handled for now.

    :param kind: ``"endpoint"``, ``"type"``, ``"handler"``, or ``"all"`` for everything.
    :param name: of the endpoint or the handler; the event type or pattern; empty for all.
    :param since: aware, in UTC.
    """

    kind: PauseKind
    name: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else "everything"


@dataclass(frozen=True)
class RunningHandler:
    """A handler that has run for a second or more, and still runs.

    :param seconds: since when.
    :param endpoint: where its event arrived.
    :param tenant: whose event it is; ``None`` where the endpoint serves one account.
    """

    handler: str
    event_id: str
    seconds: float
    endpoint: str = ""
    tenant: str | None = None


@dataclass(frozen=True)
class Stats:
    """The inbox at a glance.

    :param pending: events that wait, for a first try or for another.
    :param running: events that are being handled.
    :param dead: dead letters.
    :param oldest_pending_seconds: age of the oldest that waits; ``None`` if none does.
    :param by_type: the counts by event type.
    :param unhandled: events that are done because no handler was subscribed to them.
    :param running_handlers: the handlers that have run for a second or more, the longest
        first; ten at most.
    :param discarded: events that somebody discarded.
    :param waiting: the pending events by what they wait for, as
        ``StoredEvent.waits_for`` says it.
    :param pauses: what is paused.
    """

    pending: int
    running: int
    dead: int
    oldest_pending_seconds: float | None
    by_type: dict[str | None, dict[str, int]]
    unhandled: int = 0
    running_handlers: tuple[RunningHandler, ...] = ()
    discarded: int = 0
    waiting: dict[WaitsFor, int] = field(default_factory=dict)
    pauses: tuple[Pause, ...] = ()
