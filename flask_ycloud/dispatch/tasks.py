"""Dispatch by a task queue: Celery, or any other that can run a function by name.

The inbox has the state of each event. A task only has the id of an event, and handles it if
it is due. So a task that is lost, repeated or late does no harm. A sweep sends lost tasks
again.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Mapping

from flask import current_app

from ..errors import ConfigurationError
from ..inbox import Identity, StoredEvent
from ..logs import log
from ..runtime import Runtime, runtime_of
from .processing import process
from .threads import StartsThreads

_logger = logging.getLogger(__name__)

#: Seconds that a task waits at most. Then it is sent again for the rest of the time. A
#: Celery worker does not acknowledge waiting tasks, and RabbitMQ allows that for half an
#: hour.
LONGEST_COUNTDOWN = 600.0

#: Seconds that an event is due before a sweep assumes that its task is lost.
OVERDUE_SECONDS = 30.0

_MOST_WAITING = 10_000
_MOST_SWEPT = 10_000


class TaskDispatcher(StartsThreads):
    """Sends the id of each due event to a task queue.

    A thread of its own sends them: the answer to a delivery does not wait for the broker.
    While the broker is unavailable, ids are dropped, and the sweep sends them later.

    :param send: called with an event's id, the seconds until :func:`handle` is to be called
        with it, and the keyword arguments for ``handle``. It may raise any error of the
        queue.
    """

    def __init__(self, send: Callable[..., object]) -> None:
        super().__init__()
        self._send = send
        self._troubled = False

    def _make_jobs(self) -> Mapping[str, Callable[[], None]]:
        self._waiting: queue.Queue[Identity] = queue.Queue(_MOST_WAITING)
        return {"ycloud-sender": self._offer_all}

    def wake(self, event: Identity) -> None:
        """Send the event's id soon."""
        self.start()
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            message = "Too many ids wait for the broker; a sweep sends this one."
            log(_logger, logging.WARNING, message)

    def stop(self) -> None:
        """Wait for nothing: a sweep sends what was not sent."""

    def send(self, event: Identity, seconds: float = 0.0) -> None:
        """Send a task.

        :param seconds: until it is to handle the event.
        """
        event_id, endpoint, tenant = event
        seconds = min(seconds, LONGEST_COUNTDOWN)
        self._send(event_id, seconds, endpoint=endpoint, tenant=tenant)

    def offer(self, event: Identity, seconds: float = 0.0) -> None:
        """Send a task; if the broker is unavailable, a sweep sends it later."""
        try:
            self.send(event, seconds)
            self._troubled = False
        except Exception as error:
            if not self._troubled:  # once, not for each event of an outage
                message = "The broker takes no tasks (%s); a sweep sends them later."
                log(_logger, logging.ERROR, message, type(error).__name__)
            self._troubled = True

    def _offer_all(self) -> None:
        while True:
            self.offer(self._waiting.get())


def handle(
    event_id: str, *, endpoint: str | None = None, tenant: str | None = None
) -> None:
    """Handle an event, if it is due and nobody else handles it. A task calls this.

    It needs an app context of the app that accepted the event. It also sends the tasks that
    follow: a retry, or the next event of the conversation.

    :param endpoint: where it arrived; needed if the id is known at several endpoints.
    :param tenant: the event's tenant; needed if the id is known at several tenants.
    :raises AmbiguousEvent: if the id is known at several endpoints or tenants.
    :raises InboxUnavailable: if the inbox cannot be read or written.
    """
    runtime, dispatcher = _task_queue()
    event = _identity(runtime, event_id, endpoint, tenant)
    if event is None:
        return
    before = runtime.inbox.clock()
    claim = runtime.inbox.claim(event)
    due_at: float | None = None
    if claim is not None:
        verdict = process(runtime, claim).verdict
        due_at = None if verdict is None else verdict.due_at
        follower = runtime.inbox.follower(claim)
        if follower is not None and follower != event:
            dispatcher.offer(follower)
    elif (found := _get(runtime, event)) and found.due_at:
        due_at = found.due_at.timestamp()
    if due_at is not None and due_at > before:
        # A retry, or the end of another process's lease. It may be due by now.
        dispatcher.offer(event, max(0.0, due_at - runtime.inbox.clock()))


def _identity(
    runtime: Runtime, event_id: str, endpoint: str | None, tenant: str | None
) -> Identity | None:
    if endpoint is not None and tenant is not None:
        return Identity(event_id, endpoint, tenant)
    return runtime.inbox.find(event_id, endpoint=endpoint, tenant=tenant)


def _get(runtime: Runtime, event: Identity) -> StoredEvent | None:
    return runtime.inbox.get(event.id, endpoint=event.endpoint, tenant=event.tenant)


def sweep() -> int:
    """Send the tasks of overdue events again, and delete events that were done long ago.

    It needs an app context. Call it about every minute.

    :returns: how many tasks were sent.
    """
    runtime, dispatcher = _task_queue()
    runtime.inbox.release_all_orphans()
    overdue = runtime.inbox.overdue(OVERDUE_SECONDS, limit=_MOST_SWEPT)
    for event in overdue:
        dispatcher.send(event)
    runtime.inbox.prune()
    return len(overdue)


def _task_queue() -> tuple[Runtime, TaskDispatcher]:
    runtime = runtime_of(current_app)
    dispatcher = runtime.dispatcher
    if not isinstance(dispatcher, TaskDispatcher):
        raise ConfigurationError(
            f"YCLOUD_DISPATCH is {runtime.dispatch!r}, which has no task queue; a sweep is"
            " for 'celery' and other queues."
        )
    return runtime, dispatcher
