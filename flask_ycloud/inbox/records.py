"""The plain values that the inbox takes and returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

#: The result of storing a delivery: it is new; its id is known; or its id is known with
#: another body.
Arrival = Literal["accepted", "duplicate", "conflict"]

#: Why a delivery is answered 503, so that YCloud sends it again. Other reasons are the
#: sender's fault.
OUR_FAULTS = ("inbox unavailable", "secret unavailable", "dispatch unavailable")

#: A reason that is counted beside the rejections, by the name of the pages' blueprint.
WRONG_PASSWORD = "wrong password"  # noqa: S105
#: Other reasons that are counted there: an event was taken over after its lease had
#: expired; or its process ended and released it while its handlers ran.
TAKEN_OVER, CUT_SHORT = "taken over", "cut short"
#: What can be paused.
PauseKind = Literal["all", "endpoint", "type", "handler"]

#: What a pending event waits for.
WaitsFor = Literal["worker", "conversation", "retry", "pause"]


#: Why another body with a known event id is a dead letter.
CONFLICTS = "the event id {} is known with another body"


class Identity(NamedTuple):
    """The values that identify an event.

    The ids of events are unique for each endpoint, and for each tenant of an endpoint.

    :param id: YCloud's id of the event.
    :param endpoint: the name of the endpoint that it arrived at.
    :param tenant: the tenant; empty if the endpoint serves one account.
    """

    id: str
    endpoint: str
    tenant: str = ""

    @property
    def about(self) -> dict[str, str]:
        """The attributes of the event in log records."""
        about = {"event_id": self.id, "endpoint": self.endpoint}
        return about | ({"tenant": self.tenant} if self.tenant else {})

    @property
    def conflict(self) -> str:
        """Why another body of the event is a dead letter."""
        return CONFLICTS.format(self.id)

    def __str__(self) -> str:
        return f"endpoint {self.endpoint!r}" + (self.tenant and f", tenant {self.tenant!r}")


class Found:
    """An event that was read from a row."""

    id: str
    endpoint: str
    tenant: str | None

    @property
    def identity(self) -> Identity:
        """The values that identify it."""
        return Identity(self.id, self.endpoint, self.tenant or "")

    @property
    def about(self) -> dict[str, str]:
        """Its attributes in log records."""
        return self.identity.about


@dataclass(frozen=True)
class HandlerState:
    """The outcome of one handler of an event.

    :param handler: the name of the handler.
    :param state: ``"succeeded"``, ``"failed"`` or ``"discarded"``.
    :param attempts: how often it ran.
    :param next_at: when it runs again, in unix seconds; ``None`` if it does not.
    :param error: the type and place of the last error, or the reason of the discard. With
        ``YCLOUD_ERROR_MESSAGES`` the error's message follows, from the second line on.
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
        """Whether this handler will not run again automatically."""
        return self.next_at is None

    def is_why(self, reason: str | None) -> bool:
        """Whether a dead letter's reason names this handler."""
        return self.state == "failed" and (reason or "").startswith(f"{self.handler}: ")


