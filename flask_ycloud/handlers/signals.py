"""Blinker signals: one per event type and pattern, and those of an event's life.

The sender is always the app itself, never ``current_app``: blinker compares senders by
identity, and a proxy is another object.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from blinker import NamedSignal, Namespace

from ..logs import log
from ..protocol import patterns

_logger = logging.getLogger(__name__)
_life = Namespace()

#: A delivery was verified and stored as a new event. Sent with ``event_id``,
#: ``event_type``, ``endpoint``, ``tenant`` (``None`` where the endpoint serves one account)
#: and ``seconds`` (what verifying and storing took), before the 2xx.
event_accepted = _life.signal("event-accepted")

#: A delivery was verified, and its event id is already known. Sent as above.
event_duplicated = _life.signal("event-duplicated")

#: A delivery was verified, and its event id is known with another body. Sent as above, with
#: ``conflict_id``, the id of the dead letter that has the first such body.
event_conflicted = _life.signal("event-conflicted")

#: A delivery was rejected. Sent with ``endpoint``, ``reason`` (a word) and ``status``.
delivery_rejected = _life.signal("delivery-rejected")

#: A handler returned. Sent with ``event``, ``handler`` (its name) and ``seconds``.
handler_succeeded = _life.signal("handler-succeeded")

#: A handler raised. Sent as above with ``error`` (the exception) and ``retry_in``
#: (seconds; ``None`` if that handler will not run again).
handler_failed = _life.signal("handler-failed")

#: Every handler of an event has ended. Sent with ``event_id``, ``event_type``,
#: ``endpoint`` and ``tenant``; and with ``unhandled=True`` if no handler was subscribed to
#: it.
event_done = _life.signal("event-done")

#: An event became a dead letter. Sent with ``event_id``, ``event_type``, ``endpoint``,
#: ``tenant`` and ``reason``.
event_dead = _life.signal("event-dead")


def announce(signal: NamedSignal, app: object, **details: Any) -> None:
    """Send a signal of an event's life to all receivers, even if one of them raises.

    Its error is logged, by type only. It does not change the outcome of the event.
    """
    if not signal.receivers or signal.is_muted:
        return
    for receiver in list(signal.receivers_for(app)):
        try:
            receiver(app, **details)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and in_main_thread():
                raise  # somebody has pressed Ctrl-C
            kind = type(error).__name__
            log(_logger, logging.ERROR, "A receiver of %s raised %s.", signal.name, kind)


def in_main_thread() -> bool:
    """Whether this is the thread in which Python handles signals of the system."""
    return threading.current_thread() is threading.main_thread()


class EventSignals:
    """The signals of event types and patterns, in a namespace of their own."""

    def __init__(self) -> None:
        self._namespace = Namespace()

    def signal(self, subscription: str) -> NamedSignal:
        """The signal of an event type or pattern; created at its first use."""
        return self._namespace.signal(subscription)

    def receivers(self, app: object, event_type: str) -> Iterator[Callable[..., Any]]:
        """The receivers of this type, from narrow patterns to wide.

        It creates no signals, so a flood of unknown types needs no memory. A receiver that
        is subscribed by two patterns occurs twice.
        """
        for subscription in patterns(event_type):
            signal = self._namespace.get(subscription)
            if signal is not None and not signal.is_muted:
                yield from _in_order(signal, app)

    def receivers_of(self, app: object, subscription: str) -> list[Callable[..., Any]]:
        """The receivers of exactly this type or pattern, in order of connection."""
        return list(_in_order(self.signal(subscription), app))

    def subscriptions(self) -> set[str]:
        """The types and patterns that have a receiver."""
        return {name for name, signal in self._namespace.items() if signal.receivers}

    def disconnect(self, receiver: Callable[..., Any]) -> None:
        """Disconnect a receiver from every signal."""
        for signal in self._namespace.values():
            signal.disconnect(receiver)


def _in_order(signal: NamedSignal, app: object) -> Iterator[Callable[..., Any]]:
    """The receivers in order of connection, which blinker itself does not keep."""
    subscribed = list(signal.receivers_for(app))
    for held in list(signal.receivers.values()):
        receiver: Any = held() if isinstance(held, weakref.ref) else held
        if receiver in subscribed:
            yield receiver
