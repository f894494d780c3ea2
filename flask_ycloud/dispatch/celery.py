"""``"celery"``: the app's Celery handles, on as many machines as it has workers.

The inbox stays the truth: a task is no more than "look at that event". It claims, handles
and settles there, so a task that is lost, doubled or late changes nothing. What the broker
lost, a sweep sends again.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from typing import Any

from celery import shared_task
from flask import current_app

from ..errors import ConfigurationError
from ..processing import process
from ..runtime import Runtime, runtime_of

_logger = logging.getLogger(__name__)

#: Seconds that a task waits in the broker at most; then it is sent again for the rest. A
#: worker holds waiting tasks unacknowledged, and RabbitMQ allows that for half an hour.
LONGEST_COUNTDOWN = 600.0

#: Seconds that an event is due before a sweep takes its task for lost.
OVERDUE_SECONDS = 30.0

_MOST_WAITING = 10_000
_MOST_SWEPT = 10_000


class CeleryDispatcher:
    """Sends the id of each due event to the app's Celery.

    From a thread of its own: the answer to a delivery waits for no broker. If the broker
    is away the ids are dropped, and the sweep sends them later.
    """

    def __init__(self, runtime: Runtime) -> None:
        if "celery" not in runtime.app.extensions:
            raise ConfigurationError(
                "YCLOUD_DISPATCH is 'celery', and the app has no Celery at"
                " app.extensions['celery']. Set it up as Flask's documentation shows"
                " (Background Tasks with Celery):\n\n"
                "    celery_app = Celery(app.name, task_cls=FlaskTask)\n"
                '    celery_app.config_from_object(app.config["CELERY"])\n'
                "    celery_app.set_default()\n"
                '    app.extensions["celery"] = celery_app'
            )
        self._celery: Any = runtime.app.extensions["celery"]
        self._settings = runtime.settings
        self._starting = threading.Lock()
        self._pid: int | None = None
        self._troubled = False

    def start(self) -> None:
        """Start the sending thread, if this process has none yet."""
        if self._pid == os.getpid():
            return
        with self._starting:
            if self._pid == os.getpid():
                return
            self._waiting: queue.Queue[str] = queue.Queue(_MOST_WAITING)
            self._pid = os.getpid()
            threading.Thread(
                target=self._send_all, name="ycloud-sender", daemon=True
            ).start()

    def wake(self, event_id: str) -> None:
        """Have the event's id sent."""
        self.start()
        try:
            self._waiting.put_nowait(event_id)
        except queue.Full:
            _logger.warning("Too many ids wait for the broker; the sweep sends this one.")

    def stop(self) -> None:
        """There is nothing to wait for: what was not sent, the sweep sends."""

    def send(self, event_id: str, countdown: float = 0.0) -> None:
        """Send one task.

        :param countdown: seconds until it shall look at the event.
        :raises Exception: what Celery raises if the broker cannot be reached.
        """
        self._celery.tasks[handle.name].apply_async(
            (event_id,),
            countdown=min(countdown, LONGEST_COUNTDOWN) or None,
            queue=self._settings.celery_queue,
            priority=self._settings.celery_priority,
            retry=False,
        )

    def offer(self, event_id: str, countdown: float = 0.0) -> None:
        """Send one task, or leave it to the sweep if the broker is away."""
        try:
            self.send(event_id, countdown)
            self._troubled = False
        except Exception as error:
            if not self._troubled:  # once, not for each event of an outage
                _logger.error(
                    "The broker takes no tasks (%s); a sweep sends them later.",
                    type(error).__name__,
                )
            self._troubled = True

    def _send_all(self) -> None:
        while True:
            self.offer(self._waiting.get())


@shared_task(  # type: ignore[untyped-decorator]
    name="flask_ycloud.handle", acks_late=True, reject_on_worker_lost=True
)
def handle(event_id: str) -> None:
    """Handle an event, if it is due and nobody else does."""
    runtime = _runtime()
    claim = runtime.inbox.claim(event_id)
    if claim is not None:
        process(runtime, claim)
        _send_follower(runtime, claim.seq)
    _send_again(runtime, event_id)


@shared_task(name="flask_ycloud.sweep")  # type: ignore[untyped-decorator]
def sweep() -> int:
    """Send again what is overdue, and delete what was done long ago.

    For ``beat_schedule``, or ``flask ycloud sweep``.

    :returns: how many tasks were sent.
    """
    runtime = _runtime()
    dispatcher = _dispatcher(runtime)
    ids = runtime.inbox.overdue(OVERDUE_SECONDS, limit=_MOST_SWEPT)
    for event_id in ids:
        dispatcher.send(event_id)
    runtime.inbox.prune()
    return len(ids)


def _send_follower(runtime: Runtime, seq: int) -> None:
    """The next event of the same conversation waited for this one."""
    follower = runtime.inbox.follower(seq)
    if follower is not None:
        _dispatcher(runtime).offer(follower)


def _send_again(runtime: Runtime, event_id: str) -> None:
    """A retry, or the end of somebody's lease, is a task that waits until then."""
    event = runtime.inbox.get(event_id)
    if event is not None and event.due_at is not None:
        seconds = event.due_at.timestamp() - runtime.inbox.clock()
        if seconds > 0:
            _dispatcher(runtime).offer(event_id, seconds)


def _dispatcher(runtime: Runtime) -> CeleryDispatcher:
    dispatcher = runtime.dispatcher
    if not isinstance(dispatcher, CeleryDispatcher):
        raise ConfigurationError(
            f"YCLOUD_DISPATCH is {runtime.dispatch!r}; a sweep is for 'celery'."
        )
    return dispatcher


def _runtime() -> Runtime:
    return runtime_of(current_app._get_current_object())  # type: ignore[attr-defined]