@dataclass(frozen=True)
class Attempt:
    """One run of a handler.

    :param number: 1 for the first run since the event arrived or was replayed.
    :param state: ``"succeeded"``, ``"failed"`` or ``"discarded"``.
    :param ended_at: when it ended; aware, in UTC.
    :param seconds: how long it took; ``None`` if its process died.
    :param error: the type and place of its error, or the reason of the discard.
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
    :param state: ``"pending"``, ``"running"``, ``"done"``, ``"dead"``, ``"discarded"`` or
        ``"deleted"``. Of a deleted event, only the id is kept, until its signature is too
        old for a replay.
    :param due_at: when it can be claimed next; ``None`` if it is settled.
    :param settled_at: when it became done or dead, or was discarded.
    :param reason: why it is a dead letter, or why it was discarded.
    :param unhandled: whether it is done because no handler was subscribed to it.
    :param running_handler: the handler that runs, if it has run for a second or more.
    :param running_since: when that handler started.
    :param opens: returns :attr:`body`.
    :param redeliveries: how often it was redelivered.
    :param redelivered_at: when it was redelivered the last time.
    :param handlers: the outcomes so far; empty in a list.
    :param attempts: every run of a handler, in order of their ends; empty in a list.
    :param position: its place in the order of arrival; ``list(before=…)`` takes it.
    :param tenant: its tenant; ``None`` if the endpoint serves one account.
    :param endpoint_id: YCloud's id of the endpoint, if the delivery contains it.
    :param conflict_id: the id of the dead letter with another body that arrived with the
        same event id; ``None`` if there is none.
    :param waits_for: what a pending event waits for: ``"worker"`` if it is new;
        ``"conversation"`` if another event of its conversation is ahead; ``"retry"`` if it
        was tried or replayed; ``"pause"`` if its type, its endpoint or a handler is paused.
    :param behind: the id of the event ahead of it; ``None`` in a list.
    :param paused_handlers: the paused handlers that it waits for.
    :param origin: where the delivery came from: empty for YCloud, ``"inspector"`` for a
        sample that was sent from its page.
    :param emptied_at: when its body was deleted; ``None`` if it has a body.
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
        """The failed handler that is retried first; ``None`` if none is retried."""
        waiting = [each for each in self.handlers if each.next_at is not None]
        return min(waiting, key=lambda each: each.next_at or 0.0, default=None)

    @property
    def failed_handler(self) -> str | None:
        """The handler that made it a dead letter; ``None`` in a plain list."""
        why = (each.handler for each in self.handlers if each.is_why(self.reason))
        return next(why, None)

    @property
    def body(self) -> bytes:
        """The raw bytes as they arrived; empty if the body was deleted.

        :raises BodyUnreadable: if it is encrypted with a key that is missing.
        """
        return self.opens()


@dataclass(frozen=True)
class Claim(Found):
    """The right to handle an event, until its lease ends. The lease can be renewed.

    ``attempt`` is the fencing token. A later claim has a higher one, and writes of an
    earlier claim are rejected.

    :param due_at: its ``due_at`` before it was claimed; 0 if it was never tried.
    :param crashes: how many processes died while they handled it.
    :param body: the body as it is stored; ``Inbox.body_of`` decrypts it.
    :param body_key: the id of the key that encrypted the body.
    :param taken_over: whether the lease of an earlier claim has expired.
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

    :param due_at: for ``"pending"``, in unix seconds. Without it the event is held for
        paused handlers, and the reason has their names, one per line.
    :param unhandled: for ``"done"``: whether no handler was subscribed to the event.
    """

    state: str
    due_at: float | None = None
    reason: str | None = None
    unhandled: bool = False


@dataclass(frozen=True)
class Progress:
    """The values to save for a claim.

    :param runs: the runs of its handlers.
    :param verdict: how the claim ends. Without a verdict its lease is renewed.
    """

    claim: Claim
    runs: tuple[HandlerState, ...] = ()
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Pause:
    """A pause: an endpoint, a type or a handler that is paused, or everything.

    :param kind: ``"endpoint"``, ``"type"``, ``"handler"``, or ``"all"`` for everything.
    :param name: the name of the endpoint or the handler; the event type or pattern; or
        empty for everything.
    :param since: when it began; aware, in UTC.
    """

    kind: PauseKind
    name: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else "everything"


@dataclass(frozen=True)
class RunningHandler:
    """A handler that has run for a second or more, and still runs.

    :param seconds: how long it has run.
    :param endpoint: where its event arrived.
    :param tenant: whose event it is; ``None`` if the endpoint serves one account.
    """

    handler: str
    event_id: str
    seconds: float
    endpoint: str = ""
    tenant: str | None = None


@dataclass(frozen=True)
class Stats:
    """Statistics of the inbox.

    :param pending: events that wait for their first try or for another one.
    :param running: events that are being handled.
    :param dead: dead letters.
    :param oldest_pending_seconds: the age of the oldest pending event; ``None`` if there is
        none.
    :param by_type: the counts by event type.
    :param unhandled: events that are done because no handler was subscribed to them.
    :param running_handlers: the handlers that have run for a second or more, the longest
        first; ten at most.
    :param discarded: events that were discarded.
    :param waiting: the pending events by what they wait for, as in
        ``StoredEvent.waits_for``.
    :param pauses: the pauses in force.
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
